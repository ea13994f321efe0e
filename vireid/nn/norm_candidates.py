"""The candidates of a normalisation site: each says how it is built and which affine map it is for the batch at hand."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vireid.errors import SettingsError
from vireid.nn.batch_norm import update_running, uses_batch_statistics
from vireid.nn.moments import Moments
from vireid.nn.separate_bn import SeparateBatchNorm2d
from vireid.structures import Modality

CANDIDATES = ("shared_bn", "separate_bn", "in", "ibn", "separate_ibn")


class NormCandidate(ABC):
    """One way to normalise a site.

    For a fixed batch it maps the rows of modality g to ``(x - mean[g]) / sqrt(var[g] + eps) * gamma[g] + beta[g]``.
    """

    @abstractmethod
    def build(self, bn: nn.BatchNorm2d) -> nn.Module:
        """The plain layer that starts from a pretrained one; may be ``bn`` itself."""

    @abstractmethod
    def affine(self, layer: nn.Module, modalities: Sequence[Modality]) -> tuple[Tensor, Tensor]:
        """``gamma``, ``beta``, ``(G, C)`` for the G modalities that have rows; gradients reach the layer's parameters."""

    @abstractmethod
    def uses_batch(self, layer: nn.Module) -> bool:
        """Whether the layer would now look at the batch's own moments."""

    @abstractmethod
    def statistics(self, layer: nn.Module, moments: Moments | None, modalities: Sequence[Modality]) -> tuple[Tensor, Tensor]:
        """``mean``, ``var``, ``(G, C)``, from ``moments`` or from running statistics; ``None`` only if no layer uses the batch."""

    @abstractmethod
    def update(self, layer: nn.Module, moments: Moments, modalities: Sequence[Modality]) -> None:
        """Update running statistics as the plain layer would for this batch."""


class SharedBatchNorm(NormCandidate):
    """One ``BatchNorm2d`` for the whole batch."""

    def build(self, bn: nn.BatchNorm2d) -> nn.BatchNorm2d:
        return bn

    def affine(self, layer: nn.Module, modalities: Sequence[Modality]) -> tuple[Tensor, Tensor]:
        bn = _batch_norm(layer)
        return bn.weight.expand(len(modalities), -1), bn.bias.expand(len(modalities), -1)

    def uses_batch(self, layer: nn.Module) -> bool:
        return uses_batch_statistics(_batch_norm(layer))

    def statistics(self, layer: nn.Module, moments: Moments | None, modalities: Sequence[Modality]) -> tuple[Tensor, Tensor]:
        bn = _batch_norm(layer)
        mean, var = moments.pooled()[:2] if moments is not None and uses_batch_statistics(bn) else _running(bn)
        return mean.expand(len(modalities), -1), var.expand(len(modalities), -1)

    def update(self, layer: nn.Module, moments: Moments, modalities: Sequence[Modality]) -> None:  # noqa: ARG002  # one layer for all
        update_running(_batch_norm(layer), *moments.pooled())


class SeparateBatchNorm(NormCandidate):
    """A ``BatchNorm2d`` per modality."""

    def build(self, bn: nn.BatchNorm2d) -> SeparateBatchNorm2d:
        return SeparateBatchNorm2d.from_batch_norm(bn)

    def affine(self, layer: nn.Module, modalities: Sequence[Modality]) -> tuple[Tensor, Tensor]:
        bns = _per_modality(layer, modalities)
        return torch.stack([bn.weight for bn in bns]), torch.stack([bn.bias for bn in bns])

    def uses_batch(self, layer: nn.Module) -> bool:
        return any(uses_batch_statistics(bn) for bn in _per_modality(layer, tuple(Modality)))

    def statistics(self, layer: nn.Module, moments: Moments | None, modalities: Sequence[Modality]) -> tuple[Tensor, Tensor]:
        bns = _per_modality(layer, modalities)
        if moments is not None and all(uses_batch_statistics(bn) for bn in bns):
            return moments.mean, moments.var
        pairs = [
            (moments.mean[group], moments.var[group]) if moments is not None and uses_batch_statistics(bn) else _running(bn)
            for group, bn in enumerate(bns)
        ]
        return torch.stack([mean for mean, _ in pairs]), torch.stack([var for _, var in pairs])

    def update(self, layer: nn.Module, moments: Moments, modalities: Sequence[Modality]) -> None:
        for group, bn in enumerate(_per_modality(layer, modalities)):
            update_running(bn, moments.mean[group], moments.var[group], moments.counts[group])


NORM_CANDIDATES: dict[str, NormCandidate] = {
    "shared_bn": SharedBatchNorm(),
    "separate_bn": SeparateBatchNorm(),
}


def norm_candidate(name: str) -> NormCandidate:
    """The candidate with this id.

    Raises:
        SettingsError: no such candidate; the message lists those there are.
    """
    if name not in NORM_CANDIDATES:
        raise SettingsError(f"There is no normalisation candidate {name!r}; choose from {', '.join(NORM_CANDIDATES)}.")
    return NORM_CANDIDATES[name]


def _batch_norm(layer: nn.Module) -> nn.BatchNorm2d:
    if not isinstance(layer, nn.BatchNorm2d):
        raise TypeError(f"Expected a BatchNorm2d, got {type(layer).__name__}.")
    return layer


def _per_modality(layer: nn.Module, modalities: Sequence[Modality]) -> list[nn.BatchNorm2d]:
    if not isinstance(layer, SeparateBatchNorm2d):
        raise TypeError(f"Expected a SeparateBatchNorm2d, got {type(layer).__name__}.")
    return [layer.visible if modality == Modality.VISIBLE else layer.infrared for modality in modalities]


def _running(bn: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    if bn.running_mean is None or bn.running_var is None:
        raise TypeError("A BatchNorm2d without running statistics normalises by the batch.")
    return bn.running_mean, bn.running_var
