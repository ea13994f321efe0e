"""What the server can be asked."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import Annotated, TypeVar

import anyio
from anyio.to_thread import run_sync
from fastapi import FastAPI, File, Form, Query, UploadFile

from vireid.deploy.gallery.any_gallery import AnyGallery
from vireid.deploy.gallery.entries import Where
from vireid.deploy.image_embedder import ImageEmbedder
from vireid.deploy.pictures import as_modality
from vireid.deploy.server.replies import Added, Contents, Health, People, Person, Removed, SearchReply, Sensor, search_reply
from vireid.deploy.server.search_log import SearchLog
from vireid.deploy.server.uploads import decoded, remarks_on
from vireid.version import __version__

MOST = 100
"""Candidates of a search."""
MOST_PEOPLE = 1000
"""People of one answer."""
WORKERS = 4
"""Images that are decoded and embedded at once; each may take a few hundred MB."""
T = TypeVar("T")

Image = Annotated[UploadFile, File(description="JPEG, PNG, BMP, TIFF or WebP of one person.")]
Names = Annotated[list[str] | None, Form()]
FormSensor = Annotated[Sensor, Form(description="Sensor of the image. Under the wrong one its embedding is worthless.")]
SinceForm = Annotated[str | None, Form(description="Taken at or after, such as 2026-11-30T21:05; UTC if it says no zone.")]
UntilForm = Annotated[str | None, Form(description="Taken at or before.")]


class Api:
    """The endpoints over one gallery.

    Args:
        gallery: opened, and owned by this process if it is a file.
        embedder: of its model.
        log: where searches are noted.
    """

    def __init__(self, gallery: AnyGallery, embedder: ImageEmbedder, log: SearchLog) -> None:
        self._gallery, self._embedder, self._log = gallery, embedder, log
        self._workers = anyio.CapacityLimiter(WORKERS)

    def register(self, app: FastAPI) -> None:
        """Add the endpoints to an application."""
        app.add_api_route("/search", self.search, methods=["POST"], summary="Search the person of an image")
        app.add_api_route("/images", self.add, methods=["POST"], summary="Add an image", status_code=201)
        app.add_api_route("/images", self.remove, methods=["DELETE"], summary="Remove images for good")
        app.add_api_route("/people", self.people, methods=["GET"], summary="People and the number of their images")
        app.add_api_route("/gallery", self.contents, methods=["GET"], summary="What the gallery holds")
        app.add_api_route("/health", self.health, methods=["GET"], summary="Whether the server answers")

    async def search(
        self,
        image: Image,
        modality: FormSensor,
        k: Annotated[int, Form(ge=1, le=MOST, description="Number of candidates.")] = 10,
        target: Annotated[
            float | None, Form(description="Calibrated false-positive identification rate; the lowest one if nothing is given.")
        ] = None,
        by_person: Annotated[bool, Form(description="Each person once, with the best image.")] = False,
        person: Names = None,
        camera: Names = None,
        in_modality: Annotated[Sensor | None, Form(description="Search only images of this sensor.")] = None,
        since: SinceForm = None,
        until: UntilForm = None,
    ) -> SearchReply:
        """Rank the images of the gallery, or those that fit the filters, by their likeness to the person of an image."""
        within = Where(None, person, camera, in_modality, since, until)

        def work() -> SearchReply:
            query = decoded(image)
            thresholds = self._gallery.thresholds(modality, within)
            chosen = target if target is not None else min((found.target for found in thresholds), default=None)
            filters = {"person": person, "camera": camera, "in_modality": in_modality, "since": since, "until": until}
            self._log.write(modality=modality, k=k, target=chosen, by_person=by_person, **filters)
            answer = self._gallery.search(query, modality, k, within, chosen, by_person)
            remarks = remarks_on(query, as_modality(modality), self._embedder)
            return search_reply(self._gallery, answer, thresholds, remarks)

        return await self._worked(work)

    async def add(
        self,
        image: Image,
        modality: FormSensor,
        person: Annotated[str | None, Form(description="Name; nothing if the person is not known.")] = None,
        camera: Annotated[str | None, Form(description="Name of the camera.")] = None,
        time: Annotated[str | None, Form(description="When it was taken, such as 2026-11-30T21:05; UTC if it says no zone.")] = None,
    ) -> Added:
        """Add an image. It is on the disk when the answer comes. One that is there already is left as it is."""

        def work() -> Added:
            picture = decoded(image)
            (number,) = self._gallery.add(picture, modality, person, camera, time)
            return Added(number, remarks_on(picture, as_modality(modality), self._embedder))

        return await self._worked(work)

    def remove(
        self,
        id: Annotated[list[int] | None, Query(description="Numbers of images.")] = None,
        person: Annotated[list[str] | None, Query()] = None,
        camera: Annotated[list[str] | None, Query()] = None,
        in_modality: Annotated[Sensor | None, Query(description="Sensor.")] = None,
        since: Annotated[str | None, Query(description="Taken at or after.")] = None,
        until: Annotated[str | None, Query(description="Taken at or before.")] = None,
    ) -> Removed:
        """Remove the images that fit everything that is given: embedding, thumbnail and digest. In a file they are overwritten."""
        removed = self._gallery.remove(Where(id, person, camera, in_modality, since, until))
        return Removed(removed, not self._gallery.remains())

    def people(
        self,
        limit: Annotated[int, Query(ge=1, le=MOST_PEOPLE)] = 100,
        after: Annotated[str | None, Query(description="Name after which to go on.")] = None,
    ) -> People:
        """People in the order of their names, a part at a time."""
        counts = self._gallery.images_of_people()
        names = list(counts)
        start = 0 if after is None else bisect_right(names, after)
        part = names[start : start + limit]
        return People([Person(name, counts[name]) for name in part], part[-1] if start + limit < len(names) else None)

    def contents(self) -> Contents:
        """Numbers of images and people, and names of cameras."""
        gallery = self._gallery
        return Contents(len(gallery), len(gallery.people), gallery.cameras, (gallery.model or "")[:12] or None)

    def health(self) -> Health:
        """Whether the server answers; it says nothing of the gallery."""
        return Health("ok", __version__)

    async def _worked(self, work: Callable[[], T]) -> T:
        """What a piece of work gives that takes a processor; only a few run at once."""
        return await run_sync(work, limiter=self._workers)
