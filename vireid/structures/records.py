"""Images on disk."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Modality(IntEnum):
    """Sensor that took an image; the value orders a batch (visible rows first)."""

    VISIBLE = 0
    INFRARED = 1


@dataclass(frozen=True, slots=True)
class Record:
    """One image file of a person.

    Attributes:
        path: file, absolute.
        pid: identity number as it stands on disk.
        camid: camera number as it stands on disk, from 1.
        modality: sensor.
    """

    path: str
    pid: int
    camid: int
    modality: Modality
