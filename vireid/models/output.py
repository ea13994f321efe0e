"""What a network gives: to the losses, to retrieval, to classification."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Branch(NamedTuple):
    """What losses see of one branch of a network.

    Attributes:
        features: ``(B, D)`` before the neck.
        embeddings: ``(B, D)`` after it, not normalised.
        logits: ``(B, num_classes)``, or ``None`` without a classifier.
        extras: further ``(B, ...)`` tensors by name, for losses that ask for them; in training only.
    """

    features: Tensor
    embeddings: Tensor
    logits: Tensor | None
    extras: dict[str, Tensor] | None = None


class NetworkOutput(NamedTuple):
    """Output of every network. Losses act on each branch, and the results are added up.

    Attributes:
        branches: at least one; a plain network has one.
    """

    branches: tuple[Branch, ...]

    @property
    def features(self) -> Tensor:
        """``(B, D)`` features of all branches, one beside the other."""
        return _beside([branch.features for branch in self.branches])

    @property
    def embeddings(self) -> Tensor:
        """``(B, D)`` embeddings of all branches, one beside the other; what retrieval compares."""
        return _beside([branch.embeddings for branch in self.branches])

    @property
    def logits(self) -> Tensor | None:
        """``(B, num_classes)`` sum over the branches that have a classifier, for classification; ``None`` if none has."""
        logits = [branch.logits for branch in self.branches if branch.logits is not None]
        return sum(logits[1:], logits[0]) if logits else None

    def with_extras(self, extras: dict[str, Tensor] | None) -> NetworkOutput:
        """The same with ``extras`` added to those of every branch."""
        if not extras:
            return self
        return NetworkOutput(tuple(branch._replace(extras={**(branch.extras or {}), **extras}) for branch in self.branches))


def _beside(rows: list[Tensor]) -> Tensor:
    return rows[0] if len(rows) == 1 else torch.cat(rows, dim=1)
