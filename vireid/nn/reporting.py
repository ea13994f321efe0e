"""Layers inside a trunk that give something to the losses."""

from __future__ import annotations

from torch import Tensor, nn


class Reporting(nn.Module):
    """A layer with something for the losses besides its output, such as an attention map.

    In training its ``forward`` puts this into ``report``. After the trunk has run, the network takes the report and gives it to the
    losses under ``report_name``. Reports of the same name are joined in the order of modules. A layer inside
    :class:`~vireid.nn.PerModality` reports the rows of its modality, so the visible rows come first here too.

    Args:
        report_name: key among the extras of the network's output.

    Attributes:
        report: ``(rows, ...)`` of the last training batch, or ``None``.

    Example::

        class Energy(Reporting):
            def forward(self, maps):
                self.report = maps.square().mean((2, 3)) if self.training else None
                return maps
    """

    def __init__(self, report_name: str) -> None:
        super().__init__()
        self.report_name = report_name
        self.report: Tensor | None = None

    def take_report(self) -> Tensor | None:
        """Take the report out. It is kept no longer, because it would keep the graph of the batch in memory."""
        report, self.report = self.report, None
        return report
