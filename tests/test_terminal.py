"""Names of the outside world reach a terminal as they are on disk: never as markup, and never as orders."""

from __future__ import annotations

import ast
import logging
import os
import re
from pathlib import Path

import pytest
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

import vireid.terminal
from tests.commands.runs import run
from vireid.commands.lightning_warnings import quiet_lightning
from vireid.data.synthetic import write_dataset
from vireid.models.published.loading import shown
from vireid.printable import printable, visible
from vireid.results import Result
from vireid.results.formats import terminal
from vireid.results.summary import SummaryRow
from vireid.results.table import COLUMNS, results_table
from vireid.terminal import console, moving_console, say, table_console, text_console

PACKAGE = Path(__file__).parent.parent / "vireid"
NAME = "runs/[lr=0.1]/[/x] :smile: [red]a\x1b[2J\x07\x9b\u202eb"
SHOWN = "runs/[lr=0.1]/[/x] :smile: [red]a\\x1b[2J\\x07\\x9b\\u202eb"
Capsys = pytest.CaptureFixture[str]


def test_names_in_one_line() -> None:
    assert printable(NAME) == SHOWN
    assert printable(Path("a\nb\tc")) == "a\\nb\\tc"
    assert printable("行人 é ²") == "行人 é ²"
    assert printable(os.fsdecode(b"\xff")) == "\\udcff"
    assert printable(7) == "7"
    assert visible("a\n\tb\r\x1b") == "a\n\tb\\r\\x1b"
    assert shown(["a\x1b", "b"]) == "a\\x1b, b"


@pytest.mark.parametrize("make", [console, table_console, text_console])
def test_a_console_shows_what_it_is_given(make: object, capsys: Capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    terminal = make()  # type: ignore[operator]
    terminal.print(NAME, soft_wrap=True)
    table = Table(NAME, title=NAME, caption=NAME)
    table.add_row(NAME)
    table.add_row(Text(NAME))
    terminal.print(table)
    found = terminal.file.getvalue() if make is text_console else capsys.readouterr().out
    assert re.findall(r"[^\n\x20-\x7e\u2500-\u257f]", found) == []
    assert found.count(SHOWN) == 5
    assert found.count(SHOWN.replace("\\x07", "")) == 1, "rich leaves the bell out of its own texts"


@pytest.mark.filterwarnings("error")  # rich asks for ipywidgets where a line moves without it
def test_a_notebook_is_shown_plain_text_and_no_moving_line_without_widgets(capsys: Capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")  # as kernels do
    monkeypatch.setattr(vireid.terminal, "find_spec", lambda name: None)
    console().print("plain", style="bold")
    with Progress(console=moving_console()) as line:
        line.add_task("moves", total=1, completed=1)
    assert not {"\x1b", "\r"} & set(found := capsys.readouterr().out)
    assert found.startswith("plain\nmoves")
    monkeypatch.setattr(vireid.terminal, "find_spec", lambda name: object())
    assert moving_console().is_jupyter


def test_lines_are_not_folded(capsys: Capsys) -> None:
    say("x" * 500)
    say("y\x1b", stderr=True)
    assert capsys.readouterr() == ("x" * 500 + "\n", "y\\x1b\n")


def test_colours_of_our_own_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    terminal = console()
    with terminal.capture() as captured:
        terminal.print(Text("error", style="red"))
    assert captured.get() == "\x1b[31merror\x1b[0m\n"


def test_tables_of_results(capsys: Capsys) -> None:
    values = dict.fromkeys(("rank1", "rank5", "rank10", "rank20", "mAP", "mINP"), (0.5, 0.6))
    result = Result("sysu/[/x]", values, 3, remark="[b]\x1b")
    table_console().print(results_table([result], "title [/y]"))
    found = capsys.readouterr().out
    assert [text in found for text in ("sysu/[/x]", "[b]\\x1b", "title [/y]")] == [True] * 3
    summary = terminal([SummaryRow("run [/z]", result, "seeds")], "note [/n]", COLUMNS)
    assert [text in summary for text in ("run [/z]", "sysu/[/x]", "[b]\\x1b", "note [/n]")] == [True] * 4


def test_what_lightning_says_of_paths(caplog: pytest.LogCaptureFixture) -> None:
    quiet_lightning()
    with caplog.at_level(logging.INFO):
        logging.getLogger("pytorch_lightning.utilities.rank_zero").warning("Restored all states from %s", NAME)
    assert SHOWN in caplog.text
    assert "\x1b" not in caplog.text


def test_a_folder_with_such_a_name(tmp_path: Path, capsys: Capsys) -> None:
    root = tmp_path / "a [/x]\x1b[2J"
    write_dataset(root, layout="regdb", identities=4, test_identities=2, images=2, seed=0, height=32, width=16, workers=0)
    checked = run(capsys, "data", "check", root)
    assert "a [/x]\\x1b[2J" in checked.out.replace("\n", "")
    absent = run(capsys, "data", "check", tmp_path / "b\x1b")
    assert absent.code == 2
    assert "\x1b" not in checked.out + checked.err + absent.out + absent.err


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_console_is_ours(path: Path) -> None:
    """Rich's own would take names for markup; so would its progress bars without a console of ours, and ``from_markup``."""
    if path.name == "terminal.py":
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    named = [(ast.unparse(node.func).rpartition(".")[2], {keyword.arg for keyword in node.keywords}) for node in calls]
    assert [name for name, _ in named if name in ("Console", "get_console", "from_markup")] == []
    assert [name for name, keywords in named if name in ("Progress", "Live") and "console" not in keywords] == []
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert not {"rich", "rich.markup"} & {node.module for node in imports}
    assert "track" not in {name.name for node in imports if node.module == "rich.progress" for name in node.names}, "terminal.py has ours"
