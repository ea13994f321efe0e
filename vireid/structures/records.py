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
        name: name of the person on disk; empty where it is ``pid`` as written.
    """

    path: str
    pid: int
    camid: int
    modality: Modality
    name: str = ""

    @property
    def who(self) -> str:
        """The person as the user knows it: name on disk, or number."""
        return (self.name if self.name.isprintable() else ascii(self.name)[1:-1]) or str(self.pid)
