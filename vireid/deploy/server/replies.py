"""What the server answers, as plain values; OpenAPI describes them from these classes."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Literal

from vireid.deploy.gallery.answer import Answer, Candidate
from vireid.deploy.gallery.any_gallery import AnyGallery
from vireid.metrics import Threshold

Sensor = Literal["visible", "infrared"]


@dataclass(frozen=True)
class Found:
    """An image of the gallery that a search found.

    Attributes:
        id: number of the image.
        person: name; null if it is not known.
        modality: sensor.
        camera: name; null if it is not known.
        time: when it was taken, ISO 8601 in UTC; null if it is not known.
        score: cosine of the embeddings.
        calibrated: deviations above the mean best score of strangers; null if the pair of modalities is not calibrated.
        accepted: whether it exceeds the threshold; null without one.
        thumbnail: JPEG in base64; null if there is none.
    """

    id: int
    person: str | None
    modality: Sensor
    camera: str | None
    time: str | None
    score: float
    calibrated: float | None
    accepted: bool | None
    thumbnail: str | None


@dataclass(frozen=True)
class Line:
    """A threshold.

    Attributes:
        target: false-positive identification rate that was asked for.
        value: what a score must exceed.
        low, high: interval of that rate in other searches like those of the calibration.
    """

    target: float
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class SearchReply:
    """Ranked images.

    Attributes:
        candidates: images, the best first.
        threshold: the one that decided; null if none is calibrated.
        thresholds: all that are calibrated for such a search.
        compared: what is ranked by and compared with a threshold.
        unknown: whether nobody is accepted; null without a threshold.
        remarks: sentences for a reader.
    """

    candidates: list[Found]
    threshold: Line | None
    thresholds: list[Line]
    compared: Literal["score", "calibrated"]
    unknown: bool | None
    remarks: list[str]


@dataclass(frozen=True)
class Added:
    """Number of an image that is in the gallery now, and sentences for a reader."""

    id: int
    remarks: list[str]


@dataclass(frozen=True)
class Removed:
    """Number of images that were removed, and whether no byte of them is left in any file."""

    removed: int
    overwritten: bool


@dataclass(frozen=True)
class Person:
    """A name and the number of its images."""

    name: str
    images: int


@dataclass(frozen=True)
class People:
    """Some people in the order of their names, and the name to go on after; null at the end."""

    people: list[Person]
    next: str | None


@dataclass(frozen=True)
class Contents:
    """What a gallery holds: numbers, names of cameras, and the beginning of the digest of its model."""

    images: int
    people: int
    cameras: list[str]
    model: str | None


@dataclass(frozen=True)
class Health:
    """Whether the server answers, and its version."""

    status: Literal["ok"]
    version: str


def search_reply(gallery: AnyGallery, answer: Answer, thresholds: list[Threshold], remarks: list[str]) -> SearchReply:
    """The answer of a gallery, with thumbnails."""
    pictures = gallery.thumbnails([candidate.entry.id for candidate in answer.candidates])
    return SearchReply(
        [_found(candidate, pictures.get(candidate.entry.id)) for candidate in answer.candidates],
        None if answer.threshold is None else _line(answer.threshold),
        [_line(threshold) for threshold in thresholds],
        "calibrated" if answer.mixed else "score",
        answer.unknown,
        [*remarks, *answer.remarks],
    )


def _found(candidate: Candidate, picture: bytes | None) -> Found:
    entry = candidate.entry
    return Found(
        entry.id,
        entry.person,
        "infrared" if entry.modality else "visible",
        entry.camera,
        None if entry.time is None else _iso(entry.time),
        candidate.score,
        candidate.calibrated,
        candidate.accepted,
        None if picture is None else base64.b64encode(picture).decode("ascii"),
    )


def _iso(seconds: float) -> str | None:
    """A time as text; ``None`` for one that no calendar has."""
    try:
        return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return None


def _line(threshold: Threshold) -> Line:
    return Line(threshold.target, threshold.value, threshold.low, threshold.high)
