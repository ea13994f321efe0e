"""Result of an evaluation: one row per protocol and variant, and the scores of single queries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

TOPK = (1, 5, 10, 20)
METRICS = (*(f"rank{k}" for k in TOPK), "mAP", "mINP")


@dataclass(frozen=True)
class TrialQueries:
    """Scores of the queries of one trial, ``(Q,)`` each; NaN for a query without a match that counts.

    Attributes:
        pids: int64 identities.
        ap: float64 average precisions.
        inp: float64 inverse negative penalties: matches divided by the rank of the last one; ``None`` if an older file lacks them.
        first: float64 ranks of the first match from 1, as the protocol's CMC counts them; ``None`` if they are not known.
        people: names of the identities on disk; ``None`` where they are the numbers.
    """

    pids: NDArray[np.int64]
    ap: NDArray[np.float64]
    inp: NDArray[np.float64] | None = None
    first: NDArray[np.float64] | None = None
    people: NDArray[np.str_] | None = None

    def scores(self) -> dict[str, NDArray[np.float64]]:
        """Contribution of every query to the mean, by the name of each known measure (:data:`METRICS`)."""
        known = {"mAP": self.ap, "mINP": self.inp}
        first = self.first
        if first is not None:
            known |= {f"rank{k}": np.where(np.isnan(first), np.nan, first <= k) for k in TOPK}
        return {name: values for name in METRICS if (values := known.get(name)) is not None}


@dataclass(frozen=True)
class Result:
    """One row of a results table; fractions in [0, 1].

    Attributes:
        protocol: id of the setting, e.g. ``sysu/all/single-shot/seeded``.
        values: per name of :data:`METRICS`, one number per trial.
        queries: number of valid queries of the first trial.
        remark: note that a reader of the row needs, or empty.
        variant: what was done in addition to the protocol, e.g. ``flip`` or ``re-ranked``; empty for the protocol as published.
        images_sha256: digest of the query and gallery images of all trials; rows with equal digests are comparable query by query.
        per_query: scores of every query, per trial; empty if they were not kept.
    """

    protocol: str
    values: dict[str, tuple[float, ...]]
    queries: int
    remark: str = ""
    variant: str = ""
    images_sha256: str = ""
    per_query: tuple[TrialQueries, ...] = field(default=(), repr=False, compare=False)

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
        """Plain values, ready for JSON; without the single queries."""
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
