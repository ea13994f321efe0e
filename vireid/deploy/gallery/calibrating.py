"""Calibration of a gallery from its own images, and from images of people who are searched only for this."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from vireid.deploy.gallery.calibration import Calibration, PairCalibration, pair_name
from vireid.errors import SettingsError
from vireid.metrics import Searches, operating_points, search_people
from vireid.structures import Modality

FEWEST = 30
"""Searches from which the mean and deviation of a pair of modalities are taken; with fewer, the pair is left out."""

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Embedded:
    """Embeddings of images whose people are known.

    Attributes:
        embeddings: ``(N, D)`` float32 of length 1.
        people: ``(N,)`` names.
        modalities: ``(N,)`` int8.
        rows: ``(N,)`` int64 which image of the gallery each is, -1 for none.
    """

    embeddings: NDArray[np.float32]
    people: NDArray[np.str_]
    modalities: NDArray[np.int8]
    rows: NDArray[np.int64]

    def of(self, chosen: NDArray[np.int64] | Bools) -> Embedded:
        """Some of them."""
        return Embedded(self.embeddings[chosen], self.people[chosen], self.modalities[chosen], self.rows[chosen])

    @classmethod
    def joined(cls, parts: Sequence[Embedded]) -> Embedded:
        """All of them."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))


def calibrate(gallery: Embedded, probes: Embedded, targets: Sequence[float]) -> Calibration:
    """Search every probe with its own person taken out, for each pair of modalities, and choose thresholds from the top scores.

    Args:
        gallery: images that are searched in.
        probes: images that are searched. An image of the gallery never finds itself.
        targets: wanted false-positive identification rates.

    Returns:
        Calibration of the pairs that have at least 30 searches.

    Raises:
        SettingsError: no pair has.
    """
    pairs: dict[str, PairCalibration] = {}
    for query in Modality:
        asked = probes.of(probes.modalities == int(query))
        for found in ([Modality.VISIBLE], [Modality.INFRARED], list(Modality)):
            inside = gallery.of(np.isin(gallery.modalities, [int(modality) for modality in found]))
            name = pair_name(query, found)
            singles = [pairs.get(pair_name(query, [modality])) for modality in found] if len(found) > 1 else []
            if not (len(asked.people) and len(inside.people)) or None in singles:
                continue
            result = _searched(asked, inside, {int(m): pair for m, pair in zip(found, singles, strict=False) if pair is not None})
            tops = result.non_mated[~np.isnan(result.non_mated)]
            if len(tops) < FEWEST or tops.std() == 0:
                continue
            people = len(np.unique(result.people[~np.isnan(result.non_mated)]))
            norm = (0.0, 1.0) if singles else (float(tops.mean()), float(tops.std()))
            pairs[name] = PairCalibration(*norm, len(tops), people, result.size, operating_points(result, targets))
    if not pairs:
        raise SettingsError(
            f"Nothing can be calibrated: of {len(probes.people)} images of known people, no {FEWEST} of one modality can be searched among "
            "others. Add more people, or name images of people with `probes`."
        )
    return Calibration(pairs)


def _searched(asked: Embedded, inside: Embedded, norms: dict[int, PairCalibration]) -> Searches:
    mean, deviation = np.zeros(len(inside.people), np.float32), np.ones(len(inside.people), np.float32)
    for modality, pair in norms.items():
        mean[inside.modalities == modality], deviation[inside.modalities == modality] = pair.mean, pair.deviation

    def scores(rows: slice) -> NDArray[np.float32]:
        cosines = np.asarray(asked.embeddings[rows] @ inside.embeddings.T, np.float32)
        return (cosines - mean) / deviation if norms else cosines

    def itself(rows: slice) -> Bools:
        return np.asarray((asked.rows[rows, None] == inside.rows) & (inside.rows >= 0), bool)

    return search_people(scores, asked.people, inside.people, itself)
