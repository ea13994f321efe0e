"""Networks whose neck has one or more branches, each with features and a classifier of its own."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from vireid.models.backbone import Backbone
from vireid.models.output import NetworkOutput


class BranchNeck(nn.Module):
    """From the maps of a trunk to features and logits.

    Example::

        neck: BranchNeck = StandardNeck(in_channels=512, num_classes=751)
    """

    def forward(self, maps: Sequence[Tensor]) -> NetworkOutput:
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
        neck: takes these maps and gives the branches of the output.

    Example::

        network = BranchNetwork(backbone, StandardNeck(backbone.out_channels, num_classes=751))
    """

    def __init__(self, backbone: Backbone, neck: BranchNeck) -> None:
        super().__init__()
        self.backbone, self.neck = backbone, neck

    def forward(self, images: Tensor, n_visible: int) -> NetworkOutput:
        """Output for ``(B, 3, H, W)`` images, visible rows first.

        Raises:
            ValueError: ``n_visible`` is not 0..B.
        """
        return self.from_maps(self.maps(images, n_visible))

    def maps(self, images: Tensor, n_visible: int) -> tuple[Tensor, ...]:
        """Feature maps of the trunk, the deepest last."""
        return self.backbone.maps(images, n_visible)

    def from_maps(self, maps: Sequence[Tensor]) -> NetworkOutput:
        """The output that follows from :meth:`maps`."""
        output: NetworkOutput = self.neck(maps)
        return output.with_extras(self.backbone.take_reports())

    def embed(self, images: Tensor, n_visible: int) -> Tensor:
        """Embeddings ``(B, D)`` alone, not normalised."""
        return self.neck.embed(self.backbone.maps(images, n_visible))

    def named_parts(self) -> dict[str, list[nn.Parameter]]:
        """Parameters of ``trunk``, ``neck``, ``classifier`` and further parts of the neck, which may learn at different rates."""
        parts: dict[str, list[nn.Parameter]] = {"trunk": list(self.backbone.parameters()), "neck": [], "classifier": []}
        for name, parameter in self.neck.named_parameters():
            parts.setdefault(self.neck.part_of(name), []).append(parameter)
        return parts
