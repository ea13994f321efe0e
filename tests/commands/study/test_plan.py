"""The runs of the packaged study."""

from __future__ import annotations

from pathlib import Path

from vireid.commands.configs import packaged_configs
from vireid.commands.jobs.job import digest
from vireid.commands.study.plan import make_plan
from vireid.commands.study.settings import StudySettings


def test_the_packaged_study_is_planned_with_one_budget(tmp_path: Path) -> None:
    settings = StudySettings.load(packaged_configs() / "study" / "generated.yaml")
    plan = make_plan(settings, tmp_path)
    names = [job.name for job in plan.jobs]
    assert len(names) == len(set(names)) == 2 * 3 + (2 * 3 + 3 + 10 + 8) * 2 + 3  # IBN-a is no point of the tied space: 8 more are ranked
    retrainings = [job for job in plan.jobs if job.name.startswith("retrain/")]
    assert len({digest(job.settings["recipe"]) for job in retrainings}) == 1
    assert len({digest(job.settings) for job in retrainings}) == len(retrainings)
    steps = {job.name: [step.name for step in job.steps] for job in plan.jobs}
    assert steps["retrain/random-0-seed1"] == ["fit", "validate", "test"]
    assert steps["retrain/stratified-6-seed0"] == ["fit", "validate"]  # the test people are for final networks alone
    assert steps["search/joint-seed2"] == ["fit"]
    needs = {job.name: job.needs for job in plan.jobs}
    assert needs["retrain/bn-search1-seed0"] == "search/bn-seed1"
    assert needs["scores/joint-seed0"] == "search/joint-seed0"
    assert needs["retrain/ibn_a-seed0"] == ""
    assert all(names.index(needed) < names.index(name) for name, needed in needs.items() if needed)


def test_every_run_writes_into_its_own_folder_with_its_own_seed(tmp_path: Path) -> None:
    plan = make_plan(StudySettings.load(packaged_configs() / "study" / "smoke.yaml"), tmp_path)
    fit, validate, test = plan.job("retrain/random-1-seed0").steps
    folder = tmp_path / "retrain" / "random-1-seed0"
    options = dict(zip(fit.words[1:], fit.words[2:], strict=False))
    assert options["--run_dir"] == str(folder)
    assert options["--seed_everything"] == "0"
    assert options["--ckpt_path"] == "last"
    assert options["--model.init_args.genotype"] == str(tmp_path / "genotypes" / "random-1.json")
    assert [step.clear for step in (fit, validate, test)] == ["", str(folder / "validate-1"), str(folder / "test-1")]
    assert "--trainer.accelerator=cpu" in test.words
