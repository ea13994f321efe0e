"""Reasoning over pixels: position graphs, and the block that joins local and global ones."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from vireid.errors import SettingsError

Residual = Literal["triple", "single"]
REDUCTION = 16


class PositionGraph(nn.Module):
    """``gamma * (V A^T) + X`` with ``A = softmax_rows(Q^T K)``, without scaling, over the pixels of two maps.

    Queries ``Q`` come from X, keys ``K`` and values ``V`` from Y, each by a 1 x 1 convolution with bias. ``gamma`` starts at 0, where the
    layer is the identity. The attention is not kept. Devices with a fused kernel never store it.

    Args:
        channels: of both maps, at least 16; queries and keys have a sixteenth of them.

    Raises:
        SettingsError: fewer channels.

    Example:
        >>> import torch
        >>> maps = torch.ones(1, 16, 3, 3)
        >>> PositionGraph(16)(maps, maps).shape
        torch.Size([1, 16, 3, 3])

    Reference:
        Feng et al.: Efficient Cross-modality Graph Reasoning for RGB-Infrared Person Re-identification, IEEE Signal Processing Letters 2021
        (public code); the attention is that of Fu et al.: Dual Attention Network for Scene Segmentation, CVPR 2019.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        if channels < REDUCTION:
            raise SettingsError(f"A position graph needs a map of at least {REDUCTION} channels, got {channels}; choose a later `after`.")
        self.query_conv = nn.Conv2d(channels, channels // REDUCTION, 1)
        self.key_conv = nn.Conv2d(channels, channels // REDUCTION, 1)
        self.value_conv = nn.Conv2d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(1))
        for conv in (self.query_conv, self.key_conv, self.value_conv):
            nn.init.kaiming_normal_(conv.weight)

    def forward(self, x: Tensor, other: Tensor | None = None) -> Tensor:
        """``(B, c, H, W)``.

        Args:
            x: ``(B, c, H, W)``.
            other: Y ``(B, c, H', W')``; ``None`` for ``x`` itself.
        """
        return x + self.gather(x, other)

    def gather(self, x: Tensor, other: Tensor | None = None) -> Tensor:
        """What is added to ``x``: ``gamma * (V A^T)``, ``(B, c, H, W)``."""
        other = x if other is None else other
        query, key, value = (nodes[:, None] for nodes in (self._queries(x), self._keys(other), self.value_conv(other).flatten(2).mT))
        gathered = scaled_dot_product_attention(query, key, value, scale=1.0)[:, 0].mT
        return self.gamma * gathered.reshape(x.shape)

    def attention(self, x: Tensor, other: Tensor | None = None) -> Tensor:
        """``A`` ``(B, N, N')``, rows sum to 1; to look at."""
        return (self._queries(x) @ self._keys(x if other is None else other).mT).softmax(dim=-1)

    def _queries(self, x: Tensor) -> Tensor:
        return self.query_conv(x).flatten(2).mT  # type: ignore[no-any-return]  # nn.Module.__call__ is untyped

    def _keys(self, x: Tensor) -> Tensor:
        return self.key_conv(x).flatten(2).mT  # type: ignore[no-any-return]


class GlobalLocalReasoning(nn.Module):
    """Three position graphs between the pixels X of a map and their mean G: global to local, local to local, local to global.

    G is kept as a map of one pixel. The published code repeats it on all N positions; the numbers are the same, as equal keys share their
    weight and equal queries give equal rows, but two of the three ``N x N`` attentions are not needed. In the first graph the attention
    is uniform whatever its queries and keys are: their convolutions never get a gradient other than 0.

    Args:
        channels: of the map.
        residual: ``"single"`` adds what the graphs gather to X. ``"triple"``, as published, adds the residual of each graph as well: the
            block starts as ``3 X + G``, which changes the scale of the map of a pretrained trunk.

    Raises:
        SettingsError: fewer than 16 channels, or another ``residual``.

    Example:
        >>> GlobalLocalReasoning(16)(torch.ones(1, 16, 3, 3)).shape
        torch.Size([1, 16, 3, 3])

    Reference:
        See :class:`PositionGraph`. The released training path leaves the block out.
    """

    def __init__(self, channels: int, residual: Residual = "single") -> None:
        super().__init__()
        if residual not in ("triple", "single"):
            raise SettingsError(f"`residual` must be 'triple' or 'single', got {residual!r}.")
        self.residual = residual
        self.local2local, self.local2global, self.global2local = (PositionGraph(channels) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        """``(B, c, H, W)`` of the same shape."""
        mean = x.mean(dim=(2, 3), keepdim=True)
        gathered = self.global2local.gather(x, mean) + self.local2local.gather(x) + self.local2global.gather(mean, x)
        return x + gathered if self.residual == "single" else 3 * x + mean + gathered
