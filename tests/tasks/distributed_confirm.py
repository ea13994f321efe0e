"""A confirmation on two processes (gloo): ``python distributed_confirm.py ROOT FOLDER``."""

import json
import sys
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from vireid import SearchModule, SyntheticDataModule
from vireid.data import FlipShiftAugmentation
from vireid.search import BNSeparation, Confirm, InitialWeights, ModalityGap, RetrievalScore, SoftAPScore, ZeroCost
from vireid.tasks import SGD, Untrained
from vireid.tasks.search.child_score import InheritedScore

SIZES: dict[str, Any] = {"height": 32, "width": 16, "identities_per_batch": 4, "images_per_identity": 2, "num_workers": 0}
PEOPLE: dict[str, Any] = {"identities": 24, "test_identities": 4, "images": 1, "image_height": 32, "image_width": 16}


def data_module(root: str) -> SyntheticDataModule:
    held = {"search_split": "identity", "validation": "heldout", "heldout_fraction": 0.4}
    return SyntheticDataModule(root, augmentation=FlipShiftAugmentation(padding=1), **PEOPLE, **SIZES, **held)


if __name__ == "__main__":
    root, folder = sys.argv[1:]
    torch.set_num_threads(1)
    begin = InitialWeights()
    cheap = [SoftAPScore(batches=2, training=begin), RetrievalScore(recalibration_batches=1, training=begin)]
    derivation = Confirm([ZeroCost(cheap, best=1)], recalibration_batches=1)
    data = data_module(root)
    space = BNSeparation("resnet10", width=8, sites=["bn1", "layer1.*"], tie="stage")  # four points
    module = SearchModule(12, space, None, optimizer=SGD(0.05), strategy=Untrained(), derivation=derivation)
    quiet: dict[str, Any] = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    quiet |= {"num_sanity_val_steps": 0, "default_root_dir": folder}
    trainer = pl.Trainer(max_epochs=4, limit_train_batches=2, accelerator="cpu", devices=2, strategy="ddp", **quiet)
    trainer.fit(module, datamodule=data)
    point = module.space.baselines()["all_separate"]
    people = InheritedScore(module, SoftAPScore(batches=2)).measured(point)
    gap = InheritedScore(module, ModalityGap(batches=1)).measured(point)
    genotype = module.derive()
    told = {
        "choices": genotype.choices,
        "derivation": genotype.provenance["derivation"],
        "people": people.people,
        "gaps": gap.sites,
        "held": sorted({record.pid for record in data.parts.architecture}),
    }
    (Path(folder) / f"rank{trainer.global_rank}.json").write_text(json.dumps(told))
