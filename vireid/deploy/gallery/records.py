"""All that a store keeps of an image, for a copy to another store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from vireid.deploy.gallery.entries import NewImage

BATCH = 256
"""Images that are copied at once."""

COPIED = "copied"
"""Setting of a gallery that is being copied to: the number of the last image that is whole there."""

KEPT = ("model", "width", "calibration")
"""Settings that are copied."""


@dataclass(frozen=True)
class StoredImage:
    """An image in a store.

    Attributes:
        id: its number.
        image: what is kept of it.
    """

    id: int
    image: NewImage


class Copyable(Protocol):
    """A store whose content can be copied, and that a copy can be written into."""

    def setting(self, key: str) -> str | None:
        """A setting of the gallery."""

    def stored(self, after: int) -> Iterator[Sequence[StoredImage]]:
        """Images with numbers above ``after``, ascending, in parts of at most :data:`BATCH`."""

    def put_stored(self, images: Sequence[StoredImage], settings: dict[str, str | None]) -> None:
        """Write images under their numbers, and settings when these are there. To write an image again changes nothing."""

    def stored_count(self) -> int:
        """Number of images."""
