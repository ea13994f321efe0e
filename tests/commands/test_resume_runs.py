"""Runs that go on: with changes that are free they end as the uninterrupted one, bit for bit; all others are refused and lose nothing."""

from __future__ import annotations

import csv
import math
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from tests.commands.runs import Outcome, everything, run
from tests.conftest import make_folder
from tests.tasks.test_resume import assert_equal
from vireid.commands.resume_settings import ABSENT
from vireid.tasks import read_checkpoint

CHECKED = ("state_dict", "optimizer_states", "lr_schedulers", "ema", "epoch", "global_step")
HOW = ("ckpt_path", "run_dir", "checkpoint_every_n_batches")  # options of the command, which are no settings of what is trained
PEOPLE = tuple(str(number) for number in range(1, 9))
RECIPE: dict[str, Any] = {
    "model": {
        "class_path": "vireid.RetrainModule",
        "init_args": {
            "genotype": "all_separate",
            "space": {"class_path": "vireid.search.BNSeparation", "init_args": {"backbone": "resnet10", "width": 8}},
            "weights": None,
            "head": {"class_path": "vireid.models.BNNeckHead", "init_args": {"dropout": 0.2}},
            "ema": {"class_path": "vireid.tasks.EMA", "init_args": {"decay": 0.9, "pull_back_every": 1}},
            "losses": [{"class_path": "vireid.losses.CrossEntropy", "init_args": {}}],
            "optimizer": {
                "class_path": "vireid.tasks.SGD",
                "init_args": {
                    "lr": 0.01,
                    "schedule": {"class_path": "vireid.tasks.WarmupMultiStep", "init_args": {"milestones": [1], "warmup_epochs": 0}},
                },
            },
        },
    },
    "data": {
        "class_path": "vireid.PairedFolderDataModule",
        "init_args": {
            "height": 32,
            "width": 16,
            "identities_per_batch": 2,
            "images_per_identity": 2,
            "num_workers": 0,
            "eval_batch_size": 16,
            "test_fraction": 0.25,
            "validation": "heldout",
        },
    },
    "trainer": {"max_epochs": 1, "limit_train_batches": 3, "accelerator": "cpu", "enable_progress_bar": False, "log_every_n_steps": 10},
}
SEARCH: dict[str, Any] = {
    "class_path": "vireid.SearchModule",
    "init_args": {
        "space": RECIPE["model"]["init_args"]["space"],
        "weights": None,
        "losses": RECIPE["model"]["init_args"]["losses"],
        "optimizer": {"class_path": "vireid.tasks.SGD", "init_args": {"lr": 0.01}},
        "strategy": {
            "class_path": "vireid.tasks.TwoLevels",
            "init_args": {"warmup_epochs": 0, "temperature": {"class_path": "vireid.tasks.Stepped", "init_args": {"every": 1}}},
        },
    },
}


@dataclass(frozen=True)
class Runs:
    """One recipe, run without interruption and in part."""

    base: Path
    capsys: pytest.CaptureFixture[str]

    def fit(self, folder: Path, *words: str, recipe: str = "recipe") -> Outcome:
        data = ("--data.root", str(self.base / "people.csv"), "--data.image_root", str(self.base / "people"))
        return run(self.capsys, "fit", "-c", self.base / f"{recipe}.yaml", *data, "--run_dir", folder, *words)

    def kept(self, name: str, *words: str, recipe: str = "recipe") -> Path:
        """The folder of a run that is trained once."""
        folder = self.base / name
        if not folder.exists():
            done = self.fit(folder, *words, recipe=recipe)
            assert done.code == 0, done.err
        return folder

    def copy(self, folder: Path, target: Path) -> Path:
        shutil.copytree(folder, target)
        return target


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("resume-runs")
    for name in ("people", "moved"):
        make_folder(folder / name, PEOPLE)
        lines = [
            f"{path.relative_to(folder / name)},{path.parent.name},{path.parts[-3]}" for path in sorted((folder / name).rglob("*.png"))
        ]
        (folder / f"{name}.csv").write_text("\n".join(["path,pid,modality", *lines]))
    (folder / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    (folder / "search.yaml").write_text(yaml.safe_dump({**RECIPE, "model": SEARCH}))
    text = yaml.safe_dump({**RECIPE, "model": SEARCH}).replace("search_split", "")
    (folder / "search.yaml").write_text(text.replace("validation: heldout", "validation: heldout\n    search_split: image"))
    return folder


@pytest.fixture
def runs(base: Path, capsys: pytest.CaptureFixture[str]) -> Runs:
    return Runs(base, capsys)


def last(folder: Path) -> dict[str, Any]:
    return read_checkpoint(folder / "checkpoints" / "last.ckpt", allowed=None)


def assert_same_training(folder: Path, whole: Path) -> None:
    mine, theirs = last(folder), last(whole)
    assert [key for key in CHECKED if key in mine] == [key for key in CHECKED if key in theirs]
    for key in CHECKED:
        assert_equal(mine.get(key), theirs.get(key), key)


def flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves of a configuration by the options that set them."""
    for key, item in value.items():
        inner = name if key == "init_args" else f"{name}.{key}".lstrip(".")
        if isinstance(item, dict) and item:
            yield from flat(item, inner)
        else:
            yield inner, item


def config(folder: Path) -> dict[str, Any]:
    return dict(flat(yaml.safe_load((folder / "config.yaml").read_text())))


MONITOR = '[{"class_path": "pytorch_lightning.callbacks.LearningRateMonitor"}]'
ALLOWED: dict[str, tuple[str, ...]] = {  # words to go on with; "BASE" is the folder of the data
    "nothing": (),
    "root": ("--data.root=BASE/moved.csv",),
    "image root": ("--data.image_root=BASE/moved",),
    "workers": ("--data.num_workers=2",),
    "caching": ("--data.cache_images=true",),
    "evaluation batch": ("--data.eval_batch_size=3",),
    "features": ("--model.evaluation=Retrieval", "--model.evaluation.feature=features", "--model.evaluation.flip=true"),
    "reranking": ("--model.evaluation=Retrieval", "--model.evaluation.reranking=Reranking"),
    "validation within the epoch": ("--trainer.val_check_interval=1", "--trainer.num_sanity_val_steps=0"),
    "rarer validation": ("--trainer.check_val_every_n_epoch=2", "--trainer.inference_mode=false"),
    "accelerator": ("--trainer.accelerator=auto",),
    "callbacks": (f"--trainer.callbacks={MONITOR}",),
    "logger": ("--trainer.logger=false",),
    "often logged": ("--trainer.log_every_n_steps=1",),
    "profiler": ("--trainer.profiler=simple",),
    "progress bar": ("--trainer.enable_progress_bar=true", "--trainer.enable_model_summary=true"),
    "checkpoint interval": ("--checkpoint_every_n_batches=1",),
}
REFUSED: dict[str, tuple[str, ...]] = {  # names, then words
    "seed": ("seed_everything", "--seed_everything=1"),
    "batch": ("data.identities_per_batch", "--data.identities_per_batch=3"),
    "images": ("data.images_per_identity", "--data.images_per_identity=3"),
    "sampling": ("data.sampling", "--data.sampling=without_replacement"),
    "losses": ("model.losses[0].label_smoothing", "--model.losses=[{class_path: CrossEntropy, init_args: {label_smoothing: 0.1}}]"),
    "data": ("data.test_seed", "--data.test_seed=1"),
    "validation": ("data.validation", "--data.validation=none"),
    "height": ("data.height", "--data.height=64"),
    "pixels": ("data.pixel_range", "--data.pixel_range=[0, 16383]"),
    "draft": ("data.draft_jpeg", "--data.draft_jpeg=true"),
    "augmentation": ("data.augmentation", "--data.augmentation=Normalise"),
    "bad images": ("data.on_bad_image", "--data.on_bad_image=skip"),
    "dropout": ("model.head.dropout", "--model.head.dropout=0.5"),
    "average": ("model.ema.decay", "--model.ema.decay=0.5"),
    "no average": ("model.ema", "--model.ema=null"),
    "rate": ("model.optimizer.lr", "--model.optimizer.lr=0.1"),
    "optimiser": ("model.optimizer", "--model.optimizer=Adam"),
    "schedule": ("model.optimizer.schedule.gamma", "--model.optimizer.schedule.gamma=0.5"),
    "clipping": ("model.optimizer.gradient_clip_val", "--model.optimizer.gradient_clip_val=1"),
    "genotype": ("model.genotype.choices", "--model.genotype=all_shared"),
    "precision": ("trainer.precision", "--trainer.precision=bf16-mixed"),
    "length of an epoch": ("trainer.limit_train_batches", "--trainer.limit_train_batches=2"),
    "accumulation": ("trainer.accumulate_grad_batches", "--trainer.accumulate_grad_batches=2"),
    "fewer epochs": ("trainer.max_epochs", "--trainer.max_epochs=1"),
}
QUICK_ALLOWED, QUICK_REFUSED = ("evaluation batch",), ("rate", "precision")


def mostly_slow(cases: dict[str, Any], quick: tuple[str, ...]) -> list[Any]:
    return [pytest.param(name, marks=() if name in quick else pytest.mark.slow) for name in cases]


@pytest.mark.parametrize("case", mostly_slow(ALLOWED, QUICK_ALLOWED))
def test_a_run_goes_on_with_what_may_change(case: str, runs: Runs, tmp_path: Path) -> None:
    """After the first of two epochs; the number of epochs may grow, and does so in each of these runs."""
    whole = runs.kept("whole", "--trainer.max_epochs=2")
    part = runs.copy(runs.kept("part"), tmp_path / "part")
    before = config(part)
    words = [word.replace("BASE", str(runs.base)) for word in ALLOWED[case]]
    done = runs.fit(part, "--ckpt_path=last", "--trainer.max_epochs=2", *words)
    assert done.code == 0, done.err
    assert "uninterrupted" not in done.err
    assert_same_training(part, whole)
    given = {word.partition("=")[0].lstrip("-").split(".init_args")[0] for word in words}
    differing = {name for name, value in config(part).items() if value != before.get(name, ABSENT)}
    assert "trainer.max_epochs" in differing
    for name in differing - {"trainer.max_epochs", *HOW}:
        assert any(name.startswith(option) for option in given), name
    for option in given - set(HOW) - {"trainer.profiler"}:
        assert any(name.startswith(option) for name in differing), option
    said, saved = config(part), dict(flat(last(part)["vireid"]))
    assert {name: saved[name] for name in ("data.eval_batch_size", "data.num_workers", "data.cache_images", "data.root")} == {
        name: said[name] for name in ("data.eval_batch_size", "data.num_workers", "data.cache_images", "data.root")
    }


def test_the_last_checkpoint_knows_the_score_of_its_epoch(runs: Runs) -> None:
    """Otherwise a run that goes on may take a worse epoch for the best."""
    whole = runs.kept("whole", "--trainer.max_epochs=2")
    with (whole / "metrics.csv").open(newline="") as file:
        scores = [float(row["val/mAP"]) for row in csv.DictReader(file) if row["val/mAP"]]
    (best,) = (state for name, state in last(whole)["callbacks"].items() if name.startswith("BestCheckpoint"))
    assert len(scores) == 2
    assert (float(best["current_score"]), float(best["best_model_score"])) == pytest.approx((scores[-1], max(scores)))


@pytest.mark.parametrize("case", mostly_slow(REFUSED, QUICK_REFUSED))
def test_a_run_does_not_go_on_with_what_may_not_change(case: str, runs: Runs, tmp_path: Path) -> None:
    name, *words = REFUSED[case]
    kept = runs.kept("whole", "--trainer.max_epochs=2")
    folder = runs.copy(kept, tmp_path / "run")
    before = everything(folder)
    more = [] if case == "fewer epochs" else ["--trainer.max_epochs=3"]
    for target, checkpoint in ((folder, "last"), (tmp_path / "new", str(folder / "checkpoints" / "last.ckpt"))):
        refused = runs.fit(target, f"--ckpt_path={checkpoint}", *more, *words)
        assert refused.code == 2
        assert f"  {name}: " in refused.err or f"; {name}: " in refused.err, refused.err
        assert "Traceback" not in refused.err
        message = refused.err[refused.err.index("vireid: error: ") :].strip()
        assert message.count("\n") <= 5
    assert everything(folder) == before
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_a_limit_of_steps_or_of_time_may_grow(runs: Runs, tmp_path: Path) -> None:
    whole = runs.kept("whole", "--trainer.max_epochs=2")
    steps = runs.copy(runs.kept("steps", "--trainer.max_steps=4"), tmp_path / "steps")
    fewer = runs.fit(steps, "--ckpt_path=last", "--trainer.max_epochs=2", "--trainer.max_steps=3")
    assert (fewer.code, "trainer.max_steps: 4 -> 3" in fewer.err) == (2, True)
    assert runs.fit(steps, "--ckpt_path=last", "--trainer.max_epochs=2", "--trainer.max_steps=-1").code == 0
    assert_same_training(steps, whole)
    time = runs.copy(runs.kept("time", "--trainer.max_time=00:01:00:00"), tmp_path / "time")
    shorter = runs.fit(time, "--ckpt_path=last", "--trainer.max_epochs=2", "--trainer.max_time=00:00:59:00")
    assert (shorter.code, "trainer.max_time: 3600.0 -> 3540.0" in shorter.err) == (2, True)
    assert runs.fit(time, "--ckpt_path=last", "--trainer.max_epochs=2", "--trainer.max_time=00:02:00:00").code == 0
    assert_same_training(time, whole)
    assert config(time)["trainer.max_time"] == "00:02:00:00"


@pytest.mark.slow
def test_a_search_may_take_more_epochs_where_nothing_goes_over_the_run(runs: Runs, tmp_path: Path) -> None:
    whole = runs.kept("search", "--trainer.max_epochs=2", recipe="search")
    part = runs.kept("search-part", recipe="search")
    done = runs.fit(part, "--ckpt_path=last", "--trainer.max_epochs=2", recipe="search")
    assert (done.code, "uninterrupted" in done.err) == (0, False)
    assert_same_training(part, whole)
    refused = runs.fit(part, "--ckpt_path=last", "--trainer.max_epochs=2", "--model.evaluation.feature=features", recipe="search")
    assert (refused.code, "model.evaluation.feature: embeddings -> features" in refused.err) == (2, True)


@pytest.mark.slow
def test_a_longer_cosine_is_warned_of_and_used(runs: Runs, tmp_path: Path) -> None:
    part = runs.kept("cosine", "--model.optimizer.schedule=WarmupCosine", "--trainer.max_epochs=2")
    assert rates(part, "last.ckpt") == [pytest.approx(0.0, abs=1e-12)] * 3
    words = ("--model.optimizer.schedule=WarmupCosine", "--ckpt_path=last", "--trainer.max_epochs=4")
    done = runs.fit(part, *words, "--checkpoint_every_n_batches=1")
    assert done.code == 0
    assert "model.optimizer.schedule (WarmupCosine) goes over the whole run, so that this run equals no uninterrupted one" in done.err
    of_the_last_epoch = 0.01 * 0.5 * (1 + math.cos(math.pi * 3 / 4))
    assert rates(part, "previous.ckpt") == [pytest.approx(of_the_last_epoch, rel=1e-9)] * 3


def rates(folder: Path, name: str) -> list[float]:
    content = read_checkpoint(folder / "checkpoints" / name, allowed=None)
    return [group["lr"] for group in content["optimizer_states"][0]["param_groups"]]


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["recipe", "search"])
def test_new_settings_are_used_in_a_new_run_from_the_old_weights(recipe: str, runs: Runs, tmp_path: Path) -> None:
    """The way that a refusal names."""
    old = runs.kept("search" if recipe == "search" else "whole", "--trainer.max_epochs=2", recipe=recipe)
    words = ("--model.optimizer.lr=0", f"--model.weights={old}/checkpoints/last.ckpt", "--trainer.precision=bf16-mixed")
    done = runs.fit(tmp_path / "new", *words, recipe=recipe)
    assert done.code == 0, done.err
    before, after = (last(folder)["state_dict"] for folder in (old, tmp_path / "new"))
    weights = [name for name in before if name.startswith("network.backbone.trunk.") and name.endswith(("weight", "bias"))]
    assert len(weights) > 20
    assert all(torch.equal(after[name], before[name]) for name in weights)
