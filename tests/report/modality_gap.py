"""``python -m tests.report.modality_gap FOLDER``: the modality gap of generated people, untrained, trained shared and trained separated."""

from __future__ import annotations

import logging
import sys
import warnings
from pathlib import Path
from statistics import mean, stdev

import pytorch_lightning as pl

from vireid import RetrainModule, SyntheticDataModule
from vireid.data import FlipShiftAugmentation
from vireid.results import read_results
from vireid.results.embedding_space import modality_gap
from vireid.search import BNSeparation
from vireid.tasks import SGD, WarmupCosine

SEEDS, EPOCHS, STEPS = (0, 1, 2), 10, 20
NETWORKS = {
    "untrained": ("all_shared", 0),
    "trained, all shared": ("all_shared", EPOCHS),
    "trained, all separate": ("all_separate", EPOCHS),
}
QUIET = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}


def measured(folder: Path, genotype: str, epochs: int, seed: int) -> tuple[float, ...]:
    """Gap, distance of one person's centres, distance of two people's centres, and mAP; people and training are of this seed."""
    batches = {"identities_per_batch": 12, "images_per_identity": 2, "cache_images": True, "num_workers": 0, "seed": seed}
    sizes = {"identities": 250, "test_identities": 50, "seed_data": seed, "height": 64, "width": 32}
    data = SyntheticDataModule(folder / f"people-{seed}", augmentation=FlipShiftAugmentation(padding=2), **sizes, **batches)
    data.prepare_data()
    optimizer, space = SGD(0.05, schedule=WarmupCosine(EPOCHS, 1)), BNSeparation("resnet10", width=24)
    module = RetrainModule(data.num_classes, genotype, space, weights=None, optimizer=optimizer, seed=seed)
    run = folder / f"{genotype}-{epochs}-{seed}"
    trainer = pl.Trainer(
        max_epochs=epochs, limit_train_batches=STEPS, limit_val_batches=0, devices=1, accelerator="cpu", default_root_dir=run, **QUIET
    )
    if epochs:
        trainer.fit(module, datamodule=data)
    trainer.test(module, datamodule=data, verbose=False)
    found = read_results(run)
    assert found.images is not None
    gap = modality_gap(found.images)
    assert gap is not None
    return gap.gap, gap.same, gap.people, 100 * found.results[0].mean["mAP"]


def main(folder: Path) -> None:
    """Print a table in Markdown: mean and deviation over the seeds."""
    print("| network | modality gap | same person, other modality | two people, one modality | mAP, % |\n|---|---:|---:|---:|---:|")
    for name, (genotype, epochs) in NETWORKS.items():
        columns = zip(*(measured(folder, genotype, epochs, seed) for seed in SEEDS), strict=True)
        cells = [f"{mean(values):.{digits}f} ± {stdev(values):.{digits}f}" for values, digits in zip(columns, (2, 2, 2, 1), strict=True)]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    logging.disable(logging.INFO)
    warnings.filterwarnings("ignore")
    main(Path(sys.argv[1]))
