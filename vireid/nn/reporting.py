"""What layers inside a trunk tell the losses."""

from __future__ import annotations

from torch import Tensor, nn


class Reporting(nn.Module):
    """A layer with something for the losses besides its output, such as an attention map.

    In training its ``forward`` puts that into ``report``; the network takes it out after the trunk has run and gives it to the losses
    under ``report_name``, joined with the reports of the same name, in the order of modules: a layer inside
    :class:`~vireid.nn.PerModality` reports its modality's rows, visible ones first, as everywhere.

    Args:
        report_name: key among the extras of the network's output.

    Attributes:
        report: ``(rows, ...)`` of the last training batch, or ``None``.
    """

    def __init__(self, report_name: str) -> None:
        super().__init__()
        self.report_name = report_name
        self.report: Tensor | None = None

    def take_report(self) -> Tensor | None:
        """The report, which is then gone: it would keep a graph alive."""
        report, self.report = self.report, None
        return report
