"""What VireidCLI takes from Lightning: public methods, and nothing behind them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI
from pytorch_lightning.loggers import CSVLogger

from tests.commands.runs import run
from vireid.commands.lightning import RunConfig, VireidCLI
from vireid.commands.logger import RunLogger
from vireid.commands.loggers import VireidParser

Capsys = pytest.CaptureFixture[str]
WORDS = ("-c", "data/sysu.yaml", "-c", "train/all_shared.yaml", "--print_config")


@pytest.mark.parametrize(("ours", "theirs"), [(VireidCLI, LightningCLI), (VireidParser, LightningArgumentParser), (RunLogger, CSVLogger)])
def test_no_private_method_is_overridden(ours: type, theirs: type) -> None:
    written = {name for cls in ours.__mro__ if cls.__module__.startswith("vireid.") for name, value in vars(cls).items() if callable(value)}
    private = {name for name in written if name.startswith("_") and not name.startswith("__")}
    assert not private & set(dir(theirs))


@pytest.mark.parametrize("command", ["init_parser", "setup_parser", "add_arguments_to_parser", "parse_arguments", "instantiate_trainer"])
def test_every_method_that_is_overridden_is_still_there(command: str) -> None:
    assert callable(getattr(LightningCLI, command))
    assert command in vars(VireidCLI)


@pytest.mark.parametrize("command", ["test", "validate"])
def test_lightning_prints_no_table_of_its_own(command: str, capsys: Capsys) -> None:
    assert yaml.safe_load(run(capsys, command, *WORDS).out)["verbose"] is False


def test_options_of_each_command(capsys: Capsys) -> None:
    printed = {command: yaml.safe_load(run(capsys, command, *WORDS).out) for command in VireidCLI.subcommands()}
    assert all({"run_dir", "allow", "ckpt_path"} <= set(options) for options in printed.values())
    assert [command for command, options in printed.items() if "checkpoint_every_n_batches" in options] == ["fit"]
    assert [command for command, options in printed.items() if "seed" not in options["model"]["init_args"]] == ["fit"]


def test_the_configuration_is_written_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    class Killed:
        def save(self, config: object, path: str, **_: object) -> None:
            Path(path).write_text("half")
            raise KeyboardInterrupt

    (tmp_path / "config.yaml").write_text("whole")
    saved = RunConfig(Killed(), object())  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        saved.save_config(SimpleNamespace(default_root_dir=tmp_path), None, "fit")  # type: ignore[arg-type]
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"config.yaml": "whole"}
