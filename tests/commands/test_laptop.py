"""Sizes for a laptop leave everything else to the recipe below them, and say where they cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.commands.runs import run
from vireid.cli import main
from vireid.commands.configs import packaged_configs
from vireid.data.synthetic import write_dataset

SMALL = {"backbone": "resnet18", "width": 32}
OVERLAYS = ("laptop", "stop_early")
TRAININGS = sorted(path.stem for path in (packaged_configs() / "train").glob("*.yaml") if path.stem not in OVERLAYS)
STRIPES = ("--model.head.stripes", "4")  # as train/laptop.yaml says
UNSHRUNK = {"cdnet": "neither a file nor a baseline: 'published'", "osnet_ain": "`padding` is no argument of vireid.data.FlipJitter"}


def parsed(capsys: pytest.CaptureFixture[str], *names: str) -> dict[str, Any]:
    files = [word for name in ("data/sysu", *names) for word in ("-c", f"{name}.yaml")]
    done = run(capsys, "fit", *files, "--print_config")
    assert not done.code, done.err
    found: dict[str, Any] = yaml.safe_load(done.out)
    return found


@pytest.mark.parametrize(
    ("below", "above", "space", "strategy"),
    [
        (["cm_nas"], "laptop", "BNSeparation", "TwoLevels"),
        (["cm_nas", "joint_norm"], "laptop", "JointNorm", "TwoLevels"),
        (["cm_nas", "in_placement"], "laptop", "INPlacement", "TwoLevels"),
        (["one_shot"], "laptop_one_shot", "BNSeparation", "RandomPaths"),
    ],
)
def test_a_search_gets_small(below: list[str], above: str, space: str, strategy: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = parsed(capsys, *(f"search/{name}" for name in (*below, above)))["model"]["init_args"]
    assert arguments["space"]["class_path"] == f"vireid.search.{space}"
    assert {name: arguments["space"]["init_args"][name] for name in SMALL} == SMALL
    assert arguments["strategy"]["class_path"] == f"vireid.tasks.{strategy}"
    assert arguments["space"]["init_args"]["tie"] == ("block" if space == "JointNorm" else "none")
    assert arguments["derivation"]["init_args"].get("budget", 0) < 100


@pytest.mark.parametrize("below", ["cdnet", "one_shot", "osnet_ain", "shortlist"])
def test_other_searches_are_refused(below: str, capsys: pytest.CaptureFixture[str]) -> None:
    done = run(capsys, "fit", "-c", "data/sysu.yaml", "-c", f"search/{below}.yaml", "-c", "search/laptop.yaml", "--print_config")
    assert done.code == 2
    assert "search/laptop.yaml: model." in " ".join(done.err.split())


def test_a_training_keeps_its_losses_head_and_augmentation(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("caj", "agw", "cm_nas"):
        before, after = (parsed(capsys, f"train/{name}", *more) for more in ((), ("train/laptop",)))
        for part in ("losses", "head", "trunk_parts", "genotype"):
            assert after["model"]["init_args"][part] == before["model"]["init_args"][part]
        augmentation = before["data"]["init_args"]["augmentation"] or {"class_path": "vireid.data.CMNASAugmentation"}
        assert after["data"]["init_args"]["augmentation"]["class_path"] == augmentation["class_path"]
        kept = {**augmentation.get("init_args", {}), "padding": 2}
        assert kept.items() <= after["data"]["init_args"]["augmentation"]["init_args"].items()


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("laptop") / "people"
    write_dataset(root, "sysu", identities=12, test_identities=4, images=1, height=64, width=32)
    return root


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAININGS)
def test_every_training_gets_small_or_says_that_it_cannot(
    name: str, people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [word for file in ("data/sysu", f"train/{name}", "train/laptop") for word in ("-c", f"{file}.yaml")]
    short = ("--trainer.max_epochs=1", "--trainer.limit_train_batches=1", "--data.identities_per_batch=2", "--trainer.accelerator=cpu")
    words = ("fit", *files, f"--data.root={people}", *short, *(STRIPES if name == "hhrg" else ()), f"--run_dir={tmp_path / 'run'}")
    if name in UNSHRUNK:
        assert UNSHRUNK[name] in run(capsys, *words).err
        assert f"train/{name}.yaml" in (packaged_configs() / "train" / "laptop.yaml").read_text().split("model:")[0]
    else:
        main([str(word) for word in words])
        assert (tmp_path / "run" / "checkpoints" / "last.ckpt").exists()


def test_an_early_end_keeps_the_callbacks_of_the_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    callbacks = parsed(capsys, "train/osnet_ain", "train/stop_early")["trainer"]["callbacks"]
    found = [(each["class_path"].split(".")[-1], each["init_args"].get("mode")) for each in callbacks]
    assert found == [("FrozenBase", None), ("EarlyStopping", "max"), ("ModelCheckpoint", "max")]
