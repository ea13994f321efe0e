"""``vireid configs``, ``vireid fit`` alone, and names of configurations that do not exist."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.runs import run
from vireid.commands.configs import config_names, config_table, configs_by_folder, packaged_configs, resolve_configs

Capsys = pytest.CaptureFixture[str]


@pytest.mark.parametrize("columns", [80, 200])
def test_the_table_has_a_line_a_file_with_the_beginning_of_its_comment(columns: int) -> None:
    lines = config_table(columns).splitlines()
    assert all(len(line) <= columns for line in lines)
    for name in config_names():
        folder, stem = name.removesuffix(".yaml").split("/")
        below = lines[lines.index(f"{folder}/") + 1 :]
        (row, *_) = (line for line in below if line.split()[:1] == [stem])
        comment = (packaged_configs() / name).read_text().splitlines()[0]
        assert comment.startswith("# ")
        assert comment.removeprefix("# ").startswith(row[21:].removesuffix("...")), row


def test_the_command_lists_prints_and_refuses(capsys: Capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run(capsys, "configs").out == config_table(80)
    assert run(capsys, "configs", "train/agw").out == (packaged_configs() / "train" / "agw.yaml").read_text()
    assert all(len(line) <= 80 for line in run(capsys, "configs", "--help").out.splitlines())
    assert "takes one name at most, got a b" in run(capsys, "configs", "a", "b").err
    missing = run(capsys, "configs", "train/awg")
    assert (missing.code, missing.err.count("\n")) == (2, 1)
    assert "no configuration file 'train/awg', neither here nor in the package. Did you mean 'train/agw.yaml'?" in missing.err


def test_fit_alone_says_which_files_there_are(capsys: Capsys) -> None:
    done = run(capsys, "fit")
    assert done.code == 2
    assert done.err.startswith("vireid: error: `vireid fit` needs data and a model, such as -c data/sysu -c train/agw.\n")
    words = done.err.split()
    for name in config_names():
        folder, stem = name.removesuffix(".yaml").split("/")
        assert folder == "study" or (f"{folder}/" in words and stem in words)
    assert all(len(line) <= 80 for line in configs_by_folder().splitlines())


@pytest.mark.parametrize(
    "words",
    [["configs"], ["configs", "train/agw"], ["fit"], ["test"], ["fit", "-c", "absent"], ["fit", "-c", "data/sysu", "--data.seed=1"]],
)
def test_no_torch_is_loaded(words: list[str], tmp_path: Path) -> None:
    code = (
        "import sys; from vireid.cli import main\n"
        f"try: main({words!r})\nexcept SystemExit: pass\n"
        "assert not {'torch', 'pytorch_lightning', 'jsonargparse', 'rich'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_file_of_comments_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "comments.yaml").write_text("---\n# lr: 1\n\n   # more\n")
    (tmp_path / "some.yaml").write_text("# lr: 1\nmodel: {}\n")
    words = ["fit", "-c", "comments.yaml", "--config=comments.yaml", "-c", "some.yaml", "--x", "1"]
    assert resolve_configs(words) == ["fit", "-c", "some.yaml", "--x", "1"]
