"""Classification by command: CIFAR-100 and ImageNet as they lie on disks; what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.classes import write_cifar100, write_imagenet
from tests.commands.runs import logged, run
from vireid import ClassificationModule, Genotype
from vireid.cli import main
from vireid.tasks import read_checkpoint

NARROW = ("--model.space.init_args.operations=cnet_3", "--model.space.init_args.planes=[8,16,16,16]", "--model.genotype=all_3x5")
GENTLE = "--model.optimizer.init_args.lr=0.004"  # the published rate of 0.065 is for batches of 256; a batch of 16 gets a sixteenth
QUICK = ("--trainer.accelerator=cpu", "--trainer.max_epochs=2", "--data.num_workers=0", "--data.batch_size=4", GENTLE)
Capsys = pytest.CaptureFixture[str]


def last(folder: Path) -> Path:
    return folder / "checkpoints" / "last.ckpt"


def metrics(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    return content


def test_cifar100_is_learnt_and_tested(tmp_path: Path, capsys: Capsys) -> None:
    root, folder = write_cifar100(tmp_path / "data", train=160), tmp_path / "run"
    words = ["fit", "-c", "data/cifar100.yaml", "-c", "cdnet/cifar100.yaml", f"--data.root={root}", *NARROW, *QUICK]
    main([*words, "--data.batch_size=16", "--trainer.max_epochs=6", "--data.validation=heldout", "--run_dir", str(folder)])
    columns = logged(folder)
    assert len(columns["train/loss"]) == len(columns["val/top1"]) == 6
    assert columns["train/loss"][-1] < columns["train/loss"][0]
    assert (folder / "checkpoints" / "best.ckpt").exists()
    capsys.readouterr()
    main(["test", "--ckpt", str(last(folder)), "--run_dir", str(tmp_path / "test")])
    found = metrics(tmp_path / "test")
    assert (found["format"], found["dataset"], found["images"]) == ("vireid.classification", "cifar100", 9)
    assert found["checkpoint"] == "last.ckpt"
    assert found["top1"] > 0.6  # colours are easy; chance is a third
    assert found["top5"] == 1.0
    assert f"{100 * found['top1']:.2f}" in capsys.readouterr().out
    saved = read_checkpoint(last(folder))
    assert saved["vireid"]["data"]["class_path"] == "vireid.CIFAR100DataModule"
    assert saved["state_dict"]["network.neck.local_classifier.bias"].shape == (3,)
    module = ClassificationModule.load_from_checkpoint(last(folder))
    assert isinstance(module, ClassificationModule)
    assert [loss.settings()["init_args"]["label_smoothing"] for loss in module.losses.losses] == [0.0]  # the published flag does nothing


def test_imagenet_is_trained_and_tested(tmp_path: Path) -> None:
    root, folder = write_imagenet(tmp_path / "data"), tmp_path / "run"
    words = ["fit", "-c", "data/imagenet.yaml", "-c", "cdnet/imagenet.yaml", f"--data.root={root}", "--data.size=32", *NARROW, *QUICK]
    main([*words, "--run_dir", str(folder)])
    main(["test", "--ckpt", str(last(folder)), "--run_dir", str(tmp_path / "test")])
    assert metrics(tmp_path / "test")["images"] == 6
    assert read_checkpoint(last(folder))["vireid"]["data"]["init_args"]["size"] == 32


def test_a_resumed_run_is_the_uninterrupted_one(tmp_path: Path) -> None:
    root = write_cifar100(tmp_path / "data")
    words = ["fit", "-c", "data/cifar100.yaml", "-c", "cdnet/cifar100.yaml", f"--data.root={root}", *NARROW, *QUICK]
    main([*words, "--run_dir", str(tmp_path / "whole")])
    main([*words, "--trainer.max_epochs=1", "--run_dir", str(tmp_path / "part")])
    main([*words, "--run_dir", str(tmp_path / "part"), "--ckpt_path", "last"])
    states = [read_checkpoint(last(tmp_path / name))["state_dict"] for name in ("whole", "part")]
    assert all((states[0][name] == states[1][name]).all() for name in states[0])


def test_a_search_on_classes(tmp_path: Path, capsys: Capsys) -> None:
    root, folder = write_cifar100(tmp_path / "data"), tmp_path / "search"
    shorter = "--model.strategy.architecture_optimizer.schedule.milestones=[1]"
    words = ["fit", "-c", "data/cifar100.yaml", "-c", "cdnet/cifar100_search.yaml", f"--data.root={root}"]
    main([*words, *NARROW[:2], *QUICK, shorter, "--trainer.limit_train_batches=2", "--run_dir", str(folder)])
    genotype = Genotype.load(folder / "genotype.json")
    assert len(genotype.choices) == 6
    assert genotype.space["init_args"]["small"] is True
    assert genotype.provenance["data"]["dataset"] == "cifar100"
    done = run(capsys, "test", "--ckpt", last(folder), "--run_dir", tmp_path / "test")
    assert (done.code, "have no protocol of retrieval" in done.err) == (2, True)


def test_absent_data_names_what_is_expected(tmp_path: Path, capsys: Capsys) -> None:
    for data, expected in (("cifar100", "cifar-100-python.*download` is off"), ("imagenet", "train/n01440764")):
        done = run(
            capsys, "fit", "-c", f"data/{data}.yaml", "-c", f"cdnet/{data}.yaml", "--data.root", tmp_path, "--run_dir", tmp_path / "run"
        )
        assert done.code == 2
        assert expected.split(".*")[0] in done.err
        assert expected.split(".*")[-1] in done.err


def test_people_and_classes_are_not_confused(tmp_path: Path, capsys: Capsys, regdb_root: Path) -> None:
    words = ["fit", "-c", "data/regdb.yaml", "-c", "cdnet/cifar100.yaml", "--data.root", regdb_root, *NARROW, "--trainer.accelerator=cpu"]
    done = run(capsys, *words, "--run_dir", tmp_path / "people")
    assert (done.code, "needs a data module whose images have classes" in done.err) == (2, True)
    root = write_cifar100(tmp_path / "data")
    words = [
        "fit",
        "-c",
        "data/cifar100.yaml",
        "-c",
        "cdnet/cifar100.yaml",
        f"--data.root={root}",
        *NARROW,
        *QUICK,
        "--trainer.max_epochs=1",
    ]
    main([*words, "--run_dir", str(tmp_path / "run")])
    done = run(capsys, "predict", "--ckpt", last(tmp_path / "run"), "--run_dir", tmp_path / "predict")
    assert (done.code, "has no embeddings of people to write; test it with `vireid test`" in done.err) == (2, True)
    done = run(capsys, "validate", "--ckpt", last(tmp_path / "run"), "--run_dir", tmp_path / "validate")
    assert (done.code, "There is no validation" in done.err) == (2, True)
