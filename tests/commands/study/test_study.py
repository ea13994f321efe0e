"""vireid study from end to end, a few batches of everything; all parts together are slow."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.commands.runs import everything, run
from vireid import Genotype, locks
from vireid.cli import main
from vireid.commands.configs import packaged_configs
from vireid.commands.study import study as module
from vireid.locks import LOCK_FILE, FolderLock
from vireid.results import read_results

SMOKE = packaged_configs() / "study" / "smoke.yaml"
RANDOM = ("random-0", "random-1")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home folder of its own, where people are drawn."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("home")
        patch.setenv("HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def study(home: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Folder of a finished study, and what it said."""
    folder, said = tmp_path_factory.mktemp("study") / "out", io.StringIO()
    with redirect_stdout(said):
        main(["study", "--config", "study/smoke.yaml", "--folder", str(folder), "--jobs", "0"])
    return folder, said.getvalue()


def report(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "study.json").read_text())
    return content


def configured(path: Path, **changed: Any) -> Path:
    """The smoke study, changed."""
    path.write_text(json.dumps({**yaml.safe_load(SMOKE.read_text()), **changed}))
    return path


def test_a_study_of_one_network_trains_tests_and_reports(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "out"
    config = configured(tmp_path / "one.yaml", searches={}, random=0, fidelity=None, template=False)
    done = run(capsys, "study", "--config", config, "--folder", folder, "--jobs", "0")
    assert done.code == 0, done.err
    (row,) = report(folder)["rows"]
    assert row["name"] == "all_shared"
    assert row["mAP"]["mean"] == read_results(folder / "retrain" / "all_shared-seed0").results[0].mean["mAP"]
    assert report(folder)["missing"] == []
    before = everything(folder / "retrain")
    assert run(capsys, "study", "--folder", folder, "--jobs", "0").code == 0
    assert everything(folder / "retrain") == before, "a finished study runs nothing again"


@pytest.mark.slow
def test_every_network_is_trained_with_its_genotype_and_tested_once(study: tuple[Path, str]) -> None:
    folder, _ = study
    for name in ("all_shared", *RANDOM):
        run_folder = folder / "retrain" / f"{name}-seed0"
        trained = yaml.safe_load((run_folder / "config.yaml").read_text())["model"]["init_args"]["genotype"]
        assert trained in (str(folder / "genotypes" / f"{name}.json"), Genotype.load(folder / "genotypes" / f"{name}.json").to_dict())
        assert sorted(path.parent.name for path in run_folder.glob("*/metrics.json")) == ["test-1", "validate-1"]
    assert Genotype.load(folder / "search" / "bn-seed0" / "genotype.json").provenance["seed"] == 0


@pytest.mark.slow
def test_the_report_holds_what_the_runs_wrote(study: tuple[Path, str]) -> None:
    found = report(study[0])
    rows = {row["name"]: row for row in found["rows"]}
    assert list(rows) == ["grey template (untrained)", "searched (bn)", "all_shared", "random"]
    written = {name: read_results(study[0] / "retrain" / f"{name}-seed0").results[0].mean["mAP"] for name in ("all_shared", *RANDOM)}
    assert rows["all_shared"]["mAP"]["mean"] == written["all_shared"]
    middle = sum(written[name] for name in RANDOM) / 2
    assert rows["random"]["mAP"]["mean"] == pytest.approx(middle)
    assert rows["all_shared"]["relative_improvement"] == pytest.approx(100 * (written["all_shared"] - middle) / middle)
    assert rows["searched (bn)"]["cost"]["search_seconds"] > 0
    assert found["missing"] == []
    assert found["protocol"].startswith("sysu/all/single-shot")


@pytest.mark.slow
def test_rank_correlation_is_that_of_the_scores_on_held_out_people(study: tuple[Path, str]) -> None:
    found = report(study[0])["fidelity"]
    assert found["genotypes"] == ["all_shared", *RANDOM]
    for name in found["genotypes"]:
        validated = read_results(study[0] / "retrain" / f"{name}-seed0" / "validate-1")
        assert found["standalone"][name] == [validated.results[0].mean["mAP"]]
        assert validated.about["evaluated_on"] == "validation identities"
    scores = json.loads((study[0] / "scores" / "bn-seed0" / "scores.json").read_text())["scores"]
    assert found["supernet"]["0"] == [scores[name] for name in found["genotypes"]]
    assert -1 <= found["searches"]["0"]["tau"] <= 1
    assert found["seeds"] == {}


@pytest.mark.slow
def test_it_leaves_a_table_and_pictures_and_says_so(study: tuple[Path, str]) -> None:
    folder, said = study
    for name in ("study.json", "table.md", "runs.png", "fidelity.png"):
        assert (folder / name).stat().st_size > 500
        assert str(folder / name) in said
    assert (folder / "table.md").read_text() in said


@pytest.mark.slow
def test_a_finished_study_runs_nothing_again(study: tuple[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    folder, _ = study
    before = everything(folder / "retrain") | everything(folder / "scores")
    table = (folder / "table.md").read_text()
    done = run(capsys, "study", "--folder", folder, "--jobs", "0")
    assert done.code == 0
    assert "6 runs, 6 of them finished" in done.out
    assert everything(folder / "retrain") | everything(folder / "scores") == before
    assert (folder / "table.md").read_text() == table


@pytest.mark.slow
def test_a_changed_recipe_is_refused_and_named(study: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, _ = study
    kept = (folder / "plan.json").read_bytes()
    changed = yaml.safe_load(SMOKE.read_text())["retrain"]
    changed[0]["trainer"]["max_epochs"] = 3
    done = run(capsys, "study", "--config", configured(tmp_path / "s.yaml", retrain=changed), "--folder", folder, "--jobs", "0")
    assert done.code == 2
    assert "was begun with other settings: `recipe.trainer.max_epochs` was 2, is now 3" in done.err
    assert (folder / "plan.json").read_bytes() == kept
    other = run(capsys, "study", "--folder", folder, "--data_seed", "5", "--jobs", "0")
    assert "`recipe.data.init_args.seed_data` was 0, is now 5" in other.err


@pytest.mark.slow
def test_more_seeds_are_more_runs_and_the_report_says_what_is_missing(
    study: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module.Runner, "run", lambda self: {})
    wider = configured(tmp_path / "wider.yaml", retrain_seeds=[0, 1])
    done = run(capsys, "study", "--config", wider, "--folder", study[0])
    assert done.code == 0
    assert "10 runs, 6 of them finished" in done.out
    assert "**Unfinished**: 4 runs are missing (retrain/bn-search0-seed1" in done.out
    assert run(capsys, "study", "--config", SMOKE, "--folder", study[0]).code == 0
    assert report(study[0])["missing"] == []


@pytest.mark.slow
def test_the_report_alone_runs_and_changes_nothing_else(study: tuple[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    folder, _ = study
    path = folder / "jobs" / "search-bn-seed0.json"
    kept = path.read_text()
    older = json.loads(kept)
    del older["settings"]["recipe"]["model"]["init_args"]["strategy"]["init_args"]["warmup_epochs"]  # as of a vireid without this argument
    path.write_text(json.dumps(older))
    before = everything(folder / "jobs")
    table = (folder / "table.md").read_text()
    assert run(capsys, "study", "--folder", folder, "--report_only", "true").code == 0
    assert everything(folder / "jobs") == before
    assert (folder / "table.md").read_text() == table
    done = run(capsys, "study", "--folder", folder, "--jobs", "0")
    assert "`recipe.model.init_args.strategy.init_args.warmup_epochs` was absent, is now 1" in done.err
    path.write_text(kept)


@pytest.mark.slow
def test_an_interrupted_study_says_how_to_go_on(
    study: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(self: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module.Runner, "run", interrupted)
    done = run(capsys, "study", "--folder", study[0], "--jobs", "2")
    assert done.code == 130
    assert f"To go on: vireid study --folder {study[0]} --jobs 2" in done.out
    assert done.err.endswith("\nInterrupted.\n")


@pytest.mark.slow
def test_a_failed_run_is_named_and_the_rest_is_reported(
    study: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module.Runner, "run", lambda self: {"retrain/random-0-seed0": "out of memory"})
    done = run(capsys, "study", "--folder", study[0])
    assert done.code == 1
    assert "retrain/random-0-seed0 failed: out of memory" in done.out
    assert "# Study: sysu/all/single-shot" in done.out


# --- bad input ----------------------------------------------------------------------------------------------------------------------


def refused(capsys: pytest.CaptureFixture[str], folder: Path, *words: object) -> str:
    """The message of a study that is refused and leaves no folder."""
    done = run(capsys, "study", "--folder", folder, "--jobs", "0", *words)
    assert done.code == 2, done.out
    assert not folder.exists()
    return done.err


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"space": {"class_path": "vireid.tasks.SGD"}}, "`space` must name a search space, got 'vireid.tasks.SGD'"),
        ({"genotypes": ["all_share"], "reference": "all_share"}, "There is no baseline 'all_share' (did you mean 'all_shared'?)"),
        (
            {"retrain": [{"model": {"class_path": "vireid.RetrainModule", "init_args": {"weigths": None}}}]},
            "The recipe `retrain` is refused",
        ),
        ({"retrain": []}, "The recipe `retrain` names no `model.class_path`"),
        ({"data": ["data/nothing.yaml"]}, "There is no configuration file 'data/nothing.yaml'"),
        (
            {"fidelity": {"search": "bn"}, "retrain": [{"model": {"class_path": "vireid.RetrainModule"}}]},
            "set `data.init_args.validation` to `heldout` in `retrain`",
        ),
        (
            {"retrain": [{"model": {"class_path": "vireid.RetrainModule"}, "data": {"init_args": {"search_split": "image"}}}]},
            "takes all rows",
        ),
        (
            {
                "retrain": [
                    {"model": {"class_path": "vireid.RetrainModule", "init_args": {"space": {"class_path": "vireid.search.BNSeparation"}}}}
                ]
            },
            "set `model.init_args.space` of `retrain` to null",
        ),
        ({"searches": {"bn": [{"model": {"class_path": "vireid.SearchModule"}}]}}, "identities that its weights never saw"),
        (
            {"searches": {"bn": [{"model": {"class_path": "vireid.SearchModule"}, "data": {"init_args": {"search_split": "identity"}}}]}},
            "The supernet of `searches.bn` must be of the study's `space`",
        ),
    ],
)
def test_studies_that_cannot_begin(changed: dict[str, Any], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert message in " ".join(refused(capsys, tmp_path / "out", "--config", configured(tmp_path / "s.yaml", **changed)).split())


def test_folders_without_a_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "There is no study in" in refused(capsys, tmp_path / "out")
    assert "There is no configuration file 'nothing'" in refused(capsys, tmp_path / "out", "--config", "nothing")
    words = ("--config", SMOKE, "--report_only", "true")
    assert "`report_only` is about the study that lies in the folder" in refused(capsys, tmp_path / "out", *words)
    assert "`jobs` must be at least 0, got -1" in refused(capsys, tmp_path / "out", "--jobs", "-1")
    (tmp_path / "mine.txt").write_text("mine")
    done = run(capsys, "study", "--config", SMOKE, "--folder", tmp_path)
    assert done.code == 2
    assert "is not empty and holds no study (plan.json). Name another --folder." in done.err
    assert everything(tmp_path) == {"mine.txt": b"mine"}


def test_one_study_writes_into_a_folder_and_one_that_was_killed_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(locks, "PATIENCE", 0)
    monkeypatch.setattr(module, "_run", lambda *_: {"a": "was not run"})
    folder = tmp_path / "out"
    with FolderLock(folder):
        assert "is in use: process" in run(capsys, "study", "--config", SMOKE, "--folder", folder).err
    (folder / LOCK_FILE).write_text("1 here\n")
    with monkeypatch.context() as patch:
        patch.setattr(module, "prepare", lambda *_: sys.exit(9))  # killed as soon as the recipes were written
        assert run(capsys, "study", "--config", SMOKE, "--folder", folder).code == 9
    assert run(capsys, "study", "--config", SMOKE, "--folder", folder).code == 1
    assert (folder / "study.json").exists()
