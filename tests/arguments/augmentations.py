"""Arguments of augmentations: the images of one augmented batch, and normalised images of evaluation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tests.arguments.table import Change, Table
from vireid.data import (
    Augmentation,
    ChannelAugmentation,
    CMNASAugmentation,
    CutoutAugmentation,
    FlipJitterAugmentation,
    FlipShiftAugmentation,
    GreyMixAugmentation,
    Normalise,
)
from vireid.structures import Batch, Modality

N, VISIBLE = 16, 8


def batch() -> Batch:
    """Eight visible and eight infrared images of 24 x 16, drawn once; infrared ones in colour, so that a change of channels shows."""
    images = torch.randint(0, 256, (N, 3, 24, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    modalities = torch.tensor([Modality.VISIBLE] * VISIBLE + [Modality.INFRARED] * VISIBLE)
    rows = torch.arange(N)
    return Batch(images, rows, rows, rows, modalities, n_visible=VISIBLE, positions=rows, key=(0, 1, 2))


def observe(augmentation: Augmentation) -> tuple[Tensor, Tensor]:
    return augmentation.augment(batch()).images, augmentation.normalise(batch().images, VISIBLE)


def table(cls: type[Augmentation], **others: Any) -> Table:
    rows = {name: row if isinstance(row, Change) else Change(row) for name, row in others.items()}
    return Table(cls, observe, {"mean": Change((0.1, 0.2, 0.3)), "std": Change((0.3, 0.2, 0.1)), **rows})


ERASING = {"erasing_probability": 1.0}
TABLES = [
    table(
        CMNASAugmentation,
        padding=2,
        flip_probability=0.0,
        erasing_probability=0.0,
        erasing_area=Change((0.1, 0.11), ERASING),
        erasing_aspect=Change((1.0, 1.1), ERASING),
        erase_fill=Change("mean", ERASING),
        pad_fill="mean",
    ),
    table(
        ChannelAugmentation,
        padding=2,
        flip_probability=0.0,
        erasing_probability=0.0,
        infrared_erasing_probability=0.0,
        exchange_grey=True,
        adaptive_grey=0.0,
        visible_grey=1.0,
        erase_fill=Change("mean", ERASING),
        pad_fill="mean",
    ),
    table(CutoutAugmentation, length=4, padding=0, flip_probability=0.0, pad_fill="mean"),
    table(FlipJitterAugmentation, brightness=0.5, contrast=0.5, flip_probability=0.0),
    table(FlipShiftAugmentation, padding=0, flip_probability=0.0, pad_fill="black"),
    table(GreyMixAugmentation, grey=0.1, padding=0, flip_probability=0.0, pad_fill="black"),
    table(Normalise),
]
