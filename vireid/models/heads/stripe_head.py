"""Horizontal stripes of a feature map as parts, with their relations and strips for local alignment."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vireid.errors import SettingsError
from vireid.models.backbone import Backbone
from vireid.models.branches import BranchNeck, BranchNetwork
from vireid.models.heads.base import Head
from vireid.models.output import Branch, NetworkOutput
from vireid.nn import GeMPooling, OneVersusRest
from vireid.nn.attention.one_versus_rest import each, projection


class StripeNeck(BranchNeck):
    """A vector of each horizontal stripe by generalised mean pooling, reduced to a part feature with a classifier of its own.

    Features and embeddings are the part features beside one another, logits the sum over the parts. In training the losses also get

    - ``parts`` ``(B, stripes, width)`` and ``part_logits`` ``(B, stripes, C)``,
    - ``relations`` ``(B, stripes, width)``, see :class:`~vireid.nn.OneVersusRest`, not used in retrieval,
    - ``strips`` ``(B, H, width)``: every row of the map, averaged over its width and reduced.

    A layer whose output no loss reads is not trained, and stops a training on several GPUs. Switch such layers off, or add the losses that
    read them: :class:`~vireid.losses.LocalAlignment` reads the strips, :class:`~vireid.losses.HeteroCentreTriplet` the relations.

    Args:
        in_channels: of the map.
        num_classes: of every classifier (with bias, initial weights N(0, 0.001)); 0 or ``None`` for none.
        stripes: at least 1; where the height is not a multiple of it, upper stripes have one row more.
        width: numbers of a part feature.
        p: exponent of the pooling, above 0.
        relation, strips: whether the network has these layers.

    Raises:
        SettingsError: numbers out of range.

    Example::

        branches = StripeNeck(2048, num_classes=395, p=3.0)(maps)

    Reference:
        Feng et al.: Homogeneous and Heterogeneous Relational Graph for Visible-infrared Person Re-identification, arXiv 2109.08811
        (public code). Initial weights are ours.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int | None,
        stripes: int = 6,
        width: int = 512,
        p: float = 3.0,
        relation: bool = True,
        strips: bool = True,
    ) -> None:
        super().__init__()
        if stripes < 1 or width < 1:
            raise SettingsError(f"`stripes` and `width` must be at least 1, got {stripes} and {width}.")
        self.stripes, self.pooling = stripes, GeMPooling(p)
        self.parts = nn.ModuleList(projection(in_channels, width) for _ in range(stripes))
        self.classifiers = nn.ModuleList(_classifier(width, num_classes) for _ in range(stripes)) if num_classes else None
        self.relation = OneVersusRest(in_channels, width, stripes) if relation else None
        self.strips = projection(in_channels, width) if strips else None

    def forward(self, maps: Sequence[Tensor]) -> NetworkOutput:
        """Part features and, in training, what losses may read besides."""
        vectors = self._vectors(maps)
        parts = each(self.parts, vectors)
        logits = None if self.classifiers is None else _classified(self.classifiers, parts)
        features = parts.flatten(1)
        extras = self._extras(maps, vectors, parts, logits) if self.training else None
        return NetworkOutput((Branch(features, features, None if logits is None else logits.sum(dim=1), extras),))

    def embed(self, maps: Sequence[Tensor]) -> Tensor:
        """``(B, stripes * width)`` part features, top to bottom."""
        return each(self.parts, self._vectors(maps)).flatten(1)

    def part_of(self, name: str) -> str:
        """``relation`` and ``strips`` are groups of their own."""
        part = name.partition(".")[0]
        return part if part in ("relation", "strips") else super().part_of(name)

    def _vectors(self, maps: Sequence[Tensor]) -> Tensor:
        """``(B, stripes, in_channels)``."""
        height = maps[-1].shape[2]
        if height < self.stripes:
            raise SettingsError(f"The map has {height} rows, too few for {self.stripes} stripes; use larger images or fewer `stripes`.")
        return torch.stack([self.pooling(stripe) for stripe in maps[-1].tensor_split(self.stripes, dim=2)], dim=1)

    def _extras(self, maps: Sequence[Tensor], vectors: Tensor, parts: Tensor, logits: Tensor | None) -> dict[str, Tensor]:
        extras = {"parts": parts}
        if logits is not None:
            extras["part_logits"] = logits
        if self.relation is not None:
            extras["relations"] = self.relation(vectors)
        if self.strips is not None:
            extras["strips"] = self.strips(maps[-1].mean(dim=3, keepdim=True)).squeeze(3).mT
        return extras


class StripeHead(Head):
    """One part feature per horizontal stripe, see :class:`StripeNeck`.

    Parts of the network with learning rates of their own are ``neck`` (reductions of parts), ``classifier``, ``relation`` and ``strips``.

    Args:
        stripes: number of parts, at least 1 and at most the rows of the map.
        width: numbers of a part feature, at least 1.
        p: exponent of the generalised mean pooling, above 0; 1 is the mean.
        relation: whether there is a layer that relates every part to the others; only ``HeteroCentreTriplet`` trains it.
        strips: whether every row of the map is reduced too; only ``LocalAlignment`` trains that layer.
    """

    def __init__(self, stripes: int = 6, width: int = 512, p: float = 3.0, relation: bool = True, strips: bool = True) -> None:
        self.stripes = stripes
        self.width = width
        self.p = p
        self.relation = relation
        self.strips = strips

    def build(self, backbone: Backbone, num_classes: int | None) -> BranchNetwork:
        sizes = (self.stripes, self.width, self.p)
        return BranchNetwork(backbone, StripeNeck(backbone.out_channels, num_classes, *sizes, self.relation, self.strips))


def _classifier(width: int, num_classes: int) -> nn.Linear:
    classifier = nn.Linear(width, num_classes)
    nn.init.normal_(classifier.weight, 0.0, 0.001)
    nn.init.zeros_(classifier.bias)
    return classifier


def _classified(classifiers: nn.ModuleList, parts: Tensor) -> Tensor:
    """``(B, stripes, C)``."""
    return torch.stack([layer(part) for layer, part in zip(classifiers, parts.unbind(1), strict=True)], dim=1)
