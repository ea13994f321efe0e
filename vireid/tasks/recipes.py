"""Losses and optimisers of published systems."""

from __future__ import annotations

from vireid.losses import ClassMMD, CrossEntropy, FourWayHardTriplet, Loss, SimilarityPreserving
from vireid.tasks.optimisation.optimisers import Adam
from vireid.tasks.optimisation.schedules import WarmupMultiStep


def cm_nas_losses() -> list[Loss]:
    """``CE + triplet + 5 SP + 0.05 CMMD`` (CM-NAS, Fu et al., ICCV 2021, public training code)."""
    return [CrossEntropy(), FourWayHardTriplet(), SimilarityPreserving(weight=5.0), ClassMMD(weight=0.05)]


def cm_nas_optimizer() -> Adam:
    """Adam at 0.01, the trunk at a tenth of it; a warm-up of 10 epochs, drops at 40 and 70 (CM-NAS, public training code)."""
    return Adam(schedule=WarmupMultiStep(), lr_factors={"trunk": 0.1})


def cm_nas_search_optimizer() -> Adam:
    """The same with its schedule compressed to a search (ours): a warm-up of 5 epochs, drops at 30 and 45."""
    return Adam(schedule=WarmupMultiStep((30, 45), warmup_epochs=5), lr_factors={"trunk": 0.1})
