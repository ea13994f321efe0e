"""Tasks whose best architecture is known, because a difference between the modalities was planted on purpose.

Infrared rows are visible images here, altered in a known way:

- *feature plant*: at chosen sites the infrared rows of the norm's input go through a fixed random affine per channel; a separated
  batch norm undoes it, nothing else does.
- *gain plant*: normalised infrared images times 0.1; a separated stem undoes it exactly.
- *control*: no alteration.

Run as a script it prints the rankings: ``python -m tests.tasks.planted [seeds]``.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from vireid import RetrainModule, SearchModule, SYSUDataModule
from vireid.data import FlipShiftAugmentation
from vireid.data.synthetic import write_dataset
from vireid.losses import CrossEntropy, FourWayHardTriplet, Loss
from vireid.models import NetworkOutput
from vireid.nn import NormChoice
from vireid.search import BNSeparation
from vireid.structures import Batch, Modality, generator_for
from vireid.structures.resnet_sites import cmnas_order
from vireid.tasks import SGD, Adam, WarmupCosine

SPACE = {"backbone": "resnet18", "width": 32}
PLANTED = (9, 14)  # places in a CM-NAS list: layer2.1.bn2 and layer3.1.bn2
STEPS, WARM_UP, ALTERNATING = 10, 3, 9  # batches in an epoch; epochs


def visible_pairs(root: Path, identities: int = 160, seed: int = 0) -> Path:
    """A SYSU tree whose infrared cameras hold visible images: half of those of cameras 4 and 5."""
    write_dataset(root, identities=identities, test_identities=identities // 5, images=4, seed=seed)
    for source, target in ((4, 3), (5, 6)):
        for folder in sorted((root / f"cam{source}").iterdir()):
            shutil.rmtree(root / f"cam{target}" / folder.name)
            (root / f"cam{target}" / folder.name).mkdir()
            for number, image in enumerate(sorted(folder.iterdir())[2:], start=1):
                image.rename(root / f"cam{target}" / folder.name / f"{number:04d}.jpg")
    return root


def data(root: Path, search: bool, seed: int) -> SYSUDataModule:
    return SYSUDataModule(
        root,
        heldout="seeded",
        trials=1,
        height=64,
        width=32,
        images_per_identity=2,
        augmentation=FlipShiftAugmentation(mean=(0.45,) * 3, std=(0.22,) * 3),
        search_split="identity" if search else "none",
        heldout_fraction=0.35,
        seed=seed,
        num_workers=0,
        cache_images=True,
    )


def losses() -> list[Loss]:
    return [CrossEntropy(label_smoothing=0.1), FourWayHardTriplet()]


def plant_features(choice: NormChoice, channels: int, name: int) -> None:
    """Alter infrared rows just before a site: scales 1/4..4 and offsets of one input deviation."""
    generator = generator_for((77, name))
    scale = torch.exp(1.4 * (2 * torch.rand(channels, generator=generator) - 1))[:, None, None]
    offset = torch.randn(channels, generator=generator)[:, None, None]

    def alter(site: nn.Module, inputs: tuple[Tensor]) -> Tensor:
        assert isinstance(site, NormChoice)
        rows = inputs[0]
        n = int(site.n_visible or 0)
        return torch.cat([rows[:n], rows[n:] * scale + offset * rows.detach().std()])

    choice.register_forward_pre_hook(alter)


def fit(module: pl.LightningModule, datamodule: SYSUDataModule, folder: Path, epochs: int, steps: int = STEPS) -> pl.Trainer:
    trainer = pl.Trainer(
        max_epochs=epochs,
        limit_train_batches=steps,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )
    trainer.fit(module, datamodule=datamodule)
    return trainer


def probabilities(root: Path, folder: Path, seed: int, planted: bool, cost: float = 0.05) -> Tensor:
    """``(20,)`` probability of separation per site, in the order of a CM-NAS list, after a search with or without the feature plant."""
    datamodule = data(root, search=True, seed=seed)
    epochs = WARM_UP + ALTERNATING
    module = SearchModule(
        datamodule.num_classes,
        BNSeparation(**SPACE),
        weights=None,
        losses=losses(),
        optimizer=SGD(0.05),
        schedule=WarmupCosine(epochs, 1),
        trunk_lr_factor=1.0,
        architecture_optimizer=Adam(0.03, weight_decay=0.0),
        warmup_epochs=WARM_UP,
        temperature_start=2.0,
        temperature_end=0.3,
        cost_weight=cost,
        seed=seed,
    )
    order = cmnas_order("resnet18")
    channels = {site.name: int(site.channels or 0) for site in module.space.sites()}
    for place in PLANTED if planted else ():
        plant_features(module.supernet.choices[order[place]], channels[order[place]], place)
    fit(module, datamodule, folder, epochs)
    table = module.architecture.table()
    return torch.tensor([table[site][1] for site in order])


class GainPlanted(RetrainModule):
    """Infrared images arrive at a tenth of their contrast."""

    def forward(self, batch: Batch) -> NetworkOutput:
        gain = torch.where(batch.modalities == Modality.INFRARED, 0.1, 1.0)
        return super().forward(batch.with_images(batch.images * gain[:, None, None, None]))


def gain_plant_map(root: Path, folder: Path, genotype: str, seed: int) -> float:
    """Test mAP (all-search, single shot) of a network trained for 120 steps on the gain plant."""
    datamodule = data(root, search=False, seed=seed)
    module = GainPlanted(
        datamodule.num_classes,
        genotype,
        BNSeparation(**SPACE),
        weights=None,
        losses=losses(),
        optimizer=SGD(0.05),
        schedule=WarmupCosine(12, 1),
        trunk_lr_factor=1.0,
        seed=seed,
    )
    trainer = fit(module, datamodule, folder, epochs=12)
    trainer.test(module, datamodule=datamodule, verbose=False)
    return next(r.mean["mAP"] for r in module.results if r.protocol.startswith("sysu/all/single-shot"))


def ranks(values: Tensor) -> list[int]:
    """1-based place of every site when the largest value comes first."""
    return (values.argsort(descending=True).argsort() + 1).tolist()


def study(seeds: int) -> list[dict[str, Any]]:
    """Rankings and probabilities of plant and control, and the gain plant, over seeds."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        root = visible_pairs(Path(folder) / "tree")
        for seed in range(seeds):
            plant, control = (probabilities(root, Path(folder) / "run", seed, planted) for planted in (True, False))
            row: dict[str, Any] = {
                "seed": seed,
                "rank of planted": [ranks(plant)[i] for i in PLANTED],
                "rank by difference from control": [ranks(plant - control)[i] for i in PLANTED],
                "p": [round(float(plant[i]), 2) for i in PLANTED],
                "p in control": [round(float(control[i]), 2) for i in PLANTED],
                "separated": [i for i in range(len(plant)) if plant[i] > 0.5],
                "separated in control": [i for i in range(len(control)) if control[i] > 0.5],
            }
            for name in ("all_shared", "stem_separate"):
                row[f"gain {name}"] = round(gain_plant_map(root, Path(folder) / "run", name, seed), 3)
            rows.append(row)
            sys.stdout.write(f"{row}\n")
            sys.stdout.flush()
    return rows


if __name__ == "__main__":
    torch.set_num_threads(1)
    study(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
