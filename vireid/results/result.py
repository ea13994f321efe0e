"""Result of an evaluation: one row per protocol and variant, and the scores of single queries."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vireid.metrics import OperatingPoint

TARGETS = (0.1, 0.01)
"""False-positive identification rates that a test reports, where it has enough searches."""

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
        mated: float64 cosine of the best counted image of the own person; NaN if there is none. ``None`` if it was not computed.
        non_mated: float64 cosine of the best counted image of another person: the top score of the same search among strangers.
    """

    pids: NDArray[np.int64]
    ap: NDArray[np.float64]
    inp: NDArray[np.float64] | None = None
    first: NDArray[np.float64] | None = None
    people: NDArray[np.str_] | None = None
    mated: NDArray[np.float64] | None = None
    non_mated: NDArray[np.float64] | None = None

    def scores(self) -> dict[str, NDArray[np.float64]]:
        """Contribution of every query to the mean, by the name of each known measure (``METRICS``)."""
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
        values: per name of ``METRICS``, one number per trial.
        queries: number of valid queries of the first trial.
        remark: note that a reader of the row needs, or empty.
        variant: what was done in addition to the protocol, e.g. ``flip`` or ``re-ranked``; empty for the protocol as published.
        images_sha256: digest of the query and gallery images of all trials; rows with equal digests are comparable query by query.
        per_query: scores of every query, per trial; empty if they were not kept.
        open_set: thresholds and missed people at each false-positive identification rate, per trial; empty if they were not computed, or
            were read from a file.
    """

    protocol: str
    values: dict[str, tuple[float, ...]]
    queries: int
    remark: str = ""
    variant: str = ""
    images_sha256: str = ""
    per_query: tuple[TrialQueries, ...] = field(default=(), repr=False, compare=False)
    open_set: tuple[tuple[OperatingPoint, ...], ...] = field(default=(), repr=False, compare=False)

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
            **({"open_set": [[asdict(point) for point in points] for points in self.open_set]} if self.open_set else {}),
        }

    def fnir(self, target: float) -> float | None:
        """Mean over the trials of the false-negative identification rate at a false-positive one; ``None`` if a trial has no threshold."""
        found = [point.fnir for points in self.open_set for point in points if point.target == target]
        known = [rate for rate in found if rate is not None]
        return float(np.mean(known)) if known and len(known) == self.trials else None
