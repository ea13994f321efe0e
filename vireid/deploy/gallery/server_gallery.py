"""A gallery whose images are on a server, with the interface of one in a file."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vireid.deploy.gallery.answer import Answer, Candidate
from vireid.deploy.gallery.any_gallery import AnyGallery
from vireid.deploy.gallery.calibration import pair_name
from vireid.deploy.gallery.entries import Entry, NewImage, Where, check_known, checked
from vireid.deploy.gallery.points import entry_fields, entry_of
from vireid.deploy.gallery.qdrant import QdrantStore
from vireid.deploy.gallery.ranking import pairs_of
from vireid.deploy.gallery.records import StoredImage
from vireid.deploy.gallery.searchable import decided
from vireid.deploy.gallery.server_address import client_of
from vireid.deploy.image_embedder import ImageEmbedder, unit
from vireid.deploy.pictures import as_modality
from vireid.errors import GalleryError, SettingsError
from vireid.structures import Modality


class ServerGallery(AnyGallery):
    """People and their images on a Qdrant server, searched as in a :class:`~vireid.Gallery`; filters are part of the search there.

    It promises less than a file. One process may add images at a time, and nothing enforces that; its threads may. A killed addition may
    leave some images of a batch; adding the same again completes it. Removed bytes are overwritten when the server likes. What is read in
    several steps is not of one moment. ``calibrate``, ``reembed`` and ``backup`` are those of a file: copy the gallery there and back.

    Args:
        address: of the gallery, such as ``qdrant://host:6333/people``; ``qdrants://`` for TLS, ``?key_file=PATH`` at the end for a server
            that wants a key. Or a client of ``qdrant_client``.
        embedder: turns images into embeddings; ``None``: only what needs no image can be done.
        create: whether to make the gallery if it does not exist.
        keep_images: whether the images themselves are stored.
        name: of the collection, if ``address`` is a client.

    Raises:
        MissingFileError: there is no such gallery, and ``create`` is false; or no such file with a key.
        GalleryError: its embeddings are of another model.
        UnreachableError: the server does not answer.
        SettingsError: the address is none, or the extra ``qdrant`` is not installed.

    Example::

        gallery = ServerGallery("qdrant://localhost:6333/people", OnnxEmbedder("deployed"))
        gallery.search("night.jpg", "infrared", within=Where(cameras=["north"]))
    """

    def __init__(
        self,
        address: Any,
        embedder: ImageEmbedder | None = None,
        create: bool = True,
        keep_images: bool = False,
        name: str = "people",
    ) -> None:
        client, collection = client_of(address) if isinstance(address, str) else (address, name)
        self.store = QdrantStore(client, collection, create)
        self.embedder, self.keep_images = embedder, keep_images
        self._writers = threading.RLock()
        if embedder is not None:
            self._check_model(embedder.card.digest, embedder.card.width)

    def close(self) -> None:
        self.store.client.close()

    def __len__(self) -> int:
        return self.store.count()

    @property
    def cameras(self) -> list[str]:
        return list(self.store.names("camera"))

    def images_of_people(self) -> dict[str, int]:
        return self.store.names("person")

    def images_of_sensors(self, within: Where | None = None) -> dict[Modality, int]:
        where = checked(within)
        self._check_known(where)
        asked = [found for found in Modality if where.modality in (None, found)]
        return {found: self.store.count(self.store.filter_of(where, modality=int(found))) for found in asked}

    def span(self) -> tuple[float, float] | None:
        return self.store.span()

    def entries(self, where: Where | None = None) -> list[Entry]:
        parts = self.store.scroll(self._filter(checked(where)), fields=list(entry_fields()))
        return [entry_of(int(point.id), point.payload or {}) for part in parts for point in part]

    def thumbnails(self, numbers: Sequence[int]) -> dict[int, bytes]:
        return self.store.pictures(numbers)

    def owned(self) -> contextlib.AbstractContextManager[None]:
        """Nothing: a server does not know who may change a gallery."""
        return contextlib.nullcontext()

    def remains(self) -> str:
        return "The server overwrites their bytes when it likes."

    # --- changes --------------------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        with self._writers:
            yield

    def _known(self, digests: Collection[bytes]) -> Mapping[bytes, tuple[int, str | None]]:
        return self.store.known(digests)

    def _store_new(self, images: Sequence[NewImage], model: str) -> list[int]:
        if self.model is None:
            self.store.put({"model": model, "width": str(len(images[0].embedding))})
        numbers = self.store.take_numbers(len(images))
        self.store.insert([StoredImage(number, image) for number, image in zip(numbers, images, strict=True)])
        return numbers

    def _delete(self, where: Where) -> int:
        chosen = self._filter(where)
        count = self.store.count(chosen)
        if count:
            self.store.delete(chosen)
        return count

    def _change(self, where: Where, values: dict[str, Any]) -> int:
        chosen = self._filter(where)
        ids = [int(point.id) for part in self.store.scroll(chosen, fields=False) for point in part]
        if ids:  # by number: a filter may no longer fit an image of which one field is changed
            self.store.update(self.store.filter_of(Where(ids=ids)), values)
        return len(ids)

    # --- search ---------------------------------------------------------------------------------------------------------------------

    def search_embedding(
        self,
        embedding: NDArray[np.float32],
        modality: Modality | str,
        k: int = 10,
        within: Where | None = None,
        target: float | None = None,
        by_person: bool = False,
    ) -> Answer:
        """Search by an embedding ``(D,)``, see :meth:`vireid.Gallery.search_embedding`."""
        kind, where = as_modality(modality), checked(within)
        if k < 1:
            raise SettingsError(f"`k` must be at least 1, got {k}.")
        if self.model is not None and np.shape(embedding) != (self.width,):
            raise GalleryError(f"The gallery holds embeddings of {self.width} numbers, got shape {np.shape(embedding)}.")
        present = {found: count for found, count in self.images_of_sensors(where).items() if count}
        if not present:
            return Answer((), remarks=("No image of the gallery was searched: it is empty, or none fits the filter.",))
        calibration = self.calibration
        pairs = dict(zip(present, pairs_of(calibration, kind, list(present)), strict=True))
        query, wanted = unit(np.asarray(embedding, np.float32)[None])[0], k
        while True:
            candidates: list[Candidate] = []
            for found, pair in pairs.items():
                for point in self.store.nearest(query, wanted, self.store.filter_of(where, modality=int(found))):
                    score = float(point.score)
                    calibrated = None if pair is None else pair.calibrated(score)
                    candidates.append(Candidate(entry_of(int(point.id), point.payload or {}), score, calibrated))
            candidates = _best(candidates, len(present) > 1, by_person)
            if len(candidates) >= k or wanted >= max(present.values()) or not by_person:
                break
            wanted *= 4
        candidates = candidates[:k]
        remarks = [f"The gallery holds {len(candidates)} that may be found, fewer than {k}."] if len(candidates) < k else []
        answer = Answer(tuple(candidates), remarks=tuple(remarks), mixed=len(present) > 1)
        if target is None:
            return answer
        pair = calibration.pairs.get(pair_name(kind, list(present)))
        if pair is None:
            raise SettingsError(
                "There is no threshold: this pair of modalities is not calibrated. Calibrate a copy of the gallery in a file."
            )
        searched = None if len(present) > 1 else self.store.filter_of(Where(), modality=int(next(iter(present))))
        return decided(answer, pair, target, len(self.store.names("person", searched)))

    def _filter(self, where: Where) -> Any:
        """A filter of the server, after :meth:`_check_known`."""
        self._check_known(where)
        return self.store.filter_of(where)

    def _check_known(self, where: Where) -> None:
        """Check that the gallery holds the names and numbers of a filter."""
        for what, names in (("person", where.people), ("camera", where.cameras)):
            if names is not None:
                check_known(what, [names] if isinstance(names, str) else [str(name) for name in names], self.store.names(what))
        if where.ids is not None:
            wanted = {int(number) for number in where.ids}
            there = {int(point.id) for part in self.store.scroll(self.store.filter_of(Where(ids=wanted)), fields=False) for point in part}
            if missing := sorted(wanted - there):
                raise SettingsError(f"The gallery holds no image {', '.join(map(str, missing[:5]))}.")

    def _setting(self, key: str) -> str | None:
        return self.store.setting(key)

    def _check_model(self, digest: str, width: int) -> None:
        model = self.model
        if model is not None and (model != digest or self.width != width):
            raise GalleryError(
                f"The embeddings of the gallery are of model {model[:12]} with {self.width} numbers, and this model is {digest[:12]} with "
                f"{width}: they cannot be compared."
            )


def _best(candidates: list[Candidate], mixed: bool, by_person: bool) -> list[Candidate]:
    """The best first; each person once, if that is asked for."""

    def order(candidate: Candidate) -> tuple[float, int]:
        compared = candidate.calibrated if mixed and candidate.calibrated is not None else candidate.score
        return -compared, candidate.entry.id

    kept: list[Candidate] = []
    seen: set[str] = set()
    for candidate in sorted(candidates, key=order):
        person = candidate.entry.person
        if not by_person or person is None or person not in seen:
            kept.append(candidate)
        seen |= {person} if person is not None else set()
    return kept
