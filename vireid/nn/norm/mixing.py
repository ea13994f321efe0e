"""From the parameters of several normalisations and their weights to one :class:`~vireid.nn.norm.mixture.Mixed`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from vireid.nn.norm.constants import constant
from vireid.nn.norm.mixture import Mixed
from vireid.nn.norm.norm_candidates import Part, Source, parts_of_modality
from vireid.structures import Modality

_SOURCES = tuple(Source)  # some compilers cannot iterate over a class


def mix(candidates: Sequence[Sequence[Part]], modalities: Sequence[Modality], weights: Tensor, channels: int) -> Mixed:
    """Mixed weights and offsets of K candidates for the modalities that have rows.

    Args:
        candidates: parts of each.
        modalities: the G of them that have rows, in order.
        weights: ``(K,)``, in the dtype of statistics; gradients reach them and the parameters of the candidates.
        channels: C.

    Example:
        >>> from vireid.nn.norm.norm_candidates import norm_parts
        >>> bn = torch.nn.BatchNorm2d(3)
        >>> mixed = mix([norm_parts(bn)], [Modality.VISIBLE], torch.tensor([0.5]), channels=3)
        >>> mixed.pooled.tolist(), mixed.row
        ([[0.5, 0.5, 0.5]], None)
    """
    parts = [[parts_of_modality(candidate, modality) for candidate in candidates] for modality in modalities]  # [G][K]
    gamma, beta = _stacked(parts, weights, channels)
    edges = sorted({edge for group in parts for own in group for part in own for edge in (part.channels.start, part.channels.stop)})
    spans = [slice(start, stop) for start, stop in pairwise(edges)]
    sources = [[[_source_at(own, span.start) for own in group] for group in parts] for span in spans]  # [segment][G][K]
    used = [source for source in _SOURCES if any(source in group for segment in sources for group in segment)]
    pattern = tuple(  # (segment, G, n, K): which candidates count for which source
        tuple(tuple(tuple(found is source for found in group) for source in used) for group in segment) for segment in sources
    )
    selected = constant(pattern, weights.dtype, weights.device)
    pieces = [((mask * weights).unsqueeze(-1) * gamma[:, None, :, span]).sum(2) for mask, span in zip(selected, spans, strict=True)]
    mixed = dict(zip(used, torch.cat(pieces, dim=-1).unbind(1), strict=True))
    offset = (weights.view(1, -1, 1) * beta).sum(1)
    return Mixed(offset, mixed.get(Source.POOLED), mixed.get(Source.MODALITY), mixed.get(Source.ROW), mixed.get(Source.FIXED))


def _stacked(parts: Sequence[Sequence[Sequence[Part]]], like: Tensor, channels: int) -> tuple[Tensor, Tensor]:
    """Weights and biases ``(G, K, C)`` of candidates that normalise all channels."""
    one, zero = like.new_ones(channels), like.new_zeros(channels)
    gammas, betas = [], []
    for own in (own for group in parts for own in group):
        pairs = [(part.channels, *part.affine()) for part in own]
        gammas.append(_joined([one[span] if weight is None else weight for span, weight, _ in pairs]))
        betas.append(_joined([zero[span] if bias is None else bias for span, _, bias in pairs]))
    shape = (len(parts), len(parts[0]), channels)
    return torch.stack(gammas).to(like.dtype).view(shape), torch.stack(betas).to(like.dtype).view(shape)


def _joined(vectors: Sequence[Tensor]) -> Tensor:
    return vectors[0] if len(vectors) == 1 else torch.cat(list(vectors))


def _source_at(parts: Sequence[Part], channel: int) -> Source:
    return next(part.source for part in parts if part.channels.start <= channel < part.channels.stop)
