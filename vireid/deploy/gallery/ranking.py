"""From scores within each modality to one ranked list."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from vireid.deploy.gallery.calibration import Calibration, PairCalibration, pair_name
from vireid.deploy.gallery.index import Floats, Index, Mask
from vireid.errors import GalleryError
from vireid.structures import Modality

Scored = tuple[int, float, float | None]
"""Row, cosine, calibrated score."""

OVER_FETCH = 4
"""An index that is not exact is asked for this times as many rows, which are then scored again."""


def pairs_of(calibration: Calibration, query: Modality, present: Sequence[Modality]) -> list[PairCalibration | None]:
    """Calibration of the query's modality with each modality that is searched.

    Raises:
        GalleryError: both are searched, and one is not calibrated; their cosines cannot be compared.
    """
    pairs = [calibration.pairs.get(pair_name(query, [modality])) for modality in present]
    if len(present) > 1 and None in pairs:
        raise GalleryError(
            f"Visible and infrared images are searched together, and their scores for {query.name.lower()} queries are not calibrated: "
            "a stranger of the query's modality scores as high as the same person of the other one. Search one modality "
            "(`Where(modality=...)`, or `--in_modality`), or run `vireid gallery calibrate`."
        )
    return pairs


def ranked(
    index: Index,
    exact_rows: Callable[[NDArray[np.int64]], Floats],
    query: Floats,
    k: int,
    masks: Sequence[Mask],
    pairs: Sequence[PairCalibration | None],
) -> list[Scored]:
    """The best ``k`` rows of all masks, by calibrated score if there are several masks, otherwise by cosine.

    Args:
        index: where to search.
        exact_rows: stored embeddings of rows, for an index that is not exact.
        query: ``(D,)`` of unit length.
        k: number of rows.
        masks: rows that may be found, one for each modality.
        pairs: calibration of each of them.
    """
    found: list[Scored] = []
    for (rows, scores), pair in zip(index.search(query, k if index.exact else OVER_FETCH * k, masks), pairs, strict=True):
        cosines = scores if index.exact else exact_rows(rows) @ query
        calibrated = [None if pair is None else pair.calibrated(score) for score in cosines.tolist()]
        found += zip(rows.tolist(), cosines.tolist(), calibrated, strict=True)
    return sorted(found, key=lambda scored: (-_compared(scored, len(masks) > 1), scored[0]))[:k]


def _compared(scored: Scored, mixed: bool) -> float:
    return scored[2] if mixed and scored[2] is not None else scored[1]


def first_of_each_person(found: Sequence[Scored], people: NDArray[np.int64]) -> list[Scored]:
    """The best row of each person. A row of nobody known stands for itself."""
    seen: set[int] = set()
    kept = []
    for scored in found:
        person = int(people[scored[0]])
        if person < 0 or person not in seen:
            kept.append(scored)
        seen.add(person)
    return kept
