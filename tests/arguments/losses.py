"""Arguments of losses: the weighted terms by name, and the gradient of every input."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tests.arguments.table import Change, Table
from vireid.losses import (
    AttentionAlignment,
    BatchHardTriplet,
    ClassMMD,
    CrossCorrelation,
    CrossEntropy,
    EnhancedSquaredDifference,
    FourWayHardTriplet,
    HeteroCentreTriplet,
    InfraredDistillation,
    LocalAlignment,
    Loss,
    LossInputs,
    LossSum,
    ModalityCrossEntropy,
    MutualKL,
    PartCrossEntropy,
    SimilarityPreserving,
    SmoothAveragePrecision,
    ViewConsistency,
    WeightedRegularizedTriplet,
)

EXTRAS = {
    "modality_logits": (2, 4),
    "channel_attention": (3, 3),
    "position_attention": (3, 3),
    "part_logits": (2, 4),
    "other_logits": (2, 4),
    "parts": (2, 5),
    "strips": (4, 3),
}
LABELS = torch.tensor([0, 0, 1, 1, 2, 2] * 2)
Seen = tuple[dict[str, Tensor], list[Tensor | None]]


def observe_sum(losses: LossSum, views: int = 1) -> Seen:
    """Terms and gradients on one batch: 3 identities, K = 2, 4 classes."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(12, *shape, dtype=torch.float64, generator=generator).requires_grad_()

    rows, extras = [draw(5), draw(5), draw(4)], {name: draw(*shape) for name, shape in EXTRAS.items()}
    total, terms = losses(LossInputs(*rows, LABELS, n_visible=6, k=2, visible_views=views, extras=extras))  # type: ignore[arg-type]
    return terms, list(torch.autograd.grad(total, [*rows, *extras.values()], allow_unused=True))


def observe(loss: Loss) -> Seen:
    return observe_sum(LossSum([loss]), views=2 if isinstance(loss, ViewConsistency) else 1)


def table(cls: type[Loss], **others: Any) -> Table:
    """A table with the arguments that every loss has, and ``others``."""
    rows = {name: row if isinstance(row, Change) else Change(row) for name, row in others.items()}
    return Table(cls, observe, {"weight": Change(3.0), "name": Change("other"), **rows})


TABLES = [
    table(AttentionAlignment, attention="position_attention"),
    table(BatchHardTriplet, margin=2.0, normalise=True, on="embeddings"),
    table(ClassMMD, on="features"),
    table(CrossCorrelation, off_diagonal=0.5, divisor=3.0, standardise=True, on="embeddings"),
    table(CrossEntropy, label_smoothing=0.1),
    table(EnhancedSquaredDifference, alpha=0.5, gamma=2.0, square=False, stabilise="corrected", on="embeddings"),
    table(FourWayHardTriplet, margin=2.0, normalise=True, on="embeddings"),
    table(HeteroCentreTriplet, margin=2.0, on="embeddings", parts="parts", part_weight=Change(0.5, {"parts": "parts"})),
    table(InfraredDistillation, temperature=1.0),
    table(LocalAlignment, margin=2.0, on="embeddings"),
    Table(LossSum, observe_sum, {"losses": Change([CrossEntropy(), ClassMMD()])}, {"losses": [CrossEntropy()]}),
    table(ModalityCrossEntropy, label_smoothing=0.1),
    table(MutualKL, reduction="mean", detach_target=False, temperature=2.0),
    table(PartCrossEntropy, label_smoothing=0.1, logits="other_logits"),
    table(SimilarityPreserving, on="features"),
    table(SmoothAveragePrecision, temperature=0.5, on="embeddings", within=True),
    table(ViewConsistency),
    table(WeightedRegularizedTriplet, stabilise="corrected", on="embeddings"),
]
