"""The batch-norm neck between features and embeddings."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class BNNeck(nn.Module):
    """Batch normalisation whose bias stays 0, so that embeddings suit both a classifier and inner products.

    Args:
        num_features: D.
        dropout: rate in [0, 1), in training only; losses see the embeddings after it.

    Raises:
        ValueError: dropout out of range.

    Example:
        >>> BNNeck(4)(torch.ones(2, 4)).shape
        torch.Size([2, 4])

    Reference:
        Luo, Gu, Liao, Lai, Jiang: Bag of Tricks and a Strong Baseline for Deep Person Re-identification, CVPR Workshops 2019.
        Initial weight N(1, 0.01) as in CM-NAS (Fu et al., ICCV 2021).
    """

    def __init__(self, num_features: int, dropout: float = 0.0) -> None:
        super().__init__()
        if not 0.0 <= dropout < 1.0:
            raise ValueError(f"`dropout` must lie in [0, 1), got {dropout}.")
        self.norm = nn.BatchNorm1d(num_features)
        self.dropout = nn.Dropout(dropout) if dropout else None
        with torch.no_grad():
            nn.init.normal_(self.norm.weight, 1.0, 0.01)
            nn.init.zeros_(self.norm.bias)
        self.norm.bias.requires_grad_(False)

    def forward(self, features: Tensor) -> Tensor:
        """Embeddings ``(B, D)`` of features ``(B, D)``."""
        embeddings: Tensor = self.norm(features)
        return embeddings if self.dropout is None else self.dropout(embeddings)
