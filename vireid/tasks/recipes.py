"""Loss lists of published systems."""

from __future__ import annotations

from vireid.losses import ClassMMD, CrossEntropy, FourWayHardTriplet, Loss, SimilarityPreserving


def cm_nas_losses() -> list[Loss]:
    """``CE + triplet + 5 SP + 0.05 CMMD`` (CM-NAS, Fu et al., ICCV 2021, public training code)."""
    return [CrossEntropy(), FourWayHardTriplet(), SimilarityPreserving(weight=5.0), ClassMMD(weight=0.05)]
