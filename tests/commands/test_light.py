"""Commands that only read small files, and every help text but those of Lightning's commands, import no torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vireid.cli import COMMANDS

HEAVY = ("torch", "torchvision", "pytorch_lightning", "matplotlib", "PIL")
LIGHTNING = {name for name, (module, _) in COMMANDS.items() if module == "vireid.commands.lightning"}
SUBCOMMANDS = {"data": ("check", "synthesize"), "genotype": ("show", "diff", "validate", "convert")}
PROGRAM = f"""
import sys
from vireid.cli import main
try:
    main(sys.argv[1:])
finally:
    print("HEAVY", [name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
"""


def heavy(*words: object, cwd: Path | None = None) -> str:
    """What a command imports of the heavy packages; it must have succeeded."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, *map(str, words)], capture_output=True, text=True, check=False, cwd=cwd)
    assert done.returncode in (0, 1), done.stderr  # 1: genotypes differ
    return done.stderr.splitlines()[-1].removeprefix("HEAVY ")


def helps() -> list[tuple[str, ...]]:
    return [("--help",), ("--version",)] + [
        (*words, "--help")
        for name in COMMANDS
        if name not in LIGHTNING
        for words in [(name,), *((name, subcommand) for subcommand in SUBCOMMANDS.get(name, ()))]
    ]


@pytest.mark.parametrize("words", helps(), ids=" ".join)
def test_help_imports_no_torch(words: tuple[str, ...]) -> None:
    assert heavy(*words) == "[]"


def test_the_check_itself_sees_torch() -> None:
    assert "'torch'" in heavy("fit", "--help")
