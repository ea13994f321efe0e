"""What a search filters by, in memory: one row for each image that can be found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vireid.deploy.gallery.entries import Entry, Where, as_time, check_known
from vireid.errors import SettingsError
from vireid.structures import Modality

Mask = NDArray[np.bool_]
NOBODY = -1


class Rows:
    """Columns of the images in the order of their numbers. Rows of deleted images stay, and no mask holds them.

    Args:
        parts: the images, in parts, of which one is in memory at a time.

    Attributes:
        ids: ``(N,)`` int64, ascending.
        alive: ``(N,)`` whether the image is still there.
        modalities: ``(N,)`` int8.
        people: ``(N,)`` int64 codes of names, -1 for nobody.
    """

    def __init__(self, parts: Iterable[Sequence[Entry]] = ()) -> None:
        self.ids: NDArray[np.int64] = np.zeros(0, np.int64)
        self.alive: Mask = np.zeros(0, bool)
        self.modalities: NDArray[np.int8] = np.zeros(0, np.int8)
        self.people: NDArray[np.int64] = np.zeros(0, np.int64)
        self._cameras: NDArray[np.int64] = np.zeros(0, np.int64)
        self._times: NDArray[np.float64] = np.zeros(0, np.float64)
        self._codes: dict[str, dict[str, int]] = {"person": {}, "camera": {}}
        self._names: dict[str, list[str]] = {"person": [], "camera": []}
        self._append([self._columns(part) for part in parts])

    def __len__(self) -> int:
        return int(np.count_nonzero(self.alive))

    def add(self, entries: Sequence[Entry]) -> None:
        """Append images, whose numbers are larger than all before."""
        self._append([self._columns(entries)])

    def _columns(self, entries: Sequence[Entry]) -> tuple[NDArray[Any], ...]:
        times = [np.nan if entry.time is None else entry.time for entry in entries]
        return (
            np.array([entry.id for entry in entries], np.int64),
            np.array([entry.modality for entry in entries], np.int8),
            self._coded("person", [entry.person for entry in entries]),
            self._coded("camera", [entry.camera for entry in entries]),
            np.array(times, np.float64),
        )

    def _append(self, parts: Iterable[tuple[NDArray[Any], ...]]) -> None:
        held = (self.ids, self.modalities, self.people, self._cameras, self._times)
        joined = (np.concatenate(column) for column in zip(held, *parts, strict=True))
        self.ids, self.modalities, self.people, self._cameras, self._times = joined
        self.alive = np.append(self.alive, np.ones(len(self.ids) - len(self.alive), bool))

    def entry(self, row: int, path: str | None = None) -> Entry:
        """What is known of the image of a row."""
        time = float(self._times[row])
        person, camera = self._name("person", self.people[row]), self._name("camera", self._cameras[row])
        return Entry(int(self.ids[row]), person, Modality(int(self.modalities[row])), camera, None if np.isnan(time) else time, path)

    def at(self, ids: Iterable[int]) -> NDArray[np.int64]:
        """Rows of images.

        Raises:
            SettingsError: a number is not in the gallery.
        """
        wanted = np.unique(np.array([min(max(number, 0), 2**63 - 1) for number in ids], np.int64))  # no image has those two numbers
        rows = np.minimum(np.searchsorted(self.ids, wanted), max(0, len(self.ids) - 1))
        there = (self.ids[rows] == wanted) & self.alive[rows] if len(self.ids) else np.zeros(len(wanted), bool)
        if not there.all():
            missing = ", ".join(map(str, wanted[~there][:5].tolist()))
            raise SettingsError(f"The gallery holds no image {missing}. `vireid gallery info --images true` lists its images.")
        return rows

    def remove(self, rows: NDArray[np.int64]) -> None:
        """Images that are no longer there."""
        self.alive[rows] = False

    def update(self, rows: NDArray[np.int64], values: dict[str, Any]) -> None:
        """Set ``person``, ``camera`` or ``time``."""
        if "person" in values:
            self.people[rows] = self._coded("person", [values["person"]])[0]
        if "camera" in values:
            self._cameras[rows] = self._coded("camera", [values["camera"]])[0]
        if "time" in values:
            self._times[rows] = np.nan if values["time"] is None else values["time"]

    def mask(self, where: Where) -> Mask:
        """Rows that are meant.

        Raises:
            SettingsError: a name or a number is not in the gallery, or a time is none.
        """
        mask: Mask = self.alive.copy()
        if where.ids is not None:
            chosen = np.zeros_like(mask)
            chosen[self.at(where.ids)] = True
            mask &= chosen
        if where.people is not None:
            mask &= self._has("person", self.people, where.people)
        if where.cameras is not None:
            mask &= self._has("camera", self._cameras, where.cameras)
        if where.modality is not None:
            mask &= self.modalities == int(where.modality)
        since, until = as_time(where.since), as_time(where.until)
        if since is not None:
            mask &= self._times >= since
        if until is not None:
            mask &= self._times <= until
        return mask

    def names(self, what: str = "person") -> list[str]:
        """Names of all people, or of all cameras, that have an image; sorted."""
        codes = (self.people if what == "person" else self._cameras)[self.alive]
        return sorted(self._names[what][code] for code in np.unique(codes[codes >= 0]))

    def images_of_people(self) -> dict[str, int]:
        """Number of images of each known person, in the order of their names."""
        codes, counts = np.unique(self.people[self.alive & (self.people >= 0)], return_counts=True)
        return dict(sorted((self._names["person"][code], int(count)) for code, count in zip(codes, counts, strict=True)))

    def span(self) -> tuple[float, float] | None:
        """The first and the last known time of an image."""
        times = self._times[self.alive & ~np.isnan(self._times)]
        return (float(times.min()), float(times.max())) if len(times) else None

    def number_of_people(self, modality: Modality | None = None) -> int:
        """Number of known people with an image, or with one of a modality."""
        rows = self.alive & (self.people >= 0)
        if modality is not None:
            rows &= self.modalities == int(modality)
        return len(np.unique(self.people[rows]))

    def _has(self, what: str, codes: NDArray[np.int64], wanted: Iterable[str]) -> Mask:
        names = [str(name) for name in ([wanted] if isinstance(wanted, str) else wanted)]
        check_known(what, names, self.names(what))
        return np.asarray(np.isin(codes, [self._codes[what][name] for name in names]), bool)

    def _coded(self, what: str, names: Sequence[str | None]) -> NDArray[np.int64]:
        codes, known = self._codes[what], self._names[what]
        found = []
        for name in names:
            if name is not None and name not in codes:
                codes[name] = len(known)
                known.append(name)
            found.append(NOBODY if name is None else codes[name])
        return np.array(found, np.int64)

    def _name(self, what: str, code: np.int64) -> str | None:
        return None if code < 0 else self._names[what][int(code)]
