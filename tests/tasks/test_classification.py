"""ClassificationModule: accuracy counts images, of all branches together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from tests.classes import write_cifar100
from vireid import CIFAR100DataModule, ClassificationModule
from vireid.errors import SettingsError
from vireid.losses import CrossEntropy
from vireid.models import FineGrainedHead
from vireid.search import CombinedDepth
from vireid.tasks import EMA

CLASSES = 7
SPACE = CombinedDepth("cnet_3", planes=(8, 16, 16), stages=(1, 1), small=True)


def trainer(path: Path, **arguments: Any) -> pl.Trainer:
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    return pl.Trainer(default_root_dir=path, accelerator="cpu", **quiet, **arguments)


def data(path: Path, **arguments: Any) -> CIFAR100DataModule:
    root = write_cifar100(path, train=16, test=23, classes=CLASSES)
    return CIFAR100DataModule(root, num_workers=0, batch_size=8, eval_batch_size=10, **arguments)


def naive(module: ClassificationModule, images: CIFAR100DataModule, k: int) -> float:
    """Share of test images whose class is among the k largest of the summed logits, image by image."""
    pixels = images.augmentation.normalise(images.test.pixels(range(23), ()))
    hits = 0
    with torch.no_grad():
        for image, label in zip(pixels, images.test.labels.tolist(), strict=True):
            branches = module.eval().network(image[None], 1).branches
            logits = sum(branch.logits for branch in branches)[0]
            hits += label in logits.argsort(descending=True)[:k].tolist()
    return hits / 23


def test_accuracy_counts_images(tmp_path: Path) -> None:
    images, module = data(tmp_path), ClassificationModule(CLASSES, "all_3x5", SPACE, head=FineGrainedHead((8,)), seed=0)
    assert isinstance(module.losses.losses[0], CrossEntropy)
    trainer(tmp_path, max_epochs=1).test(module, images, verbose=False)  # batches of 10, 10 and 3
    expected = {"top1": naive(module, images, 1), "top5": naive(module, images, 5)}
    assert module.accuracy == pytest.approx(expected, abs=1e-6)
    assert expected["top1"] < expected["top5"] < 1
    written = json.loads((tmp_path / "metrics.json").read_text())
    assert (written["top1"], written["top5"], written["images"]) == (module.accuracy["top1"], module.accuracy["top5"], 23)
    assert module.show_results()


def test_fewer_than_five_classes(tmp_path: Path) -> None:
    module = ClassificationModule(3, "all_3x5", SPACE)
    assert not module.show_results()
    root = write_cifar100(tmp_path, train=4, test=9, classes=3)
    trainer(tmp_path).test(module, CIFAR100DataModule(root, num_workers=0, batch_size=4, eval_batch_size=4), verbose=False)
    assert module.accuracy["top5"] == 1


def test_averaged_weights_are_validated(tmp_path: Path) -> None:
    images = data(tmp_path, validation="faithful_test_set")
    module = ClassificationModule(CLASSES, "all_3x5", SPACE, ema=EMA(0.5), head=FineGrainedHead((8,)))
    run = trainer(tmp_path, max_epochs=1, num_sanity_val_steps=0)
    run.fit(module, images)
    assert 0 <= module.accuracy["top1"] <= module.accuracy["top5"] <= 1
    assert float(run.callback_metrics["val/top1"]) == pytest.approx(module.accuracy["top1"])
    assert module.evaluation.selected_by in run.callback_metrics
    run.validate(module, images, verbose=False)
    assert json.loads((tmp_path / "metrics.json").read_text())["evaluated_on"] == "validation images"
    assert not any(name.startswith(("top", "counted")) for name in module.state_dict())


def test_other_data_is_refused(tmp_path: Path) -> None:
    module = ClassificationModule(CLASSES, "all_3x5", SPACE)
    with pytest.raises(SettingsError, match="ClassificationModule needs a data module whose images have classes"):
        trainer(tmp_path, max_epochs=1).fit(module, data(tmp_path).train_dataloader())
    with pytest.raises(SettingsError, match="ClassificationModule has no embeddings of people"):
        trainer(tmp_path).predict(module, data(tmp_path / "predict"))
    images = data(tmp_path / "search", search_split="image")
    with pytest.raises(SettingsError, match="Retraining takes all training rows"):
        trainer(tmp_path, max_epochs=1).fit(module, images)
