"""A gallery on a Qdrant server, for more images than one machine holds, or more searches than it answers."""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vireid.deploy.gallery.entries import Where, as_time
from vireid.deploy.gallery.points import IMAGE_FIELDS, entry_fields, image_of, payload_of
from vireid.deploy.gallery.records import BATCH, StoredImage
from vireid.deploy.gallery.server_address import answering
from vireid.deploy.pictures import as_modality
from vireid.errors import MissingFileError

SETTINGS = 1
"""Number of the one point in the collection of settings."""

MOST_NAMES = 1_000_000
MOST_BYTES = 16 * 2**20
"""Characters of one request with images, about; a server takes 32 MB. One image that is larger goes alone."""


class QdrantStore:
    """Images of one gallery in a collection of a Qdrant server, and its settings in a second one.

    Args:
        client: of ``qdrant_client``.
        name: of the collection.
        create: whether the first image makes it.

    Raises:
        MissingFileError: there is no such collection, and ``create`` is false.
        UnreachableError: the server does not answer.
    """

    def __init__(self, client: Any, name: str, create: bool = True) -> None:
        from qdrant_client import models

        self.client, self.name, self.models = client, name, models
        with answering():
            there = client.collection_exists(self._settings_name)
            if not there and not create:
                raise MissingFileError(f"There is no gallery {name!r} on the server. `vireid gallery add` and `copy` make one.")
            if not there:
                size = models.VectorParams(size=1, distance=models.Distance.DOT)
                client.create_collection(self._settings_name, vectors_config=size)

    @property
    def _settings_name(self) -> str:
        return f"{self.name}.settings"

    # --- settings -------------------------------------------------------------------------------------------------------------------

    def settings(self) -> dict[str, str]:
        """All settings."""
        with answering():
            found = self.client.retrieve(self._settings_name, [SETTINGS], with_payload=True)
        return dict(found[0].payload or {}) if found else {}

    def setting(self, key: str) -> str | None:
        return self.settings().get(key)

    def put(self, changed: Mapping[str, str | None]) -> None:
        """Set settings, or forget those that are ``None``."""
        kept = {key: value for key, value in {**self.settings(), **changed}.items() if value is not None}
        point = self.models.PointStruct(id=SETTINGS, vector=[0.0], payload=kept)
        with answering():
            self.client.upsert(self._settings_name, [point], wait=True)

    # --- images ---------------------------------------------------------------------------------------------------------------------

    def take_numbers(self, count: int) -> list[int]:
        """Numbers that no image ever had. They are gone even if nothing is stored under them."""
        last = int(self.setting("last") or 0)
        self.put({"last": str(last + count)})
        return list(range(last + 1, last + count + 1))

    def insert(self, images: Sequence[StoredImage]) -> None:
        """Store images; a killed call may have stored some of them."""
        if not images:
            return
        self._make_collection(len(images[0].image.embedding))
        points = [
            self.models.PointStruct(id=stored.id, vector=stored.image.embedding.tolist(), payload=payload_of(stored.image))
            for stored in images
        ]
        for part in _requests(points):
            with answering():
                self.client.upsert(self.name, part, wait=True)

    def _make_collection(self, width: int) -> None:
        with answering():
            if self.client.collection_exists(self.name):
                return
            size = self.models.VectorParams(size=width, distance=self.models.Distance.DOT)
            self.client.create_collection(self.name, vectors_config=size, on_disk_payload=True)
            if self._local:
                return
            kinds = {"person": "keyword", "camera": "keyword", "digest": "keyword", "modality": "integer", "time": "float"}
            for field, kind in kinds.items():
                self.client.create_payload_index(self.name, field, kind)

    def is_empty(self) -> bool:
        """Whether no image was ever stored."""
        with answering():
            return not self.client.collection_exists(self.name)

    def delete(self, chosen: Any) -> None:
        """Delete the images that fit a filter of the server."""
        with answering():
            self.client.delete(self.name, self.models.FilterSelector(filter=chosen), wait=True)

    def update(self, chosen: Any, values: Mapping[str, Any]) -> None:
        """Set fields of the images that fit a filter of the server; ``None`` forgets one."""
        given = {name: value for name, value in values.items() if value is not None}
        gone = [name for name, value in values.items() if value is None]
        with answering():
            if given:
                self.client.set_payload(self.name, given, points=chosen, wait=True)
            if gone:
                self.client.delete_payload(self.name, gone, points=chosen, wait=True)

    def count(self, chosen: Any = None) -> int:
        """Number of images that fit a filter of the server."""
        if self.is_empty():
            return 0
        with answering():
            return int(self.client.count(self.name, count_filter=chosen, exact=True).count)

    def names(self, field: str, chosen: Any = None) -> dict[str, int]:
        """Number of images by person, or by camera, in the order of the names."""
        if self.is_empty():
            return {}
        with answering():
            hits = self.client.facet(self.name, field, facet_filter=chosen, limit=MOST_NAMES, exact=True).hits
        return {str(hit.value): int(hit.count) for hit in sorted(hits, key=lambda hit: str(hit.value)) if hit.count}

    def scroll(self, chosen: Any = None, after: int = 0, fields: Any = True, vectors: bool = False) -> Iterator[Sequence[Any]]:
        """Images in the order of their numbers, in parts."""
        offset: Any = after + 1
        while offset is not None and not self.is_empty():
            with answering():
                points, offset = self.client.scroll(
                    self.name, scroll_filter=chosen, limit=BATCH, offset=offset, with_payload=fields, with_vectors=vectors
                )
            if points:
                yield points

    def nearest(self, query: NDArray[np.float32], k: int, chosen: Any) -> list[Any]:
        """The ``k`` best of those that fit a filter of the server, exactly."""
        exact = None if self._local else self.models.SearchParams(exact=True)
        with answering():
            found = self.client.query_points(
                self.name, query.tolist(), query_filter=chosen, limit=k, with_payload=list(entry_fields()), search_params=exact
            )
        return list(found.points)

    @property
    def _local(self) -> bool:
        """Whether the client is its own server, in this process: it has no indexes, is always exact, and warns of both."""
        from qdrant_client.local.qdrant_local import QdrantLocal

        return isinstance(getattr(self.client, "_client", None), QdrantLocal)

    def known(self, digests: Collection[bytes]) -> dict[bytes, tuple[int, str | None]]:
        """Number and person of the images with these digests that are there."""
        texts = {base64.b64encode(digest).decode(): digest for digest in digests}
        found: dict[bytes, tuple[int, str | None]] = {}
        match = self.models.FieldCondition(key="digest", match=self.models.MatchAny(any=list(texts)))
        for points in self.scroll(self.models.Filter(must=[match]), fields=["digest", "person"]) if texts else ():
            for point in points:
                found.setdefault(texts[point.payload["digest"]], (int(point.id), point.payload.get("person")))
        return found

    def span(self) -> tuple[float, float] | None:
        """The first and the last known time of an image."""
        ends: list[float] = []
        for direction in () if self.is_empty() else (self.models.Direction.ASC, self.models.Direction.DESC):
            order = self.models.OrderBy(key="time", direction=direction)
            with answering():
                points = self.client.scroll(self.name, limit=1, order_by=order, with_payload=["time"])[0]
            ends += [float(point.payload["time"]) for point in points]
        return (ends[0], ends[1]) if ends else None

    def pictures(self, numbers: Sequence[int], kind: str = "thumbnail") -> dict[int, bytes]:
        """``thumbnail`` or ``original`` of images, of those that it is kept of."""
        if not numbers or self.is_empty():
            return {}
        with answering():
            points = self.client.retrieve(self.name, list(numbers), with_payload=[kind])
        found = {int(point.id): getattr(image_of(point.payload or {}, np.zeros(0, np.float32)), kind) for point in points}
        return {number: picture for number, picture in found.items() if picture is not None}

    def filter_of(self, where: Where, **more: Any) -> Any:
        """A filter of the server.

        Args:
            where: what is meant.
            more: fields with the value that they must have.
        """
        models, must = self.models, []
        if where.ids is not None:
            must.append(models.HasIdCondition(has_id=[int(number) for number in where.ids if 0 <= number < 2**63]))
        for field, names in (("person", where.people), ("camera", where.cameras)):
            if names is not None:
                listed = [names] if isinstance(names, str) else [str(name) for name in names]
                must.append(models.FieldCondition(key=field, match=models.MatchAny(any=listed)))
        if where.modality is not None:
            more["modality"] = int(as_modality(where.modality))
        since, until = as_time(where.since), as_time(where.until)
        if since is not None or until is not None:
            must.append(models.FieldCondition(key="time", range=models.Range(gte=since, lte=until)))
        must += [models.FieldCondition(key=field, match=models.MatchValue(value=value)) for field, value in more.items()]
        return models.Filter(must=must) if must else None

    # --- copies ---------------------------------------------------------------------------------------------------------------------

    def stored(self, after: int) -> Iterator[Sequence[StoredImage]]:
        for points in self.scroll(after=after, fields=list(IMAGE_FIELDS), vectors=True):
            yield [StoredImage(int(point.id), image_of(point.payload or {}, np.asarray(point.vector, np.float32))) for point in points]

    def put_stored(self, images: Sequence[StoredImage], settings: dict[str, str | None]) -> None:
        self.insert(images)
        last = {"last": str(max(int(self.setting("last") or 0), images[-1].id))} if images else {}
        self.put({**settings, **last})

    def stored_count(self) -> int:
        return self.count()


def _requests(points: Sequence[Any]) -> Iterator[list[Any]]:
    """Images in parts of which each fits a request."""
    part: list[Any] = []
    size = 0
    for point in points:
        own = 20 * len(point.vector) + sum(len(value) for value in point.payload.values() if isinstance(value, str))
        if part and size + own > MOST_BYTES:
            yield part
            part, size = [], 0
        part.append(point)
        size += own
    yield part
