"""The life of a run's folder: chosen, made, refused, resumed, discarded."""

from __future__ import annotations

from pathlib import Path

import pytest

from vireid.commands.run_directory import HEADER, LAST, RunDirectory
from vireid.errors import OutputError, SettingsError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def checkpoint_of(folder: str) -> Path:
    path = Path(folder) / LAST
    path.parent.mkdir(parents=True)
    path.touch()
    return path


def test_the_default_is_the_next_free_folder_in_runs_or_beside_the_checkpoint() -> None:
    Path("runs/fit-1").mkdir(parents=True)
    assert RunDirectory("fit", None, None).path == Path("runs/fit-2")
    checkpoint = checkpoint_of("runs/child").resolve()
    assert RunDirectory("test", None, str(checkpoint)).path == checkpoint.parents[1] / "test-1"
    moved = Path("moved.ckpt").resolve()
    assert RunDirectory("predict", None, str(moved)).path == moved.parent / "predict-1"
    assert RunDirectory("test", None, None).path == Path("runs/test-1")
    assert RunDirectory("test", "mine", str(moved)).path == Path("mine")


def test_a_run_goes_on_in_its_own_folder_only() -> None:
    checkpoint = checkpoint_of("run")
    last = RunDirectory("fit", "run", "last")
    assert (last.resuming, last.checkpoint) == (True, str(checkpoint))
    named = RunDirectory("fit", "run", str(checkpoint))
    assert (named.resuming, named.checkpoint) == (True, str(checkpoint))
    other = RunDirectory("fit", "other", str(checkpoint))
    assert (other.resuming, other.checkpoint) == (False, str(checkpoint))
    assert not RunDirectory("test", "run", str(checkpoint)).resuming
    last.make()
    with pytest.raises(SettingsError, match="name its folder with --run_dir"):
        RunDirectory("fit", None, "last")
    with pytest.raises(OutputError, match="is not empty, and nothing is overwritten"):
        RunDirectory("test", "run", str(checkpoint)).make()


def test_a_run_that_was_stopped_before_its_first_checkpoint_begins_anew_in_its_folder() -> None:
    Path("run").mkdir()
    (Path("run") / "config.yaml").write_text(f"# {HEADER}\nseed_everything: 0\n")
    again = RunDirectory("fit", "run", "last")
    assert (again.resuming, again.checkpoint) == (True, None)
    again.make()
    Path("strange").mkdir()
    (Path("strange") / "config.yaml").write_text("somebody: else\n")
    assert not RunDirectory("fit", "strange", "last").resuming


def test_only_what_was_made_is_discarded_and_results_stay() -> None:
    Path("there").mkdir()
    directory = RunDirectory("fit", "there/new/run", None)
    directory.make()
    (directory.path / "config.yaml").touch()
    directory.discard()
    directory.discard()  # twice does no harm
    assert [path.name for path in Path().iterdir()] == ["there"]
    assert list(Path("there").iterdir()) == []
    directory = RunDirectory("fit", "there", None)
    directory.make()
    (directory.path / "config.yaml").touch()
    (directory.path / "metrics.csv").touch()
    directory.discard()
    assert sorted(path.name for path in Path("there").iterdir()) == ["config.yaml", "metrics.csv"]
    directory = RunDirectory("fit", "empty", None)
    Path("empty").mkdir()
    directory.make()
    directory.discard()
    assert Path("empty").is_dir()


def test_what_is_said_after_a_run() -> None:
    directory = RunDirectory("fit", "run", None)
    directory.make()
    assert directory.how_to_go_on() == ""
    (directory.path / "forks.json").touch()
    assert directory.how_to_go_on() == "To go on, give the same command with --run_dir run --ckpt_path last"
    (directory.path / "forks.json").unlink()
    assert directory.what_was_written() == "Results in run: "
    checkpoint_of("run")
    (Path("run") / "metrics.csv").touch()
    assert directory.how_to_go_on() == "To go on, give the same command with --run_dir run --ckpt_path last"
    assert directory.what_was_written().splitlines() == [
        "Results in run: checkpoints/last.ckpt, metrics.csv",
        "Go on with: vireid test --ckpt run/checkpoints/last.ckpt",
    ]
