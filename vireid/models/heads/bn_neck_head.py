"""The head that a task has by default."""

from __future__ import annotations

import copy

from vireid.models.backbone import Backbone
from vireid.models.heads.base import Head
from vireid.models.network import ReIDNetwork
from vireid.nn import BNNeck, Pooling


class BNNeckHead(Head):
    """Pooling, batch-norm neck and a linear classifier: what a task has by default.

    Args:
        pooling: of the feature map; null for the mean over pixels.
        dropout: on the embeddings in training, in [0, 1).
    """

    def __init__(self, pooling: Pooling | None = None, dropout: float = 0.0) -> None:
        self.pooling, self.dropout = pooling, dropout

    def build(self, backbone: Backbone, num_classes: int | None) -> ReIDNetwork:
        return ReIDNetwork(backbone, num_classes, copy.deepcopy(self.pooling), BNNeck(backbone.out_channels, self.dropout))
