"""The parameters of many sites, mixed at once: what a step of a search does that depends on no activation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from vireid.nn.norm.constants import constant
from vireid.nn.norm.norm_candidates import Part, Source, parts_of_modality
from vireid.structures import Modality

KINDS = (Source.POOLED, Source.MODALITY, Source.ROW)
"""Statistics of a batch that a candidate may divide by, in the order of the coefficients behind the offset."""
_CONSTANTS = (1.0, 0.0)  # weight and bias of a layer without parameters


class SiteMixing:
    """Which parameter multiplies which channel under each candidate, and what the result is divided by.

    It is found once for a network. A step then mixes the parameters of all sites by a dozen operations, whatever their number.

    Args:
        sites: of every site the parts of each candidate, none of which normalises by running statistics.
        channels: of every site.
        modalities: the G of them that have rows, in order.
    """

    def __init__(self, sites: Sequence[Sequence[Sequence[Part]]], channels: Sequence[int], modalities: Sequence[Modality]) -> None:
        self.channels = list(channels)
        self.count = max(len(candidates) for candidates in sites)
        self._kinds = [1 + len(_kinds(candidates)) for candidates in sites]  # beside the offset
        self._parts = [part for candidates in sites for own in candidates for part in own]
        places = _places(self._parts)
        shape = (2, len(modalities), self.count, sum(channels))
        index, masks = torch.zeros(shape, dtype=torch.long), torch.zeros(max(self._kinds) - 1, *shape[1:], dtype=torch.bool)
        start = 0
        for candidates, width in zip(sites, channels, strict=True):
            for g, modality in enumerate(modalities):
                for k, own in enumerate(candidates):
                    for part in parts_of_modality(own, modality):
                        span = slice(start + part.channels.start, start + part.channels.stop)
                        for kind, place in enumerate(places[id(part)]):
                            index[kind, g, k, span] = kind if place is None else torch.arange(part.norm.num_features) + place
                        masks[KINDS.index(part.source), g, k, span] = True
            start += width
        self._index, self._masks = index.flatten(), masks

    def coefficients(self, weights: Sequence[Tensor], like: Tensor) -> list[Tensor]:
        """Of every site ``(4, G, C)``, or ``(3, G, C)`` if nothing is divided by the deviation of single rows.

        Args:
            weights: of every site ``(K,)`` mixture weights; gradients reach them and the parameters.
            like: of the dtype and on the device of the result.
        """
        self._index, self._masks = self._index.to(like.device), self._masks.to(like)
        parameters = [parameter for part in self._parts for parameter in (part.norm.weight, part.norm.bias) if parameter is not None]
        flat = torch.cat([constant(_CONSTANTS, like.dtype, like.device), *parameters]).to(like.dtype)
        picked = flat.index_select(0, self._index).view(2, *self._masks.shape[1:])
        rows = torch.stack([row if len(row) == self.count else pad(row, (0, self.count - len(row))) for row in weights])
        gamma, beta = (picked * _ToChannels.apply(rows.to(like, non_blocking=True), self.channels)).unbind(0)
        mixed = torch.cat((beta.sum(1)[None], (self._masks * gamma).sum(2)))
        found = zip(torch.split(mixed, self.channels, -1), self._kinds, strict=True)
        return [part if kinds == len(part) else part[:kinds] for part, kinds in found]


def _kinds(candidates: Sequence[Sequence[Part]]) -> tuple[Source, ...]:
    """All kinds, or all but the last if nothing is divided by the deviation of single rows."""
    return KINDS if any(part.source is Source.ROW for own in candidates for part in own) else KINDS[:-1]


def _places(parts: Sequence[Part]) -> dict[int, tuple[int | None, int | None]]:
    """Where the weight and the bias of each part begin behind the constants, all in a row; ``None`` if it has none."""
    places, start = dict[int, tuple[int | None, int | None]](), len(_CONSTANTS)
    for part in parts:
        found = []
        for parameter in (part.norm.weight, part.norm.bias):
            found.append(None if parameter is None else start)
            start += 0 if parameter is None else parameter.numel()
        places[id(part)] = (found[0], found[1])
    return places


class _ToChannels(torch.autograd.Function):
    """``(S, K)`` to ``(K, sum of channels)``. The sums of the backward pass have the same order each time, on a GPU too."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, channels: list[int]) -> Tensor:
        ctx.channels = channels
        return torch.cat([row[:, None].expand(-1, count) for row, count in zip(weights, channels, strict=True)], 1)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, None]:
        return torch.stack([part.sum(1) for part in torch.split(grad, ctx.channels, 1)]), None
