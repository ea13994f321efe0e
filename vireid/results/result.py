"""What an evaluation gives: one row per protocol and variant."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

TOPK = (1, 5, 10, 20)
METRICS = (*(f"rank{k}" for k in TOPK), "mAP", "mINP")


@dataclass(frozen=True)
class Result:
    """One row of a results table; fractions in [0, 1].

    Attributes:
        protocol: id of the setting, e.g. ``sysu/all/single-shot/seeded``.
        values: per name of :data:`METRICS`, one number per trial.
        queries: valid queries of the first trial.
        remark: what a reader must know about the row, or empty.
        variant: what was done beyond the protocol, e.g. ``flip`` or ``re-ranked``; empty for the protocol as published.
        images_sha256: digest of the query and gallery images of all trials; rows are comparable query by query if it is equal.
        ap: per trial, ``(Q,)`` average precision of every query, NaN for one without a match that counts.
        pids: per trial, ``(Q,)`` identity of every query.
    """

    protocol: str
    values: dict[str, tuple[float, ...]]
    queries: int
    remark: str = ""
    variant: str = ""
    images_sha256: str = ""
    ap: tuple[NDArray[np.float64], ...] = field(default=(), repr=False, compare=False)
    pids: tuple[NDArray[np.int64], ...] = field(default=(), repr=False, compare=False)

    @property
    def trials(self) -> int:
        """Number of trials."""
        return len(self.values["mAP"])

    @property
    def mean(self) -> dict[str, float]:
        """Arithmetic mean over the trials."""
        return {name: float(np.mean(values)) for name, values in self.values.items()}

    @property
    def std(self) -> dict[str, float]:
        """Sample standard deviation over the trials, 0 for a single one."""
        return {name: float(np.std(values, ddof=1)) if len(values) > 1 else 0.0 for name, values in self.values.items()}

    @property
    def name(self) -> str:
        """Protocol and variant."""
        return f"{self.protocol} + {self.variant}" if self.variant else self.protocol

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; without the queries' average precisions."""
        return {
            "protocol": self.protocol,
            "variant": self.variant,
            "mean": self.mean,
            "std": self.std,
            "values": {name: list(values) for name, values in self.values.items()},
            "trials": self.trials,
            "queries": self.queries,
            "images_sha256": self.images_sha256,
            "remark": self.remark,
        }
