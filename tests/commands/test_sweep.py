"""``vireid sweep``: which values are tried, one table, resumed."""

from __future__ import annotations

import json
import math
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.commands.runs import SMALL, everything, run
from vireid.commands.sweep.ranges import Range, values_of
from vireid.commands.sweep.samplers import GridSampler, OptunaSampler, RandomSampler
from vireid.commands.sweep.settings import SweepSettings
from vireid.commands.sweep.trials import Trials
from vireid.errors import ResultsError, SettingsError

Capsys = pytest.CaptureFixture[str]
RATE, CLASSES = "model.optimizer.init_args.lr", "model.genotype"


def configured(path: Path, root: Path, options: dict[str, Any], sampler: Any = None) -> Path:
    """A sweep of one batch a training."""
    space = {"class_path": "vireid.search.BNSeparation", "init_args": {"backbone": "resnet10", "width": 8}}
    data = {"root": str(root), "validation": "heldout"}
    model = {"space": space, "optimizer": {"class_path": "vireid.tasks.SGD"}}
    inline = {"trainer": {"max_epochs": 1, "limit_train_batches": 1}, "model": {"init_args": model}, "data": {"init_args": data}}
    fit = ["data/regdb.yaml", "train/all_shared.yaml", yaml.safe_load(SMALL), inline]
    content = {"fit": fit, "options": options, **({} if sampler is None else {"sampler": sampler})}
    path.write_text(json.dumps(content))
    return path


@pytest.mark.filterwarnings("ignore:.*hold fewer than 10 images:UserWarning")
def test_a_sweep_with_a_run_that_fails_ends_with_the_others_and_goes_on(regdb_root: Path, tmp_path: Path, capsys: Capsys) -> None:
    """A learning rate of 1e30 diverges."""
    config = configured(tmp_path / "sweep.yaml", regdb_root, {RATE: [0.1, 1e30], "seed_everything": [3]})
    folder = tmp_path / "out"
    outcome = run(capsys, "sweep", "--folder", folder, "--config", config, "--jobs", "1")
    assert outcome.code == 1, outcome.err
    assert "trial-0001 failed: " in outcome.out
    assert "1 of 2 trainings, percent, on validation identities" in outcome.out
    assert "trial-0000" in (folder / "table.md").read_text()
    assert "trial-0001" not in (folder / "table.md").read_text()
    before = everything(folder / "trial-0000")
    again = run(capsys, "sweep", "--folder", folder, "--jobs", "1")
    assert again.code == 1
    assert "2 trainings, 1 of them finished" in again.out
    assert everything(folder / "trial-0000") == before
    other = configured(tmp_path / "other.yaml", regdb_root, {RATE: [0.1, 0.2]})
    assert "holds a sweep with other settings (options)" in run(capsys, "sweep", "--folder", folder, "--config", other).err


@pytest.mark.parametrize(
    ("options", "sampler", "match"),
    [
        ({"model.optimizer.init_args.learning": [0.1]}, None, "The recipe `options` is refused"),
        (
            {CLASSES: ["all_shared"], "data.init_args.images_per_identity": [2, "many"]},
            None,
            "`options.data.init_args.images_per_identity`",
        ),
        ({RATE: {"low": 0.1, "high": 1.0}}, None, f"A grid needs lists of values: `options.{RATE}` is a range"),
        ({RATE: [0.1], "data.init_args.validation": ["none"]}, None, "A sweep compares trainings on identities that they did not see"),
        ({RATE: []}, None, "must be a list of values, or a range"),
        ({RATE: {"low": 1.0, "high": 0.1}}, "RandomSampler", "`low` must be less than `high`"),
        ({RATE: {"low": 0.0, "high": 0.1, "log": True}}, "RandomSampler", "and more than 0 with `log`"),
        ({RATE: {"low": 0.5, "high": 2, "whole": True}}, "RandomSampler", "of a `whole` range must be whole"),
        ({RATE: {"low": "a", "high": 2}}, "RandomSampler", "`low` and `high` must be numbers"),
        ({RATE: [0.1]}, "os.system", "`sampler` of .* must be one of GridSampler, RandomSampler, OptunaSampler"),
        ({RATE: [0.1]}, {"class_path": "RandomSampler", "init_args": {"trials": 0}}, "`trials` must be at least 1, got 0"),
        ({RATE: [0.1] * 101, CLASSES: ["all_shared"] * 101}, None, "asks for 10,201 trainings, and at most 10,000 are run"),
        ({}, None, "`options` of .* must give values by option"),
    ],
)
def test_sweeps_that_are_refused_before_any_job(
    options: dict[str, Any], sampler: Any, match: str, regdb_root: Path, tmp_path: Path, capsys: Capsys
) -> None:
    outcome = run(capsys, "sweep", "--folder", tmp_path / "out", "--config", configured(tmp_path / "s.yaml", regdb_root, options, sampler))
    assert outcome.code == 2
    assert re.search(match, " ".join(outcome.err.split())), outcome.err
    assert not (tmp_path / "out").exists()


def test_files_and_folders_that_are_none(tmp_path: Path, capsys: Capsys) -> None:
    assert "There is no sweep in" in run(capsys, "sweep", "--folder", tmp_path / "out").err
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    assert "is not empty and holds no sweep" in run(capsys, "sweep", "--folder", tmp_path / "full").err
    for text, match in (
        ("{", "cannot be read as YAML"),
        ("[]", "must be a mapping with `fit`, `options`"),
        ("{fit: [], options: {a: [1]}}", "`fit`"),
    ):
        (tmp_path / "bad.yaml").write_text(text)
        assert match in run(capsys, "sweep", "--folder", tmp_path / "out", "--config", tmp_path / "bad.yaml").err


def test_values_of_trials_that_are_damaged(tmp_path: Path) -> None:
    settings = SweepSettings.from_dict({"fit": ["x.yaml"], "options": {"a": [1, 2], "b": [3]}})
    for text in ("{", "{}", "[1]", '[{"a": 1}]', '[{"b": 3, "a": 1}]'):
        (tmp_path / "trials.json").write_text(text)
        with pytest.raises(ResultsError, match=r"trials.json' is damaged"):
            Trials(tmp_path, settings)


@pytest.mark.parametrize("where", ["fit", "options"])
def test_the_sweep_in_a_folder_imports_nothing_of_others(where: str, regdb_root: Path, tmp_path: Path, capsys: Capsys) -> None:
    (tmp_path / "out").mkdir()
    content = json.loads(configured(tmp_path / "s.yaml", regdb_root, {RATE: [0.1]}).read_text())
    if where == "fit":
        content["fit"].append({"model": {"init_args": {"head": {"class_path": "planted_code.Planted"}}}})
    else:
        content["options"]["model.head"] = ["planted_code.Planted"]
    (tmp_path / "out" / "sweep.json").write_text(json.dumps(content))
    outcome = run(capsys, "sweep", "--folder", tmp_path / "out")
    assert (outcome.code, "asks to import or read 'planted_code.Planted'" in outcome.err) == (2, True), outcome.err
    assert "give the sweep's own file by --config" in " ".join(outcome.err.split())


@pytest.mark.parametrize("value", [0.3, "planted_code.Planted"])
def test_a_trial_with_a_value_that_the_sweep_does_not_take(value: Any, regdb_root: Path, tmp_path: Path, capsys: Capsys) -> None:
    (tmp_path / "out").mkdir()
    config = configured(tmp_path / "out" / "sweep.json", regdb_root, {RATE: [0.1]})
    (tmp_path / "out" / "trials.json").write_text(json.dumps([{RATE: value}]))
    outcome = run(capsys, "sweep", "--folder", tmp_path / "out", "--config", config)
    assert (outcome.code, "trials.json' is damaged" in outcome.err) == (2, True), outcome.err


def test_a_grid_is_every_combination() -> None:
    options = {"a": [1, 2], "b": ["x", "y", "z"]}
    grid = GridSampler()
    assert grid.count(options) == 6
    assert [tuple(grid.propose(i, options, ()).values()) for i in range(6)] == [(1, "x"), (1, "y"), (1, "z"), (2, "x"), (2, "y"), (2, "z")]


def test_random_values_are_a_function_of_seed_and_number() -> None:
    options = {"a": Range(1e-4, 1e-1, log=True), "b": Range(1, 3, whole=True), "c": ["x", "y"]}
    drawn = [RandomSampler(300).propose(i, options, ()) for i in range(300)]
    assert drawn == [RandomSampler(2).propose(i, options, ()) for i in range(300)]
    assert RandomSampler(seed=1).propose(0, options, ()) != drawn[0]
    assert {trial["b"] for trial in drawn} == {1, 2, 3}
    assert {trial["c"] for trial in drawn} == {"x", "y"}
    logs = np.log10([trial["a"] for trial in drawn])
    assert -4 <= logs.min() < -3.8
    assert -1.2 < logs.max() <= -1
    assert abs(logs.mean() + 2.5) < 4 * (3 / math.sqrt(12)) / math.sqrt(300)  # of a uniform law


def test_numbers_of_yaml_and_json_are_the_same(regdb_root: Path, tmp_path: Path) -> None:
    """YAML reads 1e-4 as a text, and JSON writes 0.00001 as 1e-05."""
    content = json.loads(configured(tmp_path / "a.yaml", regdb_root, {RATE: [0.00001, 1.0]}).read_text())
    content |= {"options": {"a": "RANGE", "b": [0.00001]}, "sampler": "RandomSampler"}
    (tmp_path / "b.yaml").write_text(json.dumps(content).replace('"RANGE"', "{low: 1e-4, high: 1.0e-1}").replace("1e-05", "0.00001"))
    settings = SweepSettings.load(tmp_path / "b.yaml")
    assert settings.options == {"a": Range(1e-4, 0.1), "b": [0.00001]}
    (tmp_path / "sweep.json").write_text(json.dumps(settings.plain))
    assert SweepSettings.kept(tmp_path / "sweep.json").plain == settings.plain


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (["--engine", "SlurmCluster", "--engine.minutes", "0"], "`minutes` must be at least 1, got 0"),
        (["--engine=RayCluster"], "ray must be installed to run jobs on a cluster: pip install 'vireid[ray]'"),
        (["--engine=SlurmCluster"], "submitit must be installed to run jobs in SLURM: pip install 'vireid[slurm]'"),
        (["--engine=Cluster"], "engine"),
    ],
)
def test_engines_that_cannot_run(
    words: list[str], match: str, regdb_root: Path, tmp_path: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("ray", "submitit"):
        monkeypatch.setitem(sys.modules, package, None)
    config = configured(tmp_path / "sweep.yaml", regdb_root, {RATE: [0.1]})
    outcome = run(capsys, "sweep", "--folder", tmp_path / "out", "--config", config, *words)
    assert (outcome.code, match in outcome.err) == (2, True), outcome.err


def test_whole_numbers_by_their_logarithm_reach_both_ends() -> None:
    generator = np.random.default_rng(0)
    drawn = [Range(1, 16, log=True, whole=True).draw(generator) for _ in range(500)]
    assert (min(drawn), max(drawn)) == (1, 16)
    assert values_of("x", {"low": 1, "high": 16, "log": True, "whole": True}) == Range(1, 16, log=True, whole=True)


def test_optunas_samplers_learn_from_finished_trials() -> None:
    """The best of 30 trials of a parabola is nearer than that of random draws, and a session that is resumed proposes the same."""
    pytest.importorskip("optuna")
    options = {"x": Range(-10.0, 10.0), "kind": ["good", "bad"]}
    sampler = OptunaSampler(trials=30)
    finished: list[tuple[dict[str, Any], float]] = []
    for number in range(30):
        trial = sampler.propose(number, options, finished)
        assert trial == OptunaSampler(trials=30).propose(number, options, finished)
        finished.append((trial, -((trial["x"] - 3) ** 2) - 5 * (trial["kind"] == "bad")))
    later = [score for _, score in finished[15:]]
    assert np.mean(later) > np.mean([score for _, score in finished[:10]]) + 10
    with pytest.raises(SettingsError, match=r"`name` must be one of Optuna's samplers \(.*TPESampler.*\), got 'None'"):
        OptunaSampler("None").count(options)
