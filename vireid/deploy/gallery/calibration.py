"""Calibration of scores: what strangers score for each pair of modalities, and thresholds that reject them. Values only."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vireid.errors import GalleryError, SettingsError
from vireid.metrics import OperatingPoint, Threshold
from vireid.structures import Modality

TARGETS = (0.1, 0.01)
"""False-positive identification rates that are calibrated by default."""

GROWTH = 1.1
"""A threshold is out of date when the gallery has more than this times the people that it was calibrated with."""

BOTH = "both"
"""Name of a gallery that holds both modalities."""


@dataclass(frozen=True)
class PairCalibration:
    """Searches of one modality in a gallery of one modality, or of both.

    Attributes:
        mean, deviation: of the top scores of searches with the own person taken out; a calibrated score is the score minus ``mean``,
            divided by ``deviation``. 0 and 1 for a gallery of both modalities, whose scores are calibrated by their pairs.
        searches, people: number of these searches, and of the people searched.
        size: number of people in the gallery of such a search.
        points: thresholds, for each target rate.
    """

    mean: float
    deviation: float
    searches: int
    people: int
    size: int
    points: tuple[OperatingPoint, ...] = ()

    def calibrated(self, score: float) -> float:
        """A score that means the same for every pair of modalities."""
        return (score - self.mean) / self.deviation

    def at(self, target: float) -> Threshold:
        """The threshold of a target rate.

        Raises:
            SettingsError: it was refused, or the rate was not calibrated.
        """
        for point in self.points:
            if math.isclose(point.target, target, rel_tol=1e-9):
                if point.threshold is None:
                    raise SettingsError(point.refused)
                return point.threshold
        known = ", ".join(f"{point.target:g}" for point in self.points) or "none"
        raise SettingsError(f"No threshold was calibrated for a false-positive rate of {target:g} (calibrated: {known}).")


@dataclass(frozen=True)
class Calibration:
    """Everything that is calibrated.

    Attributes:
        pairs: by modality of the query and of the gallery, such as ``infrared-visible`` or ``infrared-both``.
    """

    pairs: Mapping[str, PairCalibration] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {name: dataclasses.asdict(pair) for name, pair in self.pairs.items()}

    @classmethod
    def from_dict(cls, content: Any) -> Calibration:
        """What :meth:`to_dict` gave.

        Raises:
            GalleryError: it is something else.
        """
        try:
            return cls({str(name): _pair(pair) for name, pair in content.items()})
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise GalleryError(f"The calibration is damaged ({type(error).__name__}: {error}). Calibrate again.") from error


def pair_name(query: Modality, gallery: Sequence[Modality]) -> str:
    """Name of a pair in a calibration.

    Example:
        >>> pair_name(Modality.INFRARED, [Modality.VISIBLE]), pair_name(Modality.INFRARED, list(Modality))
        ('infrared-visible', 'infrared-both')
    """
    return f"{query.name.lower()}-{gallery[0].name.lower() if len(gallery) == 1 else BOTH}"


def outgrown(pair: PairCalibration, people: int) -> str:
    """Remark on a threshold whose gallery has grown; empty if it has not.

    Args:
        pair: calibrated.
        people: number of people in the gallery now.
    """
    if people <= GROWTH * (pair.size + 1):  # a search that is not mated has one person fewer
        return ""
    return (
        f"The threshold was calibrated with {pair.size + 1} people in the gallery, which has {people} now. False alarms grow with the "
        "gallery: run `vireid gallery calibrate` again."
    )


def _pair(content: Mapping[str, Any]) -> PairCalibration:
    points = []
    for point in content["points"]:
        threshold = point["threshold"]
        points.append(
            OperatingPoint(
                float(point["target"]),
                None if threshold is None else Threshold(**threshold),
                None if point["fnir"] is None else float(point["fnir"]),
                str(point["refused"]),
            )
        )
    numbers = {name: content[name] for name in ("mean", "deviation", "searches", "people", "size")}
    if not all(isinstance(number, (int, float)) and math.isfinite(number) for number in numbers.values()) or numbers["deviation"] <= 0:
        raise ValueError("a number is missing")
    return PairCalibration(**numbers, points=tuple(points))
