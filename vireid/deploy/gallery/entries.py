"""Values of a gallery: an image to store, what is known of a stored one, and which of them are meant."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from datetime import datetime, timezone
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vireid.deploy.pictures import as_modality
from vireid.errors import SettingsError
from vireid.structures import Modality

LONGEST = 1000  # characters of a name
FIELDS = ("person", "camera", "time")
"""What may be changed of a stored image."""
Time = datetime | float | str


@dataclass(frozen=True)
class Entry:
    """An image that is in a gallery.

    Attributes:
        id: its number, which no other image ever gets.
        person: name; ``None`` if it is not known.
        modality: sensor.
        camera: name; ``None`` if it is not known.
        time: seconds since 1970 (UTC); ``None`` if it is not known.
        path: file it came from; ``None`` if there is none.
    """

    id: int
    person: str | None
    modality: Modality
    camera: str | None = None
    time: float | None = None
    path: str | None = None


@dataclass(frozen=True)
class NewImage:
    """An image to store.

    Attributes:
        person, camera, time, modality: see :class:`Entry`.
        embedding: ``(D,)`` float32 of length 1.
        path: absolute path; ``None`` if there is none.
        box: part of the image, left, top, right, bottom.
        digest: SHA-256 of what was embedded; ``None`` if only the embedding is known.
        thumbnail: JPEG.
        original: the image file, if it is kept.
    """

    person: str | None
    camera: str | None
    time: float | None
    modality: Modality
    embedding: NDArray[np.float32]
    path: str | None = None
    box: tuple[float, float, float, float] | None = None
    digest: bytes | None = None
    thumbnail: bytes | None = None
    original: bytes | None = None


@dataclass(frozen=True)
class Where:
    """Which images of a gallery are meant: those that fit everything that is given.

    Attributes:
        ids: numbers of images.
        people: names.
        cameras: names.
        modality: sensor, or its name.
        since, until: ends of a span of time, inclusive: seconds since 1970, a ``datetime`` or an ISO 8601 text, in UTC if it says no
            zone. An image without a time fits no span.
    """

    ids: Collection[int] | None = None
    people: Collection[str] | None = None
    cameras: Collection[str] | None = None
    modality: Modality | str | None = None
    since: Time | None = None
    until: Time | None = None

    @property
    def all(self) -> bool:
        """Whether nothing is given, so that every image is meant."""
        return all(getattr(self, field.name) is None for field in fields(self))


def checked(where: Where | None, needed: bool = False) -> Where:
    """A filter with the modality as a value.

    Raises:
        SettingsError: ``needed``, and it says nothing; the modality is none.
    """
    if where is None or (needed and where.all):
        if needed:
            raise SettingsError("Say which images are meant: ids, people, cameras, modality, since or until.")
        return Where()
    given = {field.name: getattr(where, field.name) for field in fields(where)}
    if where.modality is not None:
        given["modality"] = as_modality(where.modality)
    return Where(**given)


def as_time(value: Any) -> float | None:
    """Seconds since 1970.

    Raises:
        SettingsError: it is no time.

    Example:
        >>> as_time("2026-11-30T12:00:00+01:00") == as_time("2026-11-30 11:00") == as_time(1796036400)
        True
    """
    if value is None:
        return None
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value.replace("Z", "+00:00"))
        if isinstance(value, datetime):
            value = (value if value.tzinfo else value.replace(tzinfo=timezone.utc)).timestamp()
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not math.isfinite(seconds):
        raise SettingsError(f"`time` must be a date and time such as 2026-11-30T21:05, or seconds since 1970, got {value!r}.")
    return seconds


def as_name(what: str, value: Any) -> str | None:
    """A name of a person or a camera, as it is stored; numbers become text.

    Raises:
        SettingsError: it is empty, too long, or no text that can be stored.
    """
    if value is None:
        return None
    name = str(value)
    if not name.strip() or len(name) > LONGEST or "\0" in name or not _is_unicode(name):
        raise SettingsError(f"`{what}` must be a name of 1 to {LONGEST} characters, got {name[:40]!a}.")
    return name


def check_known(what: str, wanted: Iterable[str], known: Collection[str]) -> None:
    """Refuse names that the gallery does not hold.

    Raises:
        SettingsError: one is not there; the message gives the nearest.
    """
    for name in wanted:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise SettingsError(f"The gallery holds no {what} '{shown(name)}'." + (f" Did you mean '{shown(near[0])}'?" if near else ""))


def shown(name: str) -> str:
    """A name for a message: characters that a terminal would obey are escaped."""
    return name if name.isprintable() else ascii(name)[1:-1]


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
