"""Entry of ``fit``, ``validate``, ``test`` and ``predict``. It refuses wrong commands before torch is loaded, where that is possible."""

from __future__ import annotations

from vireid.commands.command_line import configures, option, with_ckpt_path
from vireid.commands.configs import configs_by_folder, resolve_configs
from vireid.commands.layers import read_layers
from vireid.commands.seeds import check_seeds
from vireid.errors import SettingsError


def main(words: list[str]) -> int:
    """Run one of Lightning's subcommands; ``words[0]`` is its name."""
    words = resolve_configs(with_ckpt_path(words))
    check_complete(words)
    if words[0] == "predict" and option(words, "--images") is not None:
        from vireid.commands import predict_images  # loads the parser

        return predict_images.main(words)
    shard, checkpoint = option(words, "--shard"), option(words, "--ckpt_path")
    if words[0] == "predict" and shard is not None and checkpoint is not None:
        from vireid.commands.shards import is_predicted

        if is_predicted(shard, checkpoint, option(words, "--run_dir")):
            return 0
    if words[0] == "fit":
        check_seeds(read_layers(words))
    from vireid.commands import lightning  # loads torch

    return lightning.main(words)


def check_complete(words: list[str]) -> None:
    """Refuse a command that names neither configurations nor a checkpoint.

    Raises:
        SettingsError: the command names neither; the message says what to add.
    """
    if configures(words):
        return
    if words[0] == "fit":
        raise SettingsError(f"`vireid fit` needs data and a model, such as -c data/sysu -c train/agw.\n{configs_by_folder()}")
    if option(words, "--ckpt_path") is None:
        raise SettingsError(f"`vireid {words[0]}` needs a checkpoint: add --ckpt PATH.")
