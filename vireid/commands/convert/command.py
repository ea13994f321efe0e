"""``vireid convert``: turn checkpoints of published projects into ours."""

from __future__ import annotations

import argparse

from vireid.commands.configs import packaged_configs, resolve_configs
from vireid.commands.layers import read_layers
from vireid.commands.parser import ShortErrors
from vireid.errors import SettingsError
from vireid.models.published.systems import SYSTEMS

EPILOGUE = (
    "The network is built as the system's packaged configuration says. A -c file with a model.class_path replaces that configuration; "
    "other -c files and --model options change it. "
    "Nothing in the file is executed."
)


def main(words: list[str]) -> int:
    """Run ``vireid convert ...``; ``words[0]`` is ``convert``."""
    parser = convert_parser()
    if {"-h", "--help"} & set(words):
        parser.add_argument("--model", metavar="CLASS_PATH | .NAME VALUE", help="class or argument of the network; see --model.help")
        parser.print_help()
        return 0
    from vireid.commands.convert.conversion import add_model_options, convert

    add_model_options(parser)
    resolved = resolve_configs(words[1:])
    options = parser.parse_args([*default_config(resolved), *resolved])
    check_decided(options.system, words)
    return convert(options)


def check_decided(name: str, words: list[str]) -> None:
    """Refuse a command that leaves out what a state dict does not say.

    Raises:
        SettingsError: such an option is missing; the message names it.
    """
    undecided = SYSTEMS[name].undecided
    given = {f"--model.{undecided[0]}", f"--model.init_args.{undecided[0]}", "-c", "--config"} if undecided else set()
    if undecided and not any(word.split("=")[0] in given for word in words):
        raise SettingsError(f"A checkpoint of {name} does not say {undecided[1]}. Add --model.{undecided[0]}.")


def default_config(words: list[str]) -> list[str]:
    """The packaged configuration of the system, as options that come before the user's; nothing if a file of the user names a class.

    Args:
        words: the command line, in which the names of packaged files are resolved.
    """
    first = argparse.ArgumentParser(add_help=False)
    first.add_argument("--from", dest="system")
    name = first.parse_known_args(words)[0].system
    models = [layer.content.get("model") for layer in read_layers(words)]
    replaced = any(isinstance(model, dict) and "class_path" in model for model in models)
    return ["--config", str(packaged_configs() / SYSTEMS[name].config)] if name in SYSTEMS and not replaced else []


def convert_parser() -> ShortErrors:
    """The parser, with every option except those of the network."""
    parser = ShortErrors(prog="vireid convert", description="Convert a checkpoint of a published project.", epilog=EPILOGUE)
    parser.add_argument("source", type=str, help="the checkpoint to convert")
    parser.add_argument("--from", dest="system", required=True, choices=list(SYSTEMS), help="the project that the checkpoint comes from")
    parser.add_argument("--output", type=str, required=True, help="checkpoint to write; it must not exist")
    parser.add_argument("--key", type=str | None, default=None, help="entry with the state dict, such as ema; default: found")
    parser.add_argument("--partial", type=bool, default=False, help="accept a file that does not fill the whole network, or holds more")
    parser.add_argument("-c", "--config", action="config", help="configuration of the network")
    for section in ("data", "trainer"):
        parser.add_argument(f"--{section}", type=dict | None, default=None, help="ignored; configurations may hold this section")
    return parser
