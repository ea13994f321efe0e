"""Whatever is done to a gallery in whatever order, it holds what a plain dictionary holds."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from numpy.typing import NDArray

from tests.deploy.gallery.stand_in import contents, unit_rows
from vireid import Gallery
from vireid.deploy import Where
from vireid.structures import Modality

PEOPLE = st.sampled_from(["ann", "bob", "[i]cyd", None])
CAMERAS = st.sampled_from(["1", "2", None])
TIMES = st.sampled_from([None, 0.0, 5.0, 7.5])
SEEDS = st.integers(0, 2**20)


@dataclass
class Row:
    person: str | None
    camera: str | None
    time: float | None
    modality: Modality
    embedding: NDArray[np.float32]


class Filtered(RuleBasedStateMachine):
    """A gallery beside its model; a second process has the gallery open, too."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "people.gallery"
        self.rows: dict[int, Row] = {}
        self.last = 0

    @initialize(quantised=st.booleans())
    def start(self, quantised: bool) -> None:
        self.open(quantised and has_faiss())

    def open(self, quantised: bool) -> None:
        """Open the gallery twice; another store has methods of its own here and below."""
        self.gallery, self.reader = Gallery(self.path, quantised=quantised), Gallery(self.path)

    def open_anew(self, quantised: bool) -> None:
        """Close the gallery and open it."""
        self.gallery.close()
        self.gallery = Gallery(self.path, quantised=quantised)

    def give_back(self) -> None:
        """Give the space of removed images back."""
        self.gallery.vacuum()

    def teardown(self) -> None:
        if hasattr(self, "gallery"):
            self.gallery.close()
            self.reader.close()
        shutil.rmtree(self.folder)

    @rule(people=st.lists(PEOPLE, min_size=1, max_size=6), camera=CAMERAS, time=TIMES, modality=st.sampled_from(list(Modality)), seed=SEEDS)
    def add(self, people: list[str | None], camera: str | None, time: float | None, modality: Modality, seed: int) -> None:
        rows = unit_rows(len(people), 8, seed)
        ids = self.gallery.add_embeddings(rows, modality, people, camera, time, model="m")
        assert ids == list(range(self.last + 1, self.last + len(people) + 1))
        self.last = ids[-1]
        self.rows |= {n: Row(person, camera, time, modality, row) for n, person, row in zip(ids, people, rows, strict=True)}

    def meant(self, where: Where) -> list[int]:
        def fits(number: int, row: Row) -> bool:
            time = np.nan if row.time is None else row.time
            return (
                (where.ids is None or number in where.ids)
                and (where.people is None or row.person in where.people)
                and (where.cameras is None or row.camera in where.cameras)
                and (where.modality is None or row.modality is where.modality)
                and (where.since is None or time >= where.since)  # type: ignore[operator]
                and (where.until is None or time <= where.until)  # type: ignore[operator]
            )

        return [number for number, row in self.rows.items() if fits(number, row)]

    def draw(self, data: st.DataObject) -> Where:
        """A filter by what is there."""
        known = {name: sorted({getattr(row, name) for row in self.rows.values()} - {None}) for name in ("person", "camera")}
        given: dict[str, Any] = {}
        for name, values in (("people", known["person"]), ("cameras", known["camera"]), ("ids", sorted(self.rows))):
            if values and data.draw(st.booleans()):
                given[name] = data.draw(st.lists(st.sampled_from(values), min_size=1, max_size=3))
        given["modality"] = data.draw(st.sampled_from([None, *Modality]))
        given["since"], given["until"] = data.draw(st.sampled_from([None, 0.0, 5.0])), data.draw(st.sampled_from([None, 5.0, 9.0]))
        return Where(**given)

    @precondition(lambda self: self.rows)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        where = self.draw(data)
        if where.all:
            return
        gone = self.meant(where)
        assert self.gallery.remove(where) == len(gone)
        for number in gone:
            del self.rows[number]

    @precondition(lambda self: self.rows)
    @rule(data=st.data(), person=PEOPLE, camera=CAMERAS, time=TIMES)
    def update(self, data: st.DataObject, person: str | None, camera: str | None, time: float | None) -> None:
        where = self.draw(data)
        if where.all:
            return
        changed = self.meant(where)
        assert self.gallery.update(where, person=person, camera=camera, time=time) == len(changed)
        for number in changed:
            self.rows[number] = Row(person, camera, time, self.rows[number].modality, self.rows[number].embedding)

    @rule(quantised=st.booleans())
    def open_again(self, quantised: bool) -> None:
        self.open_anew(quantised and has_faiss())

    @rule()
    def vacuum(self) -> None:
        self.give_back()

    @rule(data=st.data(), seed=SEEDS, k=st.integers(1, 12), by_person=st.booleans(), modality=st.sampled_from(list(Modality)))
    def search(self, data: st.DataObject, seed: int, k: int, by_person: bool, modality: Modality) -> None:
        query = unit_rows(1, 8, seed)[0]
        drawn = self.draw(data)
        where = Where(**{**vars(drawn), "modality": modality})
        there = self.meant(where)
        ranked = sorted(there, key=lambda number: (-float(self.rows[number].embedding @ query), number))
        if by_person:
            seen: set[str] = set()
            kept = []
            for number in ranked:
                person = self.rows[number].person
                if person is None or person not in seen:
                    kept.append(number)
                seen |= {person} if person else set()
            ranked = kept
        for gallery in (self.gallery, self.reader):
            found = gallery.search_embedding(query, "infrared", k, where, by_person=by_person).candidates
            assert [candidate.entry.id for candidate in found] == ranked[:k]
            scores = [float(self.rows[number].embedding @ query) for number in ranked[:k]]
            np.testing.assert_allclose([candidate.score for candidate in found], scores, atol=1e-6)

    @invariant()
    def equal(self) -> None:
        if hasattr(self, "gallery"):
            expected = {n: (row.person, row.modality, row.camera, row.time) for n, row in self.rows.items()}
            assert contents(self.gallery) == contents(self.reader) == expected


def has_faiss() -> bool:
    try:
        import faiss  # type: ignore[import-not-found,import-untyped,unused-ignore] # noqa: F401
    except ModuleNotFoundError:
        return False
    return True


TestGallery = Filtered.TestCase
TestGallery.settings = settings(
    max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
