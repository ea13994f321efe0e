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

    def part_of(self, name: str) -> str:
        """The part of the network, with a learning rate of its own, that the parameter of this name belongs to."""
        return "classifier" if "classifier" in name else "neck"


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
        output: NetworkOutput | BranchedOutput = self.neck(self.backbone.maps(images, n_visible))
        reports = self.backbone.take_reports()
        return output if reports is None else _with_extras(output, reports)

    def embed(self, images: Tensor, n_visible: int) -> Tensor:
        """Embeddings ``(B, D)`` alone, not normalised."""
        return self.neck.embed(self.backbone.maps(images, n_visible))

    def named_parts(self) -> dict[str, list[nn.Parameter]]:
        """Parameters of ``trunk``, ``neck``, ``classifier`` and further parts of the neck, which may learn at different rates."""
        parts: dict[str, list[nn.Parameter]] = {"trunk": list(self.backbone.parameters()), "neck": [], "classifier": []}
        for name, parameter in self.neck.named_parameters():
            parts.setdefault(self.neck.part_of(name), []).append(parameter)
        return parts


def _with_extras(output: NetworkOutput | BranchedOutput, extras: dict[str, Tensor]) -> NetworkOutput | BranchedOutput:
    """What layers of the trunk report goes to the losses of every branch."""
    if isinstance(output, BranchedOutput):
        return output._replace(branches=tuple(branch._replace(extras={**(branch.extras or {}), **extras}) for branch in output.branches))
    return output._replace(extras={**(output.extras or {}), **extras})
