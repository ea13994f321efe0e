"""Relations between one part of a body and the rest of it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vireid.errors import SettingsError


class OneVersusRest(nn.Module):
    """``out_i = l_i + M_i([l_i, r_i])`` with ``l_i = L_i(v_i)`` and ``r_i = R_i(mean of all other v_j)`` for every part ``i``.

    L, R and M are 1 x 1 convolution, batch normalisation and ReLU, with weights of their own for each part.

    Args:
        in_channels: of the vectors of parts.
        channels: of the result.
        parts: how many, at least 2.

    Raises:
        SettingsError: fewer parts.

    Example::

        relations = OneVersusRest(2048, 512, parts=6)(strips)  # one vector of 512 numbers for each of six strips

    Reference:
        Feng et al.: Homogeneous and Heterogeneous Relational Graph for Visible-infrared Person Re-identification, arXiv 2109.08811
        (public code); after Park, Ham: Relation Network for Person Re-identification, AAAI 2020.
    """

    def __init__(self, in_channels: int, channels: int, parts: int) -> None:
        super().__init__()
        if parts < 2:
            raise SettingsError(f"A relation needs at least 2 parts, got {parts}.")
        self.own, self.rest = (nn.ModuleList(projection(in_channels, channels) for _ in range(parts)) for _ in range(2))
        self.merged = nn.ModuleList(projection(2 * channels, channels) for _ in range(parts))

    def forward(self, vectors: Tensor) -> Tensor:
        """``(B, parts, channels)`` of vectors ``(B, parts, in_channels)``."""
        others = (vectors.sum(dim=1, keepdim=True) - vectors) / (vectors.shape[1] - 1)
        own, rest = each(self.own, vectors), each(self.rest, others)
        return own + each(self.merged, torch.cat((own, rest), dim=2))


def projection(in_channels: int, channels: int) -> nn.Sequential:
    """1 x 1 convolution with bias (Kaiming normal by fan-out, 0), batch normalisation and ReLU."""
    conv = nn.Conv2d(in_channels, channels, 1)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out")
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]  # it has one
    return nn.Sequential(conv, nn.BatchNorm2d(channels), nn.ReLU())


def each(layers: nn.ModuleList, vectors: Tensor) -> Tensor:
    """Layer ``i`` on part ``i`` of ``(B, parts, c)``, results beside one another: ``(B, parts, c')``."""
    return torch.stack([layer(part[:, :, None, None]).flatten(1) for layer, part in zip(layers, vectors.unbind(1), strict=True)], dim=1)
