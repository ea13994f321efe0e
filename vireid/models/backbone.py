"""A trunk that tells its normalisation sites which rows of the batch are visible."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vireid.nn.reporting import Reporting


class Backbone(nn.Module):
    """Feature maps of a batch whose visible rows come first.

    Sites are named by the trunk's module names (``bn1``, ``layer1.0.downsample.1``). Every submodule with an attribute
    ``n_visible`` is told the number of visible rows as a plain integer. It is not reset afterwards: activation checkpointing
    runs parts of the forward pass again.

    Args:
        trunk: ``(B, 3, H, W)`` to ``(B, out_channels, H', W')``; modules are not added to it afterwards.
        out_channels: channels of the feature map; ``None`` takes the trunk's attribute of this name.

    Example:
        >>> from vireid.models import build_resnet
        >>> backbone = Backbone(build_resnet("resnet10", width=8))
        >>> backbone(torch.zeros(2, 3, 32, 16), n_visible=1).shape
        torch.Size([2, 64, 2, 1])
    """

    def __init__(self, trunk: nn.Module, out_channels: int | None = None) -> None:
        super().__init__()
        self.trunk = trunk
        self.out_channels = int(trunk.out_channels if out_channels is None else out_channels)  # type: ignore[arg-type]  # an int
        self._told = tuple(module for module in trunk.modules() if hasattr(module, "n_visible"))
        self._reporting = tuple(module for module in trunk.modules() if isinstance(module, Reporting))

    def forward(self, images: Tensor, n_visible: int) -> Tensor:
        """Feature map ``(B, out_channels, H', W')``.

        Args:
            images: ``(B, 3, H, W)``, visible rows first.
            n_visible: number of visible rows, 0..B; B and 0 are batches of one modality.

        Raises:
            ValueError: ``n_visible`` out of range.
        """
        self._tell(images, n_visible)
        return self.trunk(images)  # type: ignore[no-any-return]  # nn.Module.__call__ is untyped

    def maps(self, images: Tensor, n_visible: int) -> tuple[Tensor, ...]:
        """Feature maps of several depths, the deepest last, of a trunk that has ``maps``; otherwise its one map.

        Raises:
            ValueError: ``n_visible`` out of range.
        """
        self._tell(images, n_visible)
        if hasattr(self.trunk, "maps"):
            return self.trunk.maps(images)  # type: ignore[no-any-return, operator]  # typed as a submodule
        return (self.trunk(images),)

    def take_reports(self) -> dict[str, Tensor] | None:
        """Reports of layers of the trunk on the last training batch (:class:`~vireid.nn.Reporting`); ``None`` if there are none."""
        found: dict[str, list[Tensor]] = {}
        for module in self._reporting:
            report = module.take_report()
            if report is not None:
                found.setdefault(module.report_name, []).append(report)
        return {name: torch.cat(reports) for name, reports in found.items()} or None

    def _tell(self, images: Tensor, n_visible: int) -> None:
        if not 0 <= n_visible <= images.shape[0]:
            raise ValueError(f"`n_visible` must be 0 to {images.shape[0]} (rows of the batch), got {n_visible}.")
        self.take_reports()  # of a batch that nobody asked about
        for module in self._told:
            module.n_visible = n_visible  # type: ignore[assignment]  # typed as a submodule otherwise
