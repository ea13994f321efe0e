"""The ``vireid`` command. This module imports only the standard library, so that help and version answer at once."""

from __future__ import annotations

import difflib
import errno
import importlib
import io
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from vireid.printable import visible
from vireid.version import __version__

PACKAGE = Path(__file__).parent
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # a disk, a quota, a file system's largest file
COMMANDS: dict[str, tuple[str, str]] = {
    "fit": ("vireid.commands.run", "search an architecture or train a network, as -c files say"),
    "validate": ("vireid.commands.run", "score a checkpoint on held-out training identities"),
    "test": ("vireid.commands.run", "score a checkpoint on the test set (--ckpt PATH is enough)"),
    "predict": ("vireid.commands.run", "write embeddings.npz of the test images, or of any image files"),
    "evaluate": ("vireid.commands.evaluate", "score a test from parts that predict --shard embedded"),
    "pretrain": ("vireid.commands.pretrain.command", "train weights to start from on generated people"),
    "summarize": ("vireid.commands.summarize", "one table of several runs; also Markdown, LaTeX or CSV"),
    "compare": ("vireid.commands.compare", "say whether the difference of two runs is more than noise"),
    "report": ("vireid.commands.report", "a page about runs, in one file: curves, ranked lists, maps"),
    "study": ("vireid.commands.study.command", "compare searches, baselines and random networks at one budget"),
    "sweep": ("vireid.commands.sweep.command", "train with other values of some options, and one table"),
    "demo": ("vireid.commands.demo.command", "search, retrain and test on generated people, in minutes"),
    "data": ("vireid.commands.data", "check a dataset folder, or generate one (check, synthesize)"),
    "convert": ("vireid.commands.convert.command", "turn a checkpoint of a published project into one of ours"),
    "export": ("vireid.commands.export", "write a network as a folder that runs without torch; verify it"),
    "gallery": ("vireid.commands.gallery.command", "find people in a file of day and night images (add, search, ...)"),
    "serve": ("vireid.commands.serve", "answer searches of a gallery over HTTP, with a page for them"),
    "genotype": ("vireid.commands.genotype", "show genotype files (show, diff, validate, convert)"),
    "configs": ("vireid.commands.configs", "list the configuration files of the package, or print one"),
    "completion": ("vireid.commands.completion", "let the Tab key complete commands and files (bash, zsh)"),
}


def main(args: list[str] | None = None) -> None:
    """Run one command.

    Args:
        args: arguments after the program's name; default ``sys.argv[1:]``.

    Raises:
        SystemExit: with code 1 when the command failed while running, 2 on bad usage or input, 130 when it was interrupted, 143 when it
            was terminated. Success returns.
    """
    show_what_can_be_shown()
    words = [with_home(word) for word in (sys.argv[1:] if args is None else args)]
    if not words or words[0] in ("-h", "--help"):
        sys.stdout.write(usage())
        return
    if words[0] == "--version":
        sys.stdout.write(f"vireid {__version__}\n")
        return
    if words[0] == "--complete":
        from vireid.commands.completion import complete

        sys.stdout.writelines(f"{found}\n" for found in complete(words[3 : int(words[1]) + 3], list(COMMANDS)))
        return
    if words[0] not in COMMANDS:
        close = difflib.get_close_matches(words[0], COMMANDS, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        _fail(f"There is no command {words[0]!r}.{hint} Commands: {', '.join(COMMANDS)}.")
    code = _run(words)
    if code:
        raise SystemExit(code)


def _run(words: list[str]) -> int:
    """Exit code of a command."""
    from vireid.commands.stopping import stop_behind, stop_code, terminable
    from vireid.errors import VireidError

    warnings.formatwarning = warning
    try:
        with terminable():
            run: Callable[[list[str]], int] = importlib.import_module(COMMANDS[words[0]][0]).main
            return run(words)
    except VireidError as error:
        _fail(str(error), error.exit_code)
    except OSError as error:
        if error.errno not in FULL:
            raise
        name = f" {error.filename!r}" if error.filename else ""
        _fail(f"Cannot write{name}: {error.strerror}. Make room, and give the same command again.")
    except (KeyboardInterrupt, SystemExit) as end:
        code = stop_code(stop_behind(end))
        if not code:
            raise
        sys.stderr.write("\nInterrupted.\n" if code == 130 else "\nTerminated.\n")
        return code


def show_what_can_be_shown() -> None:
    """Write a question mark for a character that a terminal or a log file without UTF-8 does not have, such as a piece of a bar."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")


def warning(message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None) -> str:  # noqa: ARG001
    """A warning as a command shows it: one of ours is a sentence, another says where it comes from, and neither is obeyed by a terminal."""
    place = "vireid: warning" if PACKAGE in Path(filename).parents else f"{filename}:{lineno}: {category.__name__}"
    return f"{visible(f'{place}: {message}')}\n"


def with_home(word: str) -> str:
    """A word in which the shell has left the home folder as ``~``, because it stands in quotes or after an equals sign.

    Example:
        >>> with_home("--data.root=~/people") == f"--data.root={Path.home() / 'people'}"
        True
    """
    name, equals, value = word.partition("=") if word.startswith("-") else ("", "", word)
    return f"{name}{equals}{Path(value).expanduser()}" if value.startswith("~/") else word


def usage() -> str:
    """The table of ``vireid --help``."""
    width = max(map(len, COMMANDS))
    rows = "\n".join(f"  {name:<{width}}  {text}" for name, (_, text) in COMMANDS.items())
    return (
        f"vireid {__version__}: architecture search for visible-infrared person re-identification\n\n"
        f"usage: vireid COMMAND [options]\n\n{rows}\n\n"
        "vireid COMMAND --help: options of a command. vireid --version: the version.\n"
    )


def _fail(message: str, code: int = 2) -> NoReturn:
    sys.stderr.write(f"vireid: error: {visible(message)}\n")
    raise SystemExit(code)
