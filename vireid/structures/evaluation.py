"""What an evaluation protocol asks for: which images, which trials, which scoring rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vireid.settings.choices import check_choices
from vireid.structures.records import Record

Rule = Literal["sysu", "regdb", "llcm", "market"]


@dataclass(frozen=True)
class Trial:
    """One draw of query and gallery: ``(Q,)`` and ``(G,)`` int64 positions in :attr:`Evaluation.records`, in protocol order."""

    query: NDArray[np.int64]
    gallery: NDArray[np.int64]


@dataclass(frozen=True)
class Setting:
    """One row of a results table.

    Attributes:
        protocol: stable id, written with every number, e.g. ``sysu/all/single-shot/seeded``.
        rule: which gallery entries do not count for a query, and which CMC is meant (see ``metrics.functional.evaluate``).
        trials: one or more draws; metrics are computed for each of them and averaged.

    Raises:
        SettingsError: ``rule`` is unknown.
    """

    protocol: str
    rule: Rule
    trials: tuple[Trial, ...]

    def __post_init__(self) -> None:
        check_choices({"rule": Rule}, {"rule": self.rule})


@dataclass(frozen=True)
class Evaluation:
    """The union of all images that any setting needs (embedded once), and the settings.

    Attributes:
        records: visible records first, then infrared ones.
        settings: rows of the table.
    """

    records: tuple[Record, ...]
    settings: tuple[Setting, ...]
