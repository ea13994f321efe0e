"""The recipes' README is code: every command in it parses, every Python block runs."""

import re
import shlex
from pathlib import Path

import pytest

from vireid.cli import main

TEXT = (Path(__file__).parent.parent / "configs" / "README.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```bash\n(.*?)```", TEXT.replace("\\\n", ""), re.DOTALL) for line in block.strip().splitlines()]
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
SECTIONS = [
    "Options of a run",
    "Watching a run",
    "Going on with a run",
    "Other searches",
    "Comparing runs",
    "CM-NAS",
    "OSNet-AIN",
    "CDNet",
    "AGW and CAJ",
    "IV-REID",
    "CGRNet and HHRG",
    "Worlds of generated people",
    "What a search measures",
    "Our own recipe",
    "A gallery in use",
    "Many machines",
    "Time and memory",
    "Questions",
    "Glossary",
]


def test_sections_are_in_the_order_in_which_they_are_read() -> None:
    assert re.findall(r"^## (.*)$", TEXT, re.MULTILINE) == SECTIONS


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("vireid fit")])
def test_commands_parse(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        main([*shlex.split(command)[1:], "--print_config"])
    assert end.value.code == 0
    assert "class_path: vireid." in capsys.readouterr().out


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_python_blocks_run(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(block, {})  # an `assert` inside says what it shows
