"""Necks of CNet and CDNet."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from vireid.errors import SettingsError
from vireid.models.branches import BranchNeck
from vireid.models.output import Branch, NetworkOutput
from vireid.models.trunks.cdnet_blocks import ConvNorm, initialise
from vireid.nn import GlobalAveragePooling

FC_DIMS = (512,)
LOCAL_CHANNELS = 128
STRIPES = 2


class BalanceNeck(BranchNeck):
    """One branch: pooled features after dropout for the triplet loss and retrieval, fully connected layers only before the classifier.

    It is the published BLNeck, the global-only neck of ImageNet training, and, with ``projection``, the head of the published search.

    Args:
        in_channels: of the last map.
        num_classes: of the classifier (with bias); 0 or ``None`` for none.
        fc_dims: widths of the layers before the classifier, each linear, batch normalisation and ReLU; may be empty.
        dropout: rate in [0, 1), in training only; losses see the features after it.
        projection: whether a 1 x 1 convolution, batch normalisation and ReLU come before the pooling.

    Raises:
        SettingsError: a dropout out of range.

    Example::

        branches = BalanceNeck(512, num_classes=751)(maps)
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int | None,
        fc_dims: Sequence[int] = FC_DIMS,
        dropout: float = 0.2,
        projection: bool = False,
    ) -> None:
        super().__init__()
        self.projection = ConvNorm(in_channels, in_channels) if projection else nn.Identity()
        self.pooling, self.dropout = GlobalAveragePooling(), _dropout(dropout)
        self.fcs, self.classifier = _fully_connected(in_channels, fc_dims), _classifier(in_channels, fc_dims, num_classes)
        initialise(self)

    def forward(self, maps: Sequence[Tensor]) -> NetworkOutput:
        """Features, which are also the embeddings, and logits."""
        return NetworkOutput((_branch(self.dropout(self.embed(maps)), self.fcs, self.classifier),))

    def embed(self, maps: Sequence[Tensor]) -> Tensor:
        """``(B, in_channels)`` pooled features."""
        return self.pooling(self.projection(maps[-1]))  # type: ignore[no-any-return]  # nn.Module.__call__ is untyped


class FineGrainedNeck(BranchNeck):
    """Two branches (FBLNeck): the last map as a whole, and an upper and a lower stripe of the map before it.

    Where the height is odd the upper stripe has the middle row. Branches are ordered global, local.

    Args:
        channels: of the last two maps.
        num_classes, fc_dims, dropout: of each branch, see :class:`BalanceNeck`.

    Raises:
        SettingsError: a dropout out of range.

    Example::

        branches = FineGrainedNeck((384, 512), num_classes=751)(maps)

    Reference:
        Li, Wu, Zheng: Combined Depth Space based Architecture Search for Person Re-identification, CVPR 2021.
    """

    def __init__(self, channels: tuple[int, int], num_classes: int | None, fc_dims: Sequence[int] = FC_DIMS, dropout: float = 0.2) -> None:
        super().__init__()
        local, whole = LOCAL_CHANNELS * STRIPES, channels[1]
        self.squeeze = nn.Conv2d(channels[0], LOCAL_CHANNELS, 1, bias=False)
        self.pooling, self.dropout = GlobalAveragePooling(), _dropout(dropout)
        self.local_fcs, self.global_fcs = _fully_connected(local, fc_dims), _fully_connected(whole, fc_dims)
        self.local_classifier = _classifier(local, fc_dims, num_classes)
        self.global_classifier = _classifier(whole, fc_dims, num_classes)
        initialise(self)

    def forward(self, maps: Sequence[Tensor]) -> NetworkOutput:
        """The global and the local branch."""
        whole, local = map(self.dropout, self._features(maps))
        branches = (_branch(whole, self.global_fcs, self.global_classifier), _branch(local, self.local_fcs, self.local_classifier))
        return NetworkOutput(branches)

    def embed(self, maps: Sequence[Tensor]) -> Tensor:
        """``(B, channels[1] + 256)``: global, then upper and lower local features."""
        return torch.cat(self._features(maps), dim=1)

    def _features(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        stripes = self.squeeze(maps[-2]).chunk(STRIPES, dim=2)
        if len(stripes) < STRIPES:
            raise SettingsError(f"The map before the last has {maps[-2].shape[2]} rows, too few for {STRIPES} stripes; use larger images.")
        return self.pooling(maps[-1]), torch.cat([self.pooling(stripe) for stripe in stripes], dim=1)


class StandardNeck(BranchNeck):
    """One branch (STDNeck): pooled features, fully connected layers, dropout, and a batch normalisation for retrieval.

    The classifier reads the features before the normalisation. The published code gives the triplet loss those after it, which is
    the reverse of a :class:`~vireid.nn.BNNeck`. Use ``BatchHardTriplet(on="embeddings")`` for that; its default reads the features.

    Args:
        in_channels, num_classes, dropout: see :class:`BalanceNeck`.
        fc_dims: see :class:`BalanceNeck`; their last width is that of the embeddings.
        norm: whether embeddings are normalised by batch; without, they are the features.

    Raises:
        SettingsError: a dropout out of range.

    Example::

        branches = StandardNeck(512, num_classes=751)(maps)
    """

    def __init__(
        self, in_channels: int, num_classes: int | None, fc_dims: Sequence[int] = (), dropout: float = 0.2, norm: bool = True
    ) -> None:
        super().__init__()
        self.pooling, self.dropout = GlobalAveragePooling(), _dropout(dropout)
        self.fc = _fully_connected(in_channels, fc_dims)
        self.bnneck = nn.BatchNorm1d([in_channels, *fc_dims][-1]) if norm else nn.Identity()
        self.classifier = _classifier(in_channels, fc_dims, num_classes)
        initialise(self)

    def forward(self, maps: Sequence[Tensor]) -> NetworkOutput:
        """Features before and after the normalisation, and logits of the former."""
        features = self.dropout(self.fc(self.pooling(maps[-1])))
        logits = None if self.classifier is None else self.classifier(features)
        return NetworkOutput((Branch(features, self.bnneck(features), logits),))

    def embed(self, maps: Sequence[Tensor]) -> Tensor:
        """``(B, D)`` normalised features."""
        return self.bnneck(self.fc(self.pooling(maps[-1])))  # type: ignore[no-any-return]


def _dropout(rate: float) -> nn.Dropout:
    if not 0.0 <= rate < 1.0:
        raise SettingsError(f"`dropout` must lie in [0, 1), got {rate}.")
    return nn.Dropout(rate)


def _fully_connected(in_features: int, dims: Sequence[int]) -> nn.Sequential:
    pairs = pairwise([in_features, *dims])
    return nn.Sequential(*(layer for a, b in pairs for layer in (nn.Linear(a, b), nn.BatchNorm1d(b), nn.ReLU(inplace=True))))


def _classifier(in_features: int, dims: Sequence[int], num_classes: int | None) -> nn.Linear | None:
    return nn.Linear([in_features, *dims][-1], num_classes) if num_classes else None


def _branch(features: Tensor, fcs: nn.Module, classifier: nn.Module | None) -> Branch:
    return Branch(features, features, None if classifier is None else classifier(fcs(features)))
