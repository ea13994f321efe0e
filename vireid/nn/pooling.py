"""From a feature map to one vector per image."""

from __future__ import annotations

from torch import Tensor, nn


class GlobalAveragePooling(nn.Module):
    """Mean over height and width: ``(B, C, H, W)`` to ``(B, C)``."""

    def forward(self, x: Tensor) -> Tensor:
        """Pool a feature map."""
        return x.mean(dim=(2, 3))
