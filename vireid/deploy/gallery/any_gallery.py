"""The interface of a gallery, wherever its images are."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TypeVar

from vireid.deploy.gallery.changeable import Changeable
from vireid.deploy.gallery.entries import Entry, Where

G = TypeVar("G", bound="AnyGallery")


class AnyGallery(Changeable):
    """People and their images, in a file (:class:`~vireid.Gallery`) or on a server (:class:`~vireid.deploy.ServerGallery`)."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the file, or of the connection."""

    def __enter__(self: G) -> G:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @abstractmethod
    def __len__(self) -> int:
        """Number of images that can be found."""

    @property
    def people(self) -> list[str]:
        """Names of the people with an image, sorted."""
        return list(self.images_of_people())

    @property
    @abstractmethod
    def cameras(self) -> list[str]:
        """Names of the cameras with an image, sorted."""

    @abstractmethod
    def images_of_people(self) -> dict[str, int]:
        """Number of images of each known person, in the order of their names."""

    @abstractmethod
    def span(self) -> tuple[float, float] | None:
        """When the first and the last image were taken, in seconds since 1970; ``None`` if no time is known."""

    @abstractmethod
    def entries(self, where: Where | None = None) -> list[Entry]:
        """What is known of images, in the order of their numbers."""

    @abstractmethod
    def thumbnails(self, numbers: Sequence[int]) -> dict[int, bytes]:
        """JPEG of each image, at most 256 pixels high and wide, but for those of which only the embedding was added."""

    def thumbnail(self, number: int) -> bytes | None:
        """JPEG of an image, at most 256 pixels high and wide; ``None`` if only its embedding was added."""
        return self.thumbnails([number]).get(number)

    @abstractmethod
    def owned(self) -> AbstractContextManager[None]:
        """Keep other processes from changing the gallery inside the block, where its store can. All may search."""

    @abstractmethod
    def remains(self) -> str:
        """Where bytes of removed images may still be, in a sentence; empty if they are nowhere."""
