"""The program itself: help and version without torch, the table of commands, exit codes."""

from __future__ import annotations

import errno
import importlib
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

import vireid
from tests.commands.runs import run
from vireid import cli
from vireid.cli import main, with_home
from vireid.commands.parser import ShortErrors
from vireid.errors import SettingsError
from vireid.printable import visible

HEAVY = {"torch", "pytorch_lightning", "jsonargparse", "rich"}


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["-h"], []])
def test_help_and_version_import_no_torch(words: list[str]) -> None:
    code = f"import sys; from vireid.cli import main; main({words!r}); assert not {HEAVY!r} & set(sys.modules), set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert vireid.__version__ in done.stdout


def test_the_program_is_the_same_from_a_source_tree() -> None:
    source = Path(__file__).parents[2] / "cli.py"
    done = subprocess.run([sys.executable, str(source), "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"vireid {vireid.__version__}\n"


def test_the_package_runs_as_the_program() -> None:
    done = subprocess.run([sys.executable, "-m", "vireid", "--help"], capture_output=True, text=True, check=True)
    assert done.stdout == cli.usage()
    done = subprocess.run([sys.executable, "-m", "vireid", "summarize", "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: vireid summarize ")


def test_help_fits_on_a_terminal() -> None:
    assert all(len(line) <= 80 for line in cli.usage().splitlines())


def test_the_table_of_help_is_the_commands_that_exist() -> None:
    from vireid.commands.lightning import VireidCLI

    lightning = {name for name, (module, _) in cli.COMMANDS.items() if module == "vireid.commands.run"}
    assert lightning == set(VireidCLI.subcommands())
    for name, (module, text) in cli.COMMANDS.items():
        assert callable(importlib.import_module(module).main)
        assert f"  {name}" in cli.usage()
        assert text in cli.usage()


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_has_a_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    done = run(capsys, command, "--help")
    assert done.code in (0, None)
    assert re.search(rf"usage: vireid (\[options\] )?{command}", done.out)
    assert done.err == ""


def test_an_unknown_command_suggests_a_near_one(capsys: pytest.CaptureFixture[str]) -> None:
    done = run(capsys, "tset", "--ckpt", "x")
    assert done.code == 2
    assert done.err == f"vireid: error: There is no command 'tset'. Did you mean 'test'? Commands: {', '.join(cli.COMMANDS)}.\n"
    assert "Did you mean" not in run(capsys, "xyzzy").err


def test_a_warning_of_ours_is_a_sentence_and_no_terminal_obeys_one() -> None:
    ours, other = (cli.warning("[red] \x1b[2J.png", UserWarning, name, 3, "code()") for name in (cli.__file__, "/else/where.py"))
    assert ours == "vireid: warning: [red] \\x1b[2J.png\n"
    assert other == "/else/where.py:3: UserWarning: [red] \\x1b[2J.png\n"


@pytest.mark.parametrize("name", ["\x1b[2J.png", "night.png"])
def test_commands_show_warnings_so(name: str) -> None:
    program = f"""
import sys, types, warnings
from vireid.cli import COMMANDS, main
module = types.ModuleType("planted")
module.main = lambda words: exec(compile("import warnings; warnings.warn({name!r})", {cli.__file__!r}, "exec"))
sys.modules["planted"] = module
COMMANDS["planted"] = ("planted", "")
main(["planted"])
"""
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stderr
    assert shown == f"vireid: warning: {visible(name)}\n"


FULL = OSError(errno.ENOSPC, "No space left on device")
ROOM = "No space left on device. Make room, and give the same command again.\n"


@pytest.mark.parametrize(
    ("raised", "code", "text"),
    [
        (SettingsError("why"), 2, "vireid: error: why\n"),
        (KeyboardInterrupt(), 130, "\nInterrupted.\n"),
        (FULL, 2, f"vireid: error: Cannot write: {ROOM}"),
        (OSError(*FULL.args, "a/log"), 2, f"vireid: error: Cannot write 'a/log': {ROOM}"),
    ],
)
def test_errors_become_exit_codes(
    raised: BaseException, code: int, text: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(words: list[str]) -> int:
        raise raised

    monkeypatch.setattr("vireid.commands.genotype.main", fail)
    done = run(capsys, "genotype")
    assert (done.code, done.err, done.out) == (code, text, "")


def test_code_of_a_command_is_the_exit_code_and_0_returns(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vireid.commands.genotype.main", lambda words: len(words))
    assert run(capsys, "genotype", "show").code == 2
    monkeypatch.setattr("vireid.commands.genotype.main", lambda words: 0)
    cli.main(["genotype"])


def test_words_come_from_the_command_line_by_default(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["vireid", "--version"])
    cli.main()
    assert capsys.readouterr().out == f"vireid {vireid.__version__}\n"


@pytest.mark.parametrize("words", [["fit", "--nonsense", "1"], ["data", "nonsense"], ["genotype", "show"], ["demo", "--nonsense"]])
def test_bad_usage_is_exit_code_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    done = run(capsys, *words)
    assert done.code == 2
    assert "error: " in done.err


def test_the_home_folder_in_options_and_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert [with_home(word) for word in ("~/x", "--a=~/x", "~", "a~/x", "--a=b=~/x")] == [
        f"{tmp_path}/x", f"--a={tmp_path}/x", "~", "a~/x", "--a=b=~/x",
    ]  # fmt: skip
    (tmp_path / "c.yaml").write_text("a: ~/x\nb: {c: [~/y, 3], d: ~}\n")
    parser = ShortErrors()
    parser.add_argument("-c", action="config")
    parser.add_argument("--a", type=str)
    parser.add_argument("--b", type=dict)
    found = parser.parse_args(["-c", str(tmp_path / "c.yaml")])
    assert (found.a, found.b) == (f"{tmp_path}/x", {"c": [f"{tmp_path}/y", 3], "d": None})


def test_characters_that_a_terminal_does_not_have(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    main(["--version"])
    stream.write("█ 50 %")
    stream.flush()
    assert stream.buffer.getvalue().endswith(b"? 50 %")  # type: ignore[attr-defined]
