"""A gallery whose images are on a server, with the interface of :class:`~vireid.Gallery`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vireid.deploy.gallery.additions import Batch, labels
from vireid.deploy.gallery.answer import Answer, Candidate
from vireid.deploy.gallery.calibration import Calibration, pair_name
from vireid.deploy.gallery.entries import Entry, NewImage, Where, as_name, as_time, check_known, checked
from vireid.deploy.gallery.members import BATCH
from vireid.deploy.gallery.points import entry_fields, entry_of
from vireid.deploy.gallery.qdrant import QdrantStore, client_of
from vireid.deploy.gallery.ranking import pairs_of
from vireid.deploy.gallery.records import StoredImage
from vireid.deploy.gallery.searchable import Searchable, decided
from vireid.deploy.gallery.store import FIELDS
from vireid.deploy.image_embedder import ImageEmbedder, unit
from vireid.deploy.pictures import as_modality, pictures
from vireid.errors import GalleryError, SettingsError
from vireid.structures import Modality


class ServerGallery(Searchable):
    """People and their images on a Qdrant server, searched as in a :class:`~vireid.Gallery`; filters are part of the search there.

    It promises less than a file. One process may add images at a time, and nothing enforces that. A killed addition may leave some images
    of a batch; adding the same again completes it. Removed bytes are overwritten when the server likes. What is read in several steps is
    not of one moment. ``calibrate``, ``reembed`` and ``backup`` are those of a file: copy the gallery there and back.

    Args:
        address: of the gallery, such as ``qdrant://host:6333/people``; ``qdrants://`` for TLS. Or a client of ``qdrant_client``.
        embedder: turns images into embeddings; ``None``: only what needs no image can be done.
        create: whether to make the gallery if it does not exist.
        keep_images: whether the images themselves are stored.
        key: of the server's API.
        name: of the collection, if ``address`` is a client.

    Raises:
        MissingFileError: there is no such gallery, and ``create`` is false.
        GalleryError: the server does not answer, or its embeddings are of another model.
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
        key: str | None = None,
        name: str = "people",
    ) -> None:
        client, collection = client_of(address, key) if isinstance(address, str) else (address, name)
        self.store = QdrantStore(client, collection, create)
        self.embedder, self.keep_images = embedder, keep_images
        if embedder is not None:
            self._check_model(embedder.card.digest, embedder.card.width)

    def close(self) -> None:
        """Close the connection."""
        self.store.client.close()

    def __enter__(self) -> ServerGallery:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __len__(self) -> int:
        """Number of images."""
        return self.store.count()

    @property
    def model(self) -> str | None:
        """Digest of the model of the embeddings; ``None`` while the gallery is empty."""
        return self.store.setting("model")

    @property
    def width(self) -> int:
        """D, numbers of an embedding; 0 while the gallery is empty."""
        return int(self.store.setting("width") or 0)

    @property
    def people(self) -> list[str]:
        """Names of the people with an image, sorted."""
        return list(self.images_of_people())

    @property
    def cameras(self) -> list[str]:
        """Names of the cameras with an image, sorted."""
        return list(self.store.names("camera"))

    def images_of_people(self) -> dict[str, int]:
        """Number of images of each known person, in the order of their names."""
        return self.store.names("person")

    def entries(self, where: Where | None = None) -> list[Entry]:
        """What is known of images, in the order of their numbers."""
        chosen = self._filter(checked(where))
        parts = self.store.scroll(chosen, fields=list(entry_fields()))
        return [entry_of(int(point.id), point.payload or {}) for part in parts for point in part]

    def thumbnail(self, number: int) -> bytes | None:
        """JPEG of an image; ``None`` if only its embedding was added."""
        return self.store.picture(number)

    @property
    def calibration(self) -> Calibration:
        """The gallery's own calibration, and that of the model's card for pairs of modalities that it lacks."""
        stored = self.store.setting("calibration")
        card = self.embedder.card.calibration if self.embedder is not None else None
        pairs = dict(Calibration.from_dict(card).pairs) if card else {}
        return Calibration(pairs | (dict(Calibration.from_dict(json.loads(stored)).pairs) if stored else {}))

    # --- changes --------------------------------------------------------------------------------------------------------------------

    def add(
        self,
        images: Any,
        modality: Modality | str,
        person: str | Sequence[str | None] | None = None,
        camera: str | Sequence[str | None] | None = None,
        time: Any = None,
        boxes: Any = None,
    ) -> list[int]:
        """Add images of one modality, see :meth:`vireid.Gallery.add`."""
        embedder = self._embedder()
        kind, found = as_modality(modality), pictures(images, boxes)
        given = list(zip(*labels(len(found), person, camera, time), strict=True))
        ids: list[int] = []
        for start in range(0, len(found), BATCH):
            part = slice(start, start + BATCH)
            batch = Batch(embedder, kind, found[part], given[part], self.keep_images)
            known = self._known(batch.digests)
            batch.embed(batch.lacking(known))
            ids += self._insert(batch.images(), batch.model, known)
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
        """Add embeddings that were computed elsewhere, see :meth:`vireid.Gallery.add_embeddings`."""
        table = np.asarray(embeddings, np.float32)
        if table.ndim != 2 or 0 in table.shape or not np.isfinite(table).all() or not table.any(axis=1).all():
            raise SettingsError(f"`embeddings` must be (N, D) finite numbers, no row of zeros, got shape {table.shape}.")
        digest = self._embedder().card.digest if model is None else model
        given = zip(*labels(len(table), person, camera, time), strict=True)
        news = [NewImage(*label, as_modality(modality), row) for label, row in zip(given, unit(table), strict=True)]
        return self._insert(news, digest, {})

    def _known(self, digests: set[bytes]) -> dict[bytes, tuple[int, str | None]]:
        found: dict[bytes, tuple[int, str | None]] = {}
        for digest in digests:
            for points in self.store.scroll(self.store.filter_of(Where(), **self.store.digest_key(digest)), fields=["person"]):
                found[digest] = int(points[0].id), (points[0].payload or {}).get("person")
        return found

    def _insert(self, images: Sequence[NewImage], model: str, known: dict[bytes, tuple[int, str | None]]) -> list[int]:
        self._check_model(model, len(images[0].embedding))
        places: dict[bytes, int] = {}
        for place, image in enumerate(images):
            if image.digest is None:
                continue
            first = images[places.setdefault(image.digest, place)]
            person = known[image.digest][1] if image.digest in known else first.person
            if person != image.person:
                raise SettingsError(
                    f"{image.path or 'An image'} is in the gallery already, as {person or 'nobody known'!r} and not as "
                    f"{image.person or 'nobody known'!r}. Use `update` to give it another person."
                )
        new = [
            place
            for place, image in enumerate(images)
            if image.digest is None or (image.digest not in known and places[image.digest] == place)
        ]
        if new and self.model is None:
            self.store.put({"model": model, "width": str(len(images[0].embedding))})
        ids = dict(zip(new, self.store.take_numbers(len(new)), strict=True)) if new else {}
        self.store.insert([StoredImage(ids[place], images[place]) for place in new])
        return [
            ids[place] if place in ids else known[image.digest][0] if image.digest in known else ids[places[image.digest or b""]]
            for place, image in enumerate(images)
        ]

    def remove(self, where: Where) -> int:
        """Remove images; how many."""
        chosen = self._filter(checked(where, needed=True))
        count = self.store.count(chosen)
        if count:
            self.store.delete(chosen)
        return count

    def update(self, where: Where, **values: Any) -> int:
        """Give images another ``person``, ``camera`` or ``time``; ``None`` for unknown. Returns how many."""
        if not values or set(values) - set(FIELDS):
            raise SettingsError(f"`update` changes person, camera or time, got {', '.join(values) or 'nothing'}.")
        clean = {name: as_time(value) if name == "time" else as_name(name, value) for name, value in values.items()}
        chosen = self._filter(checked(where, needed=True))
        ids = [int(point.id) for part in self.store.scroll(chosen, fields=False) for point in part]
        if ids:  # by number: a filter may no longer fit an image of which one field is changed
            self.store.update(self.store.filter_of(Where(ids=ids)), clean)
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
        filters = {found: self._filter(where, modality=int(found)) for found in Modality if where.modality in (None, found)}
        present = {found: count for found, chosen in filters.items() if (count := self.store.count(chosen))}
        if not present:
            return Answer((), remarks=("No image of the gallery was searched: it is empty, or none fits the filter.",))
        calibration = self.calibration
        pairs = dict(zip(present, pairs_of(calibration, kind, list(present)), strict=True))
        query, wanted = unit(np.asarray(embedding, np.float32)[None])[0], k
        while True:
            candidates: list[Candidate] = []
            for found, pair in pairs.items():
                for point in self.store.nearest(query, wanted, filters[found]):
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

    def _filter(self, where: Where, **more: Any) -> Any:
        """A filter of the server, after a check that the gallery holds the names and numbers."""
        for what, names in (("person", where.people), ("camera", where.cameras)):
            if names is not None:
                check_known(what, [names] if isinstance(names, str) else [str(name) for name in names], self.store.names(what))
        if where.ids is not None:
            wanted = {int(number) for number in where.ids}
            there = {int(point.id) for part in self.store.scroll(self.store.filter_of(Where(ids=wanted)), fields=False) for point in part}
            if missing := sorted(wanted - there):
                raise SettingsError(f"The gallery holds no image {', '.join(map(str, missing[:5]))}.")
        return self.store.filter_of(where, **more)

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
