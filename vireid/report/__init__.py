"""A page about runs, in one file, from what tests and searches wrote. It needs matplotlib (extra ``report``), and no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vireid.lazy import lazy

if TYPE_CHECKING:
    from vireid.report.page import page as page, write_report as write_report

__getattr__, __dir__, __all__ = lazy(__name__, {".page": ["page", "write_report"]})
