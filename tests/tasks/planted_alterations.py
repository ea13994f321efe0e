"""Alterations of what enters a norm, each undone by one candidate and no other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from vireid.models import ReIDNetwork
from vireid.structures import generator_for

SCALE, OFFSET = 1.4, 3.0


class Affine:
    """A random affine map per channel just before a norm.

    Args:
        channels: of the norm.
        key: seed of the map.
    """

    def __init__(self, channels: int, key: tuple[int, ...]) -> None:
        self.channels, self.key = channels, key
        self.deviation: Tensor | None = None

    def __call__(self, rows: Tensor, n_visible: int) -> Tensor:
        """Altered ``(B, C, H, W)`` rows."""
        raise NotImplementedError

    def altered(self, rows: Tensor, count: int, key: tuple[int, ...]) -> Tensor:
        """``rows`` after ``count`` random maps, one or as many as rows. Offsets stay the same while the network learns."""
        noise, shape = generator_for(key), (count, self.channels, 1, 1)
        self.deviation = rows.detach().std() if self.deviation is None else self.deviation
        scale = torch.exp(SCALE * (2 * torch.rand(shape, generator=noise) - 1))
        return rows * scale + OFFSET * self.deviation * torch.randn(shape, generator=noise)


class InfraredAffine(Affine):
    """The feature plant: one fixed map for all infrared rows. Statistics of each modality undo it, common ones do not."""

    def __call__(self, rows: Tensor, n_visible: int) -> Tensor:
        if n_visible == len(rows):
            return rows
        return torch.cat([rows[:n_visible], self.altered(rows[n_visible:], 1, self.key)])


class ImageAffine(Affine):
    """A fresh map for every image, of either modality, in every pass. Statistics of each image undo it, those of a batch do not."""

    passes = 0

    def __call__(self, rows: Tensor, n_visible: int) -> Tensor:
        self.passes += 1
        return self.altered(rows, len(rows), (*self.key, self.passes))


def plant(network: ReIDNetwork, alterations: Mapping[str, Affine]) -> None:
    """Alter the inputs of the named norms of a supernet or child, in training and evaluation."""
    seen = {"n_visible": 0}

    def remember(_: nn.Module, inputs: tuple[Any, ...]) -> None:
        seen["n_visible"] = inputs[1]

    network.backbone.register_forward_pre_hook(remember)
    for name, alteration in alterations.items():

        def alter(_: nn.Module, inputs: tuple[Tensor], alteration: Affine = alteration) -> Tensor:
            return alteration(inputs[0], seen["n_visible"])

        network.backbone.trunk.get_submodule(name).register_forward_pre_hook(alter)
