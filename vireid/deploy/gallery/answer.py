"""What a search finds."""

from __future__ import annotations

from dataclasses import dataclass

from vireid.deploy.gallery.entries import Entry
from vireid.metrics import Threshold


@dataclass(frozen=True)
class Candidate:
    """One image that was found.

    Attributes:
        entry: the image.
        score: cosine of its embedding and that of the query, in [-1, 1].
        calibrated: score that can be compared between pairs of modalities: how many deviations it lies above the mean best score of
            strangers. ``None`` if the pair of modalities is not calibrated.
        accepted: whether its score exceeds the threshold; ``None`` if no threshold was asked for.
    """

    entry: Entry
    score: float
    calibrated: float | None = None
    accepted: bool | None = None


@dataclass(frozen=True)
class Answer:
    """Candidates of one search, the best first.

    Attributes:
        candidates: images, or the best image of each person.
        threshold: what a score, or in a gallery of both modalities a calibrated score, must exceed; ``None`` if none was asked for.
        remarks: what a reader should know, one sentence or two each.
        mixed: whether images of both modalities were searched, so that calibrated scores are compared.
    """

    candidates: tuple[Candidate, ...]
    threshold: Threshold | None = None
    remarks: tuple[str, ...] = ()
    mixed: bool = False

    @property
    def unknown(self) -> bool | None:
        """Whether nobody is accepted, so that the person is taken to be none of the gallery; ``None`` without a threshold."""
        return None if self.threshold is None else not any(candidate.accepted for candidate in self.candidates)
