"""Systems that benchmarks train, and batches of noise for them."""

from __future__ import annotations

from typing import Any

import torch

import vireid
from vireid.losses import CrossEntropy, WeightedRegularizedTriplet
from vireid.models import BNNeckHead, NonLocalBlocks, TwoStreams
from vireid.nn import GeMPooling
from vireid.search import BNSeparation
from vireid.structures import Batch
from vireid.tasks import EMA, SGD, ReIDModule, WarmupMultiStep

CLASSES = 395


def cm_nas(**options: Any) -> ReIDModule:
    return vireid.RetrainModule(CLASSES, "random-0", BNSeparation(), weights=None, ema=EMA(mode="average"), **options)


def agw(**options: Any) -> ReIDModule:
    parts, head = [TwoStreams("maxpool"), NonLocalBlocks(inner_channels=1)], BNNeckHead(pooling=GeMPooling())
    optimizer = SGD(schedule=WarmupMultiStep((20, 50), warmup_epochs=9, warmup_factor=0.1), lr_factors={"trunk": 0.1})
    losses = [CrossEntropy(), WeightedRegularizedTriplet()]
    return vireid.RetrainModule(CLASSES, "all_shared", BNSeparation(), None, losses, optimizer, trunk_parts=parts, head=head, **options)


def batches(count: int, rows: int = 16, images: int = 4, height: int = 128, width: int = 64) -> list[Batch]:
    """Noise of the scale of normalised images."""
    generator, labels = torch.Generator().manual_seed(0), torch.arange(rows // images).repeat_interleave(images).repeat(2)
    modalities, places = torch.arange(2).repeat_interleave(rows), torch.arange(2 * rows)
    drawn = [torch.randn(2 * rows, 3, height, width, generator=generator) for _ in range(count)]
    return [Batch(one, labels, labels, labels, modalities, places, rows, (0, 0, 0, n, 0), images) for n, one in enumerate(drawn)]
