"""OSNet's head, as plain settings."""

from __future__ import annotations

from vireid.models.backbone import Backbone
from vireid.models.heads.base import Head
from vireid.models.network import ReIDNetwork
from vireid.models.published.osnet import load_reported
from vireid.nn import FullyConnectedNeck


class FullyConnectedHead(Head):
    """Pooling, OSNet's embedding layer (:class:`~vireid.nn.FullyConnectedNeck`) and a classifier with bias.

    Args:
        out_features: D of the embeddings.
        affine: whether the layer's normalisation has weight and bias; not in OSNet-AIN's search.
        dropout: on the embeddings in training, in [0, 1).
        weights: file of a published checkpoint, from which the layer takes ``fc``;
            null for random weights. Checkpoints of a run bring their own weights and do not name this file.
    """

    def __init__(self, out_features: int = 512, affine: bool = True, dropout: float = 0.0, weights: str | None = None) -> None:
        self.out_features = out_features
        self.affine = affine
        self.dropout = dropout
        self.weights = weights
        self.record(weights=None)

    def build(self, backbone: Backbone, num_classes: int | None) -> ReIDNetwork:
        neck = FullyConnectedNeck(backbone.out_channels, self.out_features, self.affine, self.dropout)
        if self.weights is not None:
            load_reported(neck, self.weights)
        return ReIDNetwork(backbone, num_classes, neck=neck)
