"""Additions, removals and changes of images, wherever they are stored."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vireid.deploy.gallery.additions import Batch, labels
from vireid.deploy.gallery.entries import FIELDS, NewImage, Where, as_name, as_time, checked, shown
from vireid.deploy.gallery.searchable import Searchable
from vireid.deploy.image_embedder import unit
from vireid.deploy.pictures import as_modality, pictures
from vireid.errors import SettingsError
from vireid.structures import Modality

BATCH = 64
"""Images that are embedded and stored at once; a killed :meth:`Changeable.add` keeps whole batches in a file."""


class Changeable(Searchable):
    """A gallery that images are added to.

    Attributes:
        keep_images: whether the images themselves are stored.
    """

    keep_images: bool

    def add(
        self,
        images: Any,
        modality: Modality | str,
        person: str | Sequence[str | None] | None = None,
        camera: str | Sequence[str | None] | None = None,
        time: Any = None,
        boxes: Any = None,
    ) -> list[int]:
        """Add images of one modality. Those that are there already are not added again.

        Images are stored in batches. When one cannot be read, the batches before it stay, and the same call after a repair goes on.

        Args:
            images, boxes: see :meth:`vireid.deploy.ImageEmbedder.embed`.
            modality: ``visible`` or ``infrared``.
            person: name of the person, or one for each image; ``None`` if it is not known.
            camera: name of the camera, or one for each image.
            time: when the image was taken, or one for each image: seconds since 1970, a ``datetime``, or an ISO 8601 text.

        Returns:
            Number of each image.

        Raises:
            GalleryError: the gallery was opened without an embedder, or is of another model.
            SettingsError: a name, a time or a box is none, or an image is there already under another name.
            OutputError: another process is changing the file.
            BadImageError, MissingFileError: an image cannot be read.
        """
        embedder = self._embedder()
        kind, found = as_modality(modality), pictures(images, boxes)
        people, cameras, times = labels(len(found), person, camera, time)
        given = list(zip(people, cameras, times, strict=True))
        ids: list[int] = []
        for start in range(0, len(found), BATCH):
            part = slice(start, start + BATCH)
            ids += self._add_batch(Batch(embedder, kind, found[part], given[part], self.keep_images))
        return ids

    def add_embeddings(
        self,
        embeddings: NDArray[np.float32],
        modality: Modality | str,
        person: str | Sequence[str | None] | None = None,
        camera: str | Sequence[str | None] | None = None,
        time: Any = None,
        model: str | None = None,
    ) -> list[int]:
        """Add embeddings that were computed elsewhere, in one batch. They have no thumbnail, and no new model can compute them again.

        Args:
            embeddings: ``(N, D)``; they are stored at length 1.
            modality, person, camera, time: see :meth:`add`.
            model: digest of their model; ``None`` for that of the embedder.

        Returns:
            Number of each.

        Raises:
            GalleryError: the width or the model is not that of the gallery.
            SettingsError: the embeddings are no finite rows.
        """
        table = np.asarray(embeddings, np.float32)
        if table.ndim != 2 or 0 in table.shape or not np.isfinite(table).all() or not table.any(axis=1).all():
            raise SettingsError(f"`embeddings` must be (N, D) finite numbers, no row of zeros, got shape {table.shape}.")
        digest = self._embedder().card.digest if model is None else model
        given = zip(*labels(len(table), person, camera, time), strict=True)
        news = [NewImage(*label, as_modality(modality), row) for label, row in zip(given, unit(table), strict=True)]
        with self._writing():
            return self._insert(news, digest, {})

    def remove(self, where: Where) -> int:
        """Remove images for good: embedding, thumbnail, original and digest. :meth:`remains` says where their bytes may still be.

        Args:
            where: which images.

        Returns:
            Number of removed images.

        Raises:
            SettingsError: ``where`` says nothing, or names what is not in the gallery.
            OutputError: another process is changing the file.
        """
        with self._writing():
            return self._delete(checked(where, needed=True))

    def update(self, where: Where, **values: Any) -> int:
        """Give images another ``person``, ``camera`` or ``time``; ``None`` for unknown.

        Returns:
            Number of changed images.

        Raises:
            SettingsError: as for :meth:`remove`, or a value is not allowed.
            OutputError: another process is changing the file.
        """
        if not values or set(values) - set(FIELDS):
            raise SettingsError(f"`update` changes person, camera or time, got {', '.join(values) or 'nothing'}.")
        clean = {name: as_time(value) if name == "time" else as_name(name, value) for name, value in values.items()}
        with self._writing():
            return self._change(checked(where, needed=True), clean)

    @abstractmethod
    def _writing(self) -> AbstractContextManager[None]:
        """Let no other thread change the gallery inside the block."""

    @abstractmethod
    def _known(self, digests: Collection[bytes]) -> Mapping[bytes, tuple[int, str | None]]:
        """Number and person of the images with these digests that are there."""

    @abstractmethod
    def _store_new(self, images: Sequence[NewImage], model: str) -> list[int]:
        """Store images, and the model with the first ones; their numbers."""

    @abstractmethod
    def _delete(self, where: Where) -> int:
        """Delete images; how many."""

    @abstractmethod
    def _change(self, where: Where, values: dict[str, Any]) -> int:
        """Set fields of images; how many."""

    def _add_batch(self, batch: Batch) -> list[int]:
        """Store a batch. Nobody waits for the network: it is asked between two looks at what is there."""
        while True:
            with self._writing():
                known = self._known(batch.digests)
                lacking = batch.lacking(known)
                if not lacking:
                    return self._insert(batch.images(), batch.model, known)
            batch.embed(lacking)

    def _insert(self, images: Sequence[NewImage], model: str, known: Mapping[bytes, tuple[int, str | None]]) -> list[int]:
        """Store a batch but for what is there already, and give the numbers of all."""
        self._check_model(model, len(images[0].embedding) if images else self.width)
        ids: dict[int, int] = {}
        first: dict[bytes, int] = {}
        for row, image in enumerate(images):
            if image.digest is None:
                continue
            number, person = known.get(image.digest, (0, images[first.setdefault(image.digest, row)].person))
            if person != image.person:
                raise SettingsError(
                    f"{image.path or 'An image'} is in the gallery already, as '{shown(person or 'nobody known')}' and not as "
                    f"'{shown(image.person or 'nobody known')}'. Use `update` to give it another person."
                )
            if number:
                ids[row] = number
        new = [row for row, image in enumerate(images) if row not in ids and (image.digest is None or first[image.digest] == row)]
        if new:
            ids |= dict(zip(new, self._store_new([images[row] for row in new], model), strict=True))
        return [ids[row] if row in ids else ids[first[image.digest or b""]] for row, image in enumerate(images)]
