"""The ``vireid`` command. Imports the standard library alone, so that help and version answer at once."""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Callable

from vireid.version import __version__

COMMANDS: dict[str, tuple[str, str]] = {
    "fit": ("vireid.commands.lightning", "search an architecture or train a network, as the configuration says"),
    "validate": ("vireid.commands.lightning", "score a checkpoint on held-out training identities"),
    "test": ("vireid.commands.lightning", "score a checkpoint with the protocol of its dataset (--ckpt PATH is enough)"),
    "predict": ("vireid.commands.lightning", "write embeddings.npz of the test images"),
    "summarize": ("vireid.commands.summarize", "one table of several runs, with deviation and interval, also as Markdown, LaTeX or CSV"),
    "compare": ("vireid.commands.compare", "say whether the difference of two runs is more than noise"),
    "study": ("vireid.commands.study.command", "compare searches with baselines and random networks at one budget, resumable"),
    "demo": ("vireid.commands.demo.command", "search, retrain and test on generated people, about five minutes on a laptop"),
    "data": ("vireid.commands.data", "check a dataset folder, or generate one (check, synthesize)"),
    "convert": ("vireid.commands.convert.command", "turn a checkpoint of a published project into one of ours"),
    "genotype": ("vireid.commands.genotype", "look at genotype files and convert them (show, diff, validate, convert)"),
}


def main(args: list[str] | None = None) -> None:
    """Run one command.

    Args:
        args: arguments after the program's name; default ``sys.argv[1:]``.

    Raises:
        SystemExit: with code 1 when the command failed while running, 2 on bad usage or input. Success returns.
    """
    words = list(sys.argv[1:] if args is None else args)
    if not words or words[0] in ("-h", "--help"):
        sys.stdout.write(usage())
        return
    if words[0] == "--version":
        sys.stdout.write(f"vireid {__version__}\n")
        return
    if words[0] not in COMMANDS:
        close = difflib.get_close_matches(words[0], COMMANDS, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        _fail(f"There is no command {words[0]!r}.{hint} Commands: {', '.join(COMMANDS)}.")
    run: Callable[[list[str]], int] = importlib.import_module(COMMANDS[words[0]][0]).main
    from vireid.errors import VireidError

    try:
        code = run(words)
    except VireidError as error:
        _fail(str(error), error.exit_code)
    except (KeyboardInterrupt, SystemExit) as end:
        if isinstance(end, KeyboardInterrupt) or isinstance(end.__context__, KeyboardInterrupt):  # Lightning exits with 1
            sys.stderr.write("\nInterrupted.\n")
            raise SystemExit(130) from None
        raise
    if code:
        raise SystemExit(code)


def usage() -> str:
    """The table of ``vireid --help``."""
    width = max(map(len, COMMANDS))
    rows = "\n".join(f"  {name:<{width}}  {text}" for name, (_, text) in COMMANDS.items())
    return (
        f"vireid {__version__}: architecture search, training and evaluation of visible-infrared person re-identification\n\n"
        f"usage: vireid COMMAND [options]\n\n{rows}\n\n"
        "vireid COMMAND --help tells the options of a command, vireid --version the version.\n"
    )


def _fail(message: str, code: int = 2) -> None:
    sys.stderr.write(f"vireid: error: {message}\n")
    raise SystemExit(code)
