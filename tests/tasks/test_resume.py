"""A killed run that is resumed ends with the same weights, architecture parameters, optimisers and genotype, bit for bit."""

import json
import math
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from vireid.cli import main
from vireid.structures import Genotype
from vireid.tasks import read_checkpoint

EPOCHS, BATCHES = 3, 5
CASES = [("search", 0), ("search", 2), ("joint", 0), ("retrain", 0)]  # task, workers; ``joint`` searches all five candidates
PLACES = sorted(random.Random(0).sample(range(EPOCHS * BATCHES), len(CASES)))
KILLS = {  # a random place for each, all of them for the first, and the middle of writing a checkpoint; tests/faults/ tries more
    case: [{"kill_after": place} for place in (PLACES if case == CASES[0] else [PLACES[number]])] + [{"kill_in_save": 4}]
    for number, case in enumerate(CASES)
}
DROPPING = {"class_path": "vireid.models.Torchvision", "init_args": {"name": "efficientnet_b0"}}  # drops whole blocks at random
HEAD = {"class_path": "vireid.models.BNNeckHead", "init_args": {"dropout": 0.2}}
CHECKED = ("state_dict", "optimizer_states", "lr_schedulers", "ema", "epoch", "global_step")


RMSPROP = {"class_path": "torch.optim.RMSprop", "init_args": {"lr": 0.002, "alpha": 0.9, "momentum": 0.5, "centered": True}}


def clipped_adam() -> dict[str, Any]:
    """The default of a search, with clipping."""
    schedule = {"class_path": "vireid.tasks.WarmupMultiStep", "init_args": {"milestones": [30, 45], "warmup_epochs": 5}}
    shared = {"schedule": schedule, "lr_factors": {"trunk": 0.1}, "gradient_clip_val": 5.0}
    return {"class_path": "vireid.tasks.Adam", "init_args": shared}


def of_torch() -> dict[str, Any]:
    """Optimiser and scheduler of torch, both with a state that the next step needs."""
    shared = {
        "schedule": {"class_path": "torch.optim.lr_scheduler.CosineAnnealingLR", "init_args": {"T_max": 5, "eta_min": 1e-4}},
        "lr_factors": {"trunk": 0.1},
        "gradient_clip_val": 5.0,
    }
    return {"class_path": "vireid.tasks.TorchOptimizer", "init_args": {"optimizer": RMSPROP, **shared}}


def arguments(kind: str, root: Path, folder: Path, workers: int) -> list[str]:
    settings: dict[str, Any] = {
        "trainer": {"max_epochs": EPOCHS, "limit_train_batches": BATCHES, "accelerator": "cpu", "enable_progress_bar": False},
        "data": {
            "class_path": "vireid.SYSUDataModule",
            "init_args": {
                "root": str(root),
                "height": 32,
                "width": 16,
                "identities_per_batch": 3,
                "images_per_identity": 2,
                "num_workers": workers,
                "search_split": "none" if kind == "retrain" else "identity",
            },
        },
        "model": {"class_path": f"vireid.{'RetrainModule' if kind == 'retrain' else 'SearchModule'}"},
    }
    strategy = {"class_path": "vireid.tasks.TwoLevels", "init_args": {"warmup_epochs": 1}}
    space_name = "JointNorm" if kind == "joint" else "BNSeparation"
    backbone = {"backbone": "resnet10", "width": 8} if kind != "efficientnet_b0" else {"backbone": DROPPING}
    space = {"class_path": f"vireid.search.{space_name}", "init_args": backbone}
    optimizer = {"retrain": of_torch(), "joint": RMSPROP}.get(kind, clipped_adam())
    extra = {"genotype": "stem_separate", "head": HEAD} if kind == "retrain" else {"strategy": strategy}
    settings["model"]["init_args"] = {"space": space, "weights": None, "optimizer": optimizer, **extra}
    if kind == "retrain":
        settings["model"]["init_args"]["ema"] = {"class_path": "vireid.tasks.EMA", "init_args": {"decay": 0.9, "pull_back_every": 1}}
    config = folder.with_suffix(".json")
    config.write_text(json.dumps(settings))
    return ["fit", "-c", str(config), "--run_dir", str(folder), "--checkpoint_every_n_batches", "2", "--ckpt_path", "last"]


def final(folder: Path) -> dict[str, Any]:
    content = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    return {key: content[key] for key in CHECKED if key in content}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, sysu_root: Path) -> dict[tuple[str, int], list[Path]]:
    """For every case: the folder of an uninterrupted run, then those of the interrupted ones."""
    base = tmp_path_factory.mktemp("resume")
    scenarios: list[dict[str, Any]] = []
    expected: list[int] = []
    found: dict[tuple[str, int], list[Path]] = {}
    for kind, workers in CASES:
        kills = KILLS[kind, workers]
        folders = [base / f"{kind}-{workers}-{n}" for n in range(len(kills) + 1)]
        words = [arguments(kind, sysu_root, folder, workers) for folder in folders]
        scenarios.append({"args": words[0]})
        expected.append(0)
        for word, kill in zip(words[1:], kills, strict=True):
            scenarios += [{"args": word, **kill}, {"args": word}]
            expected += [-signal.SIGKILL, 0]
        found[kind, workers] = folders
    run_scenarios(base / "scenarios.json", scenarios, expected)
    return found


def run_scenarios(script: Path, scenarios: list[dict[str, Any]], expected: list[int]) -> None:
    script.write_text(json.dumps(scenarios))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, str(Path(__file__).with_name("interrupted.py")), str(script)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert json.loads(script.with_suffix(".codes").read_text()) == expected, result.stderr


def assert_equal(mine: Any, theirs: Any, where: str = "") -> None:
    if isinstance(theirs, torch.Tensor):
        assert torch.equal(mine, theirs), where
    elif isinstance(theirs, dict):
        assert mine.keys() == theirs.keys(), where
        for key in theirs:
            assert_equal(mine[key], theirs[key], f"{where}.{key}")
    elif isinstance(theirs, (list, tuple)):
        assert len(mine) == len(theirs), where
        for i, (a, b) in enumerate(zip(mine, theirs, strict=True)):
            assert_equal(a, b, f"{where}[{i}]")
    else:
        assert mine == theirs, where


@pytest.mark.parametrize(("case", "kill"), [(case, number) for case, kills in KILLS.items() for number in range(len(kills))])
def test_killed_and_resumed_equals_uninterrupted(runs: dict[tuple[str, int], list[Path]], case: tuple[str, int], kill: int) -> None:
    whole, resumed = runs[case][0], runs[case][kill + 1]
    assert_equal(final(resumed), final(whole))
    assert not list((resumed / "checkpoints").glob(".*")), "a finished run has no half-written checkpoint"
    if case[0] != "retrain":
        mine, theirs = (Genotype.load(folder / "genotype.json") for folder in (resumed, whole))
        assert mine == theirs
        assert mine.provenance["probabilities"] == theirs.provenance["probabilities"]


def test_a_trunk_that_drops_blocks_at_random_is_resumed_exactly(tmp_path: Path, sysu_root: Path) -> None:
    folders = [tmp_path / "whole", tmp_path / "killed"]
    short = ["--trainer.max_epochs=1", "--trainer.limit_train_batches=4", "--model.strategy.warmup_epochs=0"]
    whole, killed = ([*arguments("efficientnet_b0", sysu_root, folder, 0), *short] for folder in folders)
    run_scenarios(
        tmp_path / "scenarios.json", [{"args": whole}, {"args": killed, "kill_after": 3}, {"args": killed}], [0, -signal.SIGKILL, 0]
    )
    first, second = map(final, folders)
    assert_equal(second, first)
    assert first["state_dict"]["architecture.logits"].ne(0).all()


def test_number_of_workers_changes_nothing(runs: dict[tuple[str, int], list[Path]]) -> None:
    assert_equal(final(runs["search", 2][0]), final(runs["search", 0][0]))


@pytest.mark.parametrize(("kind", "candidates"), [("search", 2), ("joint", 5)])
def test_the_search_moved_every_logit(runs: dict[tuple[str, int], list[Path]], kind: str, candidates: int) -> None:
    logits = final(runs[kind, 0][0])["state_dict"]["architecture.logits"]
    assert logits.shape == (12, candidates)
    assert logits.ne(0).all()


@pytest.mark.filterwarnings("ignore:.*hold fewer than 10 images:UserWarning")
def test_a_checkpoint_names_the_classes_of_torch_and_is_enough_for_a_test(runs: dict[tuple[str, int], list[Path]], tmp_path: Path) -> None:
    last = runs["retrain", 0][0] / "checkpoints" / "last.ckpt"
    content = read_checkpoint(last)
    saved = content["vireid"]["model"]["init_args"]["optimizer"]["init_args"]
    assert (saved["optimizer"]["class_path"], saved["optimizer"]["init_args"]["alpha"]) == ("torch.optim.RMSprop", 0.9)
    assert saved["schedule"]["init_args"]["scheduler"]["init_args"]["T_max"] == 5
    factor = (1 + math.cos(math.pi * EPOCHS / 5)) / 2
    rates = [group["lr"] for group in content["optimizer_states"][0]["param_groups"]]
    assert rates == [pytest.approx(1e-4 + (base - 1e-4) * factor, rel=1e-12) for base in (2e-4, 2e-3, 2e-3)]
    main(["test", "--ckpt", str(last), "--run_dir", str(tmp_path / "test"), "--trainer.enable_progress_bar=false"])
    assert (tmp_path / "test" / "metrics.json").exists()
