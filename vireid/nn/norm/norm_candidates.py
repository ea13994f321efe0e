"""The candidates of a normalisation site: how each is built, and the simple normalisations that it consists of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

import torch
from torch import Tensor, nn

from vireid.errors import SettingsError
from vireid.nn.norm.batch_norm import uses_batch_statistics
from vireid.nn.norm.instance_batch_norm import InstanceBatchNorm2d, instance_norm_from
from vireid.nn.norm.separate_bn import SeparateBatchNorm2d
from vireid.structures import Modality

NORM_CANDIDATES: dict[str, Callable[[nn.BatchNorm2d], nn.Module]] = {
    "shared_bn": lambda bn: bn,
    "separate_bn": SeparateBatchNorm2d.from_batch_norm,
    "in": instance_norm_from,
    "ibn": InstanceBatchNorm2d.from_batch_norm,
    "separate_ibn": lambda bn: InstanceBatchNorm2d.from_batch_norm(bn, separate=True),
}
"""Candidate id to the function that makes its plain layer, starting from a pretrained one; ``shared_bn`` is that layer itself.

Their order is that of :data:`~vireid.structures.norm_candidates.CANDIDATES`."""


class Source(Enum):
    """What a normalisation divides by."""

    POOLED = "statistics of the batch"
    MODALITY = "statistics of the rows of a modality"
    ROW = "statistics of each row"
    FIXED = "running statistics"


@dataclass(frozen=True)
class Part:
    """A simple normalisation inside a candidate.

    Attributes:
        norm: the layer that holds parameters and running statistics.
        start: first channel that it normalises.
        modality: whose rows it normalises; ``None`` for all.
    """

    norm: nn.BatchNorm2d | nn.InstanceNorm2d
    start: int = 0
    modality: Modality | None = None

    @property
    def source(self) -> Source:
        """What it would divide by now."""
        if isinstance(self.norm, nn.InstanceNorm2d):
            return Source.ROW
        if not uses_batch_statistics(self.norm):
            return Source.FIXED
        return Source.POOLED if self.modality is None else Source.MODALITY

    @property
    def channels(self) -> slice:
        """Channels that it normalises."""
        return slice(self.start, self.start + self.norm.num_features)

    def affine(self) -> tuple[Tensor | None, Tensor | None]:
        """Weight and bias ``(C',)``, of the raw input where running statistics normalise; ``None`` for ones and zeros."""
        norm = self.norm
        if self.source is not Source.FIXED:
            return norm.weight, norm.bias
        if norm.running_mean is None or norm.running_var is None:
            raise TypeError("A BatchNorm2d without running statistics normalises by the batch.")
        weight = torch.rsqrt(norm.running_var + norm.eps)
        weight = weight if norm.weight is None else weight * norm.weight
        offset = -weight * norm.running_mean
        return weight, offset if norm.bias is None else offset + norm.bias


def norm_candidate(name: str) -> Callable[[nn.BatchNorm2d], nn.Module]:
    """The function that builds the candidate with this id.

    Raises:
        SettingsError: no such candidate; the message lists those there are.
    """
    if name not in NORM_CANDIDATES:
        raise SettingsError(f"There is no normalisation candidate {name!r}; choose from {', '.join(NORM_CANDIDATES)}.")
    return NORM_CANDIDATES[name]


def norm_parts(layer: nn.Module, start: int = 0, modality: Modality | None = None) -> list[Part]:
    """The simple normalisations of a candidate's layer.

    Raises:
        TypeError: not the layer of a candidate.
    """
    if isinstance(layer, (nn.BatchNorm2d, nn.InstanceNorm2d)):
        return [Part(layer, start, modality)]
    if isinstance(layer, SeparateBatchNorm2d):
        pairs = ((layer.visible, Modality.VISIBLE), (layer.infrared, Modality.INFRARED))
        return [part for bn, kind in pairs for part in norm_parts(bn, start, kind)]
    if isinstance(layer, InstanceBatchNorm2d):
        return [*norm_parts(layer.IN, start), *norm_parts(layer.BN, start + layer.split)]
    raise TypeError(f"Expected the layer of a normalisation candidate, got {type(layer).__name__}.")


def parts_of_modality(parts: Sequence[Part], modality: Modality) -> list[Part]:
    """Those that normalise the rows of ``modality``, in the order of their channels."""
    return [part for part in parts if part.modality in (None, modality)]
