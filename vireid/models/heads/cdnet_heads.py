"""Heads of CNet and CDNet, as plain settings."""

from __future__ import annotations

from collections.abc import Sequence

from vireid.errors import SettingsError
from vireid.models.backbone import Backbone
from vireid.models.branches import BranchNetwork
from vireid.models.heads.base import Head
from vireid.models.heads.cdnet_necks import FC_DIMS, BalanceNeck, FineGrainedNeck, StandardNeck


class BalanceHead(Head):
    """One branch on any trunk, see :class:`~vireid.models.BalanceNeck`.

    Args:
        fc_dims: widths of the layers before the classifier, each linear, batch normalisation and ReLU; may be empty.
        dropout: rate in [0, 1), in training only; losses see the features after it.
        projection: whether a 1 x 1 convolution, batch normalisation and ReLU come before the pooling.
    """

    def __init__(self, fc_dims: Sequence[int] = FC_DIMS, dropout: float = 0.2, projection: bool = False) -> None:
        self.fc_dims = tuple(fc_dims)
        self.dropout = dropout
        self.projection = projection

    def build(self, backbone: Backbone, num_classes: int | None) -> BranchNetwork:
        return BranchNetwork(backbone, BalanceNeck(backbone.out_channels, num_classes, self.fc_dims, self.dropout, self.projection))


class FineGrainedHead(Head):
    """Two branches, see :class:`~vireid.models.FineGrainedNeck`; the trunk must give maps of two depths, as CNet and CDNet do.

    Args:
        fc_dims: widths of the layers before the classifier of each branch, each linear, batch normalisation and ReLU; may
            be empty.
        dropout: rate in [0, 1), in training only; losses see the features after it.

    Raises:
        SettingsError: the trunk gives no maps of two stages.
    """

    def __init__(self, fc_dims: Sequence[int] = FC_DIMS, dropout: float = 0.2) -> None:
        self.fc_dims, self.dropout = tuple(fc_dims), dropout

    def build(self, backbone: Backbone, num_classes: int | None) -> BranchNetwork:
        channels: tuple[int, ...] = getattr(backbone.trunk, "channels", ())
        if not hasattr(backbone.trunk, "maps") or len(channels) < 2:
            raise SettingsError(
                f"FineGrainedHead needs a trunk with maps of two depths, such as that of vireid.search.CombinedDepth; "
                f"{type(backbone.trunk).__name__} has one. Use vireid.models.BalanceHead."
            )
        return BranchNetwork(backbone, FineGrainedNeck((channels[-2], channels[-1]), num_classes, self.fc_dims, self.dropout))


class StandardHead(Head):
    """One branch on any trunk, see :class:`~vireid.models.StandardNeck`.

    Args:
        fc_dims: widths of the layers before the classifier, each linear, batch normalisation and ReLU; the last is that of the
            embeddings. May be empty.
        dropout: rate in [0, 1), in training only.
        norm: whether embeddings are normalised by batch; without, they are the features.
    """

    def __init__(self, fc_dims: Sequence[int] = (), dropout: float = 0.2, norm: bool = True) -> None:
        self.fc_dims = tuple(fc_dims)
        self.dropout = dropout
        self.norm = norm

    def build(self, backbone: Backbone, num_classes: int | None) -> BranchNetwork:
        return BranchNetwork(backbone, StandardNeck(backbone.out_channels, num_classes, self.fc_dims, self.dropout, self.norm))
