"""From a feature map to one vector per image."""

from __future__ import annotations

from torch import Tensor, nn

from vireid.settings import Recorded


class Pooling(Recorded, nn.Module):
    """``(B, C, H, W)`` to ``(B, C)``; chosen in a configuration."""


class GlobalAveragePooling(Pooling):
    """Mean over height and width: ``(B, C, H, W)`` to ``(B, C)``."""

    def forward(self, x: Tensor) -> Tensor:
        """Pool a feature map."""
        return x.mean(dim=(2, 3))
