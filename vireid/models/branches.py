"""Networks whose neck has one or more branches, each with features and a classifier of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

from vireid.models.backbone import Backbone
from vireid.models.network import NetworkOutput


class BranchedOutput(NamedTuple):
    """What losses see of several branches: they act on each, and the results are added.

    Attributes:
        features, embeddings: ``(B, D)`` what retrieval compares: the features of all branches beside one another.
        logits: ``(B, num_classes)`` sum over the branches, for classification; ``None`` without classifiers.
        branches: features, embeddings and logits of each.
    """

    features: Tensor
    embeddings: Tensor
    logits: Tensor | None
    branches: tuple[NetworkOutput, ...]


class BranchNeck(nn.Module):
    """From the maps of a trunk to features and logits."""

    def forward(self, maps: Sequence[Tensor]) -> NetworkOutput | BranchedOutput:
        """Everything that losses need."""
        raise NotImplementedError

    def embed(self, maps: Sequence[Tensor]) -> Tensor:
        """``(B, D)`` what retrieval compares, without layers that only the classifiers need."""
        raise NotImplementedError


class BranchNetwork(nn.Module):
    """Backbone and neck, called with the number of visible rows.

    Args:
        backbone: over a trunk that gives its ``maps``.
        neck: takes them.
    """

    def __init__(self, backbone: Backbone, neck: BranchNeck) -> None:
        super().__init__()
        self.backbone, self.neck = backbone, neck

    def forward(self, images: Tensor, n_visible: int) -> NetworkOutput | BranchedOutput:
        """Output for ``(B, 3, H, W)`` images, visible rows first.

        Raises:
            ValueError: ``n_visible`` is not 0..B.
        """
        return self.neck(self.backbone.maps(images, n_visible))  # type: ignore[no-any-return]  # nn.Module.__call__ is untyped

    def embed(self, images: Tensor, n_visible: int) -> Tensor:
        """Embeddings ``(B, D)`` alone, not normalised."""
        return self.neck.embed(self.backbone.maps(images, n_visible))

    def named_parts(self) -> dict[str, list[nn.Parameter]]:
        """Parameters of ``trunk``, ``neck`` and ``classifier``, which may learn at different rates."""
        parts: dict[str, list[nn.Parameter]] = {"trunk": list(self.backbone.parameters()), "neck": [], "classifier": []}
        for name, parameter in self.neck.named_parameters():
            parts["classifier" if "classifier" in name else "neck"].append(parameter)
        return parts
