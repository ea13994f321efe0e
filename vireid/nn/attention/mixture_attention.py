"""Attention over pixels whose weights are a mixture of softmaxes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vireid.errors import SettingsError


class MixtureOfSoftmaxAttention(nn.Module):
    """Multi-head attention; the weights of a head are ``sum_m pi_m softmax(q_m^T k_m / sqrt(d_k))`` over slices ``m`` of its width.

    Queries and keys share one 1 x 1 convolution. ``pi = softmax(W mean(q))`` is one mixture per image and head; without mixtures (1) there
    is no ``W``. The result goes through a 1 x 1 convolution and a batch normalisation, then the input is added.

    Args:
        channels: of the map.
        heads: number of heads.
        key_channels, value_channels: ``d_k`` and ``d_v`` of each head.
        mixtures: softmaxes per head; divides ``key_channels``.
        pooled: take keys and values from the 3 x 3 average of the map at stride 2, padding not counted.
        dropout: rate on each softmax, in training, in [0, 1).

    Raises:
        SettingsError: numbers out of range.

    Example:
        >>> MixtureOfSoftmaxAttention(8, key_channels=4, value_channels=4)(torch.ones(1, 8, 4, 4)).shape
        torch.Size([1, 8, 4, 4])

    Reference:
        Feng et al.: Efficient Cross-modality Graph Reasoning for RGB-Infrared Person Re-identification, IEEE Signal Processing Letters
        2021: part of the public code, used by none of its networks. The published pooling needs maps of even height and width; this one
        takes any.
    """

    def __init__(
        self,
        channels: int,
        heads: int = 2,
        key_channels: int = 64,
        value_channels: int = 64,
        mixtures: int = 1,
        pooled: bool = True,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if min(channels, heads, key_channels, value_channels, mixtures) < 1 or key_channels % mixtures:
            raise SettingsError(f"`mixtures` must be at least 1 and divide `key_channels`, got {mixtures} and {key_channels}.")
        if not 0.0 <= dropout < 1.0:
            raise SettingsError(f"`dropout` must lie in [0, 1), got {dropout}.")
        self.heads = heads
        self.mixtures = mixtures
        self.scale = key_channels**-0.5
        self.pool = nn.AvgPool2d(3, 2, 1, count_include_pad=False) if pooled else nn.Identity()
        self.query_key_conv = nn.Conv2d(channels, heads * key_channels, 1)
        self.value_conv = nn.Conv2d(channels, heads * value_channels, 1)
        self.mixing = nn.Linear(key_channels, mixtures, bias=False) if mixtures > 1 else None
        self.dropout = nn.Dropout(dropout)
        self.out_conv, self.norm = nn.Conv2d(heads * value_channels, channels, 1, bias=False), nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, c, H, W)`` of the same shape."""
        pooled = self.pool(x)
        value = self._split(self.value_conv(pooled))  # (B, heads, N', d_v)
        gathered = (self.weights(x, pooled) @ value).mT.flatten(1, 2)  # (B, heads * d_v, N)
        added: Tensor = self.norm(self.out_conv(gathered.reshape(x.shape[0], -1, *x.shape[2:])))
        return x + added

    def weights(self, x: Tensor, pooled: Tensor) -> Tensor:
        """``(B, heads, N, N')`` attention of the pixels of ``x`` to those of ``pooled``."""
        query, key = (self._split(self.query_key_conv(part)) for part in (x, pooled))  # (B, heads, N, d_k)
        scores = torch.stack([q @ k.mT for q, k in zip(query.chunk(self.mixtures, 3), key.chunk(self.mixtures, 3), strict=True)], dim=2)
        softmaxes: Tensor = self.dropout((scores * self.scale).softmax(dim=-1))  # (B, heads, M, N, N')
        if self.mixing is None:
            return softmaxes[:, :, 0]
        mixture: Tensor = self.mixing(query.mean(dim=2)).softmax(dim=-1)  # (B, heads, M)
        return (mixture[..., None, None] * softmaxes).sum(dim=2)

    def _split(self, x: Tensor) -> Tensor:
        """``(B, heads * d, H, W)`` to ``(B, heads, N, d)``."""
        return x.reshape(x.shape[0], self.heads, -1, x.shape[2] * x.shape[3]).mT
