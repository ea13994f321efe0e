"""Commands that only read small files, and every help text but those of Lightning's commands, import no torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.results.written import average_precisions, result, write
from vireid.cli import COMMANDS
from vireid.commands.completion import SUBCOMMANDS as SUBCOMMANDS_OF
from vireid.search import BNSeparation

HEAVY = ("torch", "torchvision", "pytorch_lightning", "matplotlib", "PIL")
LIGHTNING = {name for name, (module, _) in COMMANDS.items() if module == "vireid.commands.run"}
SUBCOMMANDS = {"data": ("check", "synthesize"), "genotype": ("show", "diff", "validate", "convert"), "gallery": SUBCOMMANDS_OF["gallery"]}
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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two tested runs, and genotype files of every format."""
    for name in ("a", "b"):
        write(tmp_path / name / "test-1", result(average_precisions(ord(name))))
    BNSeparation("resnet10").baseline("stem_separate").save(tmp_path / "ours.json")
    (tmp_path / "r50.cfg").write_text(" ".join("01"[i % 2] for i in range(53)))
    (tmp_path / "ain.txt").write_text("OSBlockINv1 OSBlockINv1 OSBlock OSBlockINv1 OSBlockINv1 OSBlock")
    layers = [[3, 5, 1], [3, 7, 2], [5, 7, 2], [5, 9, 1], [5, 7, 2], [5, 7, 1]]
    (tmp_path / "cdnet.json").write_text(json.dumps({"layers": layers}))
    return tmp_path


@pytest.mark.parametrize(
    "command",
    [
        "configs",
        "configs train/agw.yaml",
        "summarize a b",
        "summarize a b --over_seeds true --format latex",
        "compare a b",
        *(f"genotype show {name}" for name in ("ours.json", "r50.cfg", "ain.txt", "cdnet.json")),
        "genotype diff ours.json r50.cfg",
        "genotype convert ours.json new.cfg --backbone resnet10",
        "genotype convert ain.txt new.json",
        "genotype convert cdnet.json new.json",
        "genotype convert cdnet.json new.json --to cdnet",
    ],
)
def test_what_reads_small_files_imports_no_torch(folder: Path, command: str) -> None:
    assert heavy(*command.split(), cwd=folder) == "[]"


def test_a_report_imports_no_torch(folder: Path) -> None:
    loaded = heavy("report", "a", "b", cwd=folder)
    assert "'matplotlib'" in loaded
    assert "torch" not in loaded


@pytest.mark.parametrize("command", ["genotype validate ours.json", "genotype show cdnet.json --cost"])
def test_what_asks_the_space_imports_no_lightning(folder: Path, command: str) -> None:
    loaded = heavy(*command.split(), cwd=folder)
    assert "'torch'" in loaded
    assert "lightning" not in loaded
