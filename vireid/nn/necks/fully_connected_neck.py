"""A fully connected embedding layer between pooling and classifier."""

from __future__ import annotations

from torch import Tensor, nn


class FullyConnectedNeck(nn.Module):
    """Linear layer, batch normalisation and ReLU: OSNet's embedding, which is therefore never negative.

    Args:
        in_features: channels of the pooled map.
        out_features: D of the embeddings.
        affine: whether the normalisation has weight and bias; not in OSNet-AIN's search.
        dropout: rate in [0, 1), after the ReLU, in training only.

    Raises:
        ValueError: dropout out of range.

    Example:
        >>> import torch
        >>> FullyConnectedNeck(4, 8)(torch.ones(2, 4)).shape
        torch.Size([2, 8])

    Reference:
        Zhou, Yang, Cavallaro, Xiang: Omni-Scale Feature Learning for Person Re-Identification, ICCV 2019. Initial weights of the
        linear layer N(0, 0.01), bias 0.
    """

    def __init__(self, in_features: int, out_features: int = 512, affine: bool = True, dropout: float = 0.0) -> None:
        super().__init__()
        if not 0.0 <= dropout < 1.0:
            raise ValueError(f"`dropout` must lie in [0, 1), got {dropout}.")
        self.out_features = out_features
        self.fc = nn.Sequential(nn.Linear(in_features, out_features), nn.BatchNorm1d(out_features, affine=affine), nn.ReLU())
        self.dropout = nn.Dropout(dropout) if dropout else None
        nn.init.normal_(self.fc[0].weight, 0.0, 0.01)  # type: ignore[arg-type]  # the weight of a Linear
        nn.init.zeros_(self.fc[0].bias)  # type: ignore[arg-type]

    def build_classifier(self, num_classes: int) -> nn.Linear:
        """The classifier that belongs to it: with bias, initial weights N(0, 0.01)."""
        classifier = nn.Linear(self.out_features, num_classes)
        nn.init.normal_(classifier.weight, 0.0, 0.01)
        nn.init.zeros_(classifier.bias)
        return classifier

    def forward(self, features: Tensor) -> Tensor:
        """Embeddings ``(B, out_features)`` of features ``(B, in_features)``."""
        embeddings: Tensor = self.fc(features)
        return embeddings if self.dropout is None else self.dropout(embeddings)
