"""The life of a run's folder: chosen, made, refused, resumed, discarded."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from vireid import locks
from vireid.commands.run_directory import HEADER, LAST, RunDirectory, next_free
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
    last.release()
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
    again.release()
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


def test_a_run_that_was_killed_in_its_first_moments_is_started_again() -> None:
    left = {
        "config.yaml": f"# {HEADER}\n",
        ".config.yaml.part": "half",
        ".write-test": "",
        ".vireid.lock": "1 here\n",
        ".slurm.json": "{}",
        "checkpoints/.last.ckpt.part": "half",
        ".embeddings.npz.part": "half",
    }
    for number, names in enumerate([[], *([name] for name in left), list(left)]):
        for name in names:
            path = Path(f"run{number}") / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(left[name])
        for command in ("fit", "test"):
            directory = RunDirectory(command, f"run{number}", None)
            directory.make()
            directory.release()
    for name, text in {"config.yaml": "of: somebody else\n", "notes.txt": "", "checkpoints/last.ckpt": "", "other/x": ""}.items():
        path = Path("theirs") / name.replace("/", "-") / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
        with pytest.raises(OutputError, match="is not empty"):
            RunDirectory("fit", str(Path("theirs") / name.replace("/", "-")), None).make()
        assert path.read_text() == text


def test_what_a_killed_run_left_half_written_is_removed_when_it_goes_on() -> None:
    checkpoint = checkpoint_of("run")
    left = [Path("run/.metrics.csv.part"), checkpoint.with_name(".previous.ckpt.part")]
    for path in (*left, Path("run/notes.part"), checkpoint.with_name("mine.part")):
        path.touch()
    RunDirectory("fit", "run", "last").make()
    assert sorted(path.name for path in Path("run").rglob("*.part")) == ["mine.part", "notes.part"]
    assert checkpoint.exists()


def test_a_folder_is_taken_once_and_the_loser_leaves_it_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "PATIENCE", 0)
    first, second = RunDirectory("fit", "new/run", None), RunDirectory("fit", "new/run", None)
    first.make()
    first.make()  # twice does no harm
    with pytest.raises(OutputError, match="'new/run' is in use"):
        second.make()
    second.discard()
    assert first.path.is_dir()
    first.release()
    second.make()


def test_every_process_that_asks_gets_a_folder_of_its_own() -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: next_free(Path("runs"), "fit"), range(24)))
    assert sorted(found) == sorted(Path(f"runs/fit-{number}") for number in range(1, 25))
    Path("file").touch()
    with pytest.raises(OutputError, match=r"Cannot make 'file/test-1'.*--run_dir"):
        next_free(Path("file"), "test")


def test_a_folder_that_was_chosen_is_given_back() -> None:
    directory = RunDirectory("fit", None, None)
    assert directory.path.is_dir()
    directory.discard()
    assert not Path("runs").exists()


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
