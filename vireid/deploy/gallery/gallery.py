"""A gallery: people and their images in one file, and the search in it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vireid.deploy.gallery.answer import Answer, Candidate
from vireid.deploy.gallery.calibrating import Embedded, calibrate
from vireid.deploy.gallery.calibration import TARGETS, Calibration, PairCalibration, pair_name
from vireid.deploy.gallery.entries import Where, checked
from vireid.deploy.gallery.members import Members
from vireid.deploy.gallery.ranking import Scored, first_of_each_person, pairs_of, ranked
from vireid.deploy.gallery.reembedding import Reembedded, reembed
from vireid.deploy.gallery.rows import Mask, Rows
from vireid.deploy.gallery.searchable import decided
from vireid.deploy.gallery.store import new_file
from vireid.deploy.image_embedder import ImageEmbedder, unit
from vireid.deploy.pictures import as_modality
from vireid.errors import GalleryError, OutputError, SettingsError
from vireid.structures import Modality

MOST_PROBES = 20_000
"""Images of the gallery that a calibration searches at most."""


@dataclass(frozen=True)
class Probes:
    """Images of one modality that are searched to calibrate, and are not added.

    Attributes:
        images: see :meth:`vireid.deploy.ImageEmbedder.embed`.
        modality: of all of them.
        people: name of the person on each. One who is in the gallery is taken out when he is searched.
    """

    images: Any
    modality: Modality | str
    people: Sequence[str]


class Gallery(Members):
    """People and their images in one file; searched by images of either modality.

    The file is an SQLite database. What was added or removed is on the disk when the method returns, and a removed image leaves no byte
    in it. One process may change a gallery at a time, others wait; any number may search.

    Args:
        path: the file.
        embedder: turns images into embeddings, see :class:`~vireid.deploy.Embedder`. ``None``: only what needs no image can be done.
        create: whether to make the file if it does not exist.
        keep_images: whether the images themselves are stored, so that a new model can embed them without their files.
        quantised: search with a quarter of the memory; what is found is scored again exactly. Needs the extra ``faiss``.
        wait: seconds to wait for another process that is changing the gallery.

    Raises:
        MissingFileError: there is no such file, and ``create`` is false.
        GalleryError: the file is damaged, no gallery, or of a newer version, or its embeddings are of another model.
        SettingsError: ``wait`` is negative.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder, Gallery(Path(folder) / "people.gallery") as gallery:
        ...     rows = np.eye(3, dtype=np.float32)
        ...     numbers = gallery.add_embeddings(rows, "visible", ["ann", "bob", None], model="example")
        ...     found = gallery.search_embedding(rows[1], "infrared", k=1)
        ...     gallery.remove(Where(people=["bob"]))
        ...     found.candidates[0].entry.person, len(gallery)
        1
        ('bob', 2)
    """

    @classmethod
    def open(cls, path: str | os.PathLike[str], embedder: ImageEmbedder | None = None, **settings: Any) -> Gallery:
        """Open a gallery that exists; ``settings`` are those of the class."""
        return cls(path, embedder, **{"create": False, **settings})

    def search_embedding(
        self,
        embedding: NDArray[np.float32],
        modality: Modality | str,
        k: int = 10,
        within: Where | None = None,
        target: float | None = None,
        by_person: bool = False,
    ) -> Answer:
        """Search by an embedding ``(D,)``; otherwise as :meth:`search`."""
        kind, where = as_modality(modality), checked(within)
        if k < 1:
            raise SettingsError(f"`k` must be at least 1, got {k}.")
        with self._mutex:
            rows = self._rows()
            if np.shape(embedding) != (self.width,) and len(rows):
                raise GalleryError(f"The gallery holds embeddings of {self.width} numbers, got shape {np.shape(embedding)}.")
            mask = rows.mask(where)
            present = _present(rows, mask)
            if not present:
                return Answer((), remarks=("No image of the gallery was searched: it is empty, or none fits the filter.",))
            calibration = self.calibration
            pairs = pairs_of(calibration, kind, present)
            masks = [mask & (rows.modalities == int(found)) for found in present]
            query = unit(np.asarray(embedding, np.float32)[None])[0]
            found = self._best(query, k, masks, pairs, by_person)
            candidates = [
                Candidate(rows.entry(row, self._store.path_of(int(rows.ids[row]))), score, calibrated) for row, score, calibrated in found
            ]
            remarks = [f"The gallery holds {len(found)} that may be found, fewer than {k}."] if len(found) < k else []
            answer = Answer(tuple(candidates), remarks=tuple(remarks), mixed=len(present) > 1)
            if target is None:
                return answer
            pair = calibration.pairs.get(pair_name(kind, present))
            if pair is None:
                raise SettingsError("There is no threshold: this pair of modalities is not calibrated. Run `vireid gallery calibrate`.")
            return decided(answer, pair, target, rows.number_of_people(present[0] if len(present) == 1 else None))

    def _best(
        self, query: NDArray[np.float32], k: int, masks: Sequence[Mask], pairs: Sequence[PairCalibration | None], by_person: bool
    ) -> list[Scored]:
        rows, index = self._derived.current()

        def stored(found: NDArray[np.int64]) -> NDArray[np.float32]:
            return self._store.embeddings_of(rows.ids[found].tolist(), self.width)

        wanted, there = k, int(np.count_nonzero(np.any(masks, axis=0)))
        while True:
            found = ranked(index, stored, query, wanted, masks, pairs)
            if not by_person:
                return found
            people = first_of_each_person(found, rows.people)
            if len(people) >= k or wanted >= there:
                return people[:k]
            wanted *= 4

    def calibrate(self, targets: Sequence[float] = TARGETS, probes: Sequence[Probes] = (), seed: int = 0) -> Calibration:
        """Choose thresholds from searches of known people with each person taken out of the gallery, and store them.

        Images of the gallery are searched themselves, at most 20,000 of them. An image never finds itself.

        Args:
            targets: wanted false-positive identification rates. One that needs more searches or people than there are is refused in the
                result.
            probes: more images to search, for instance of a modality that the gallery does not hold.
            seed: of the choice among more images.

        Returns:
            What was calibrated.

        Raises:
            SettingsError: there are too few images of known people, or a target is no rate.
            GalleryError: the gallery has got another model meanwhile.
            OutputError: another process is changing the gallery.
        """
        if not targets or not all(0 < target < 1 for target in targets):
            raise SettingsError(f"`targets` must be rates between 0 and 1, such as 0.01, got {list(targets)}.")
        asked = [self._embedded_probes(part) for part in probes]
        with self._mutex:
            gallery, model = self._known_people(), self.model
        chosen = np.arange(len(gallery.people))
        if len(chosen) > MOST_PROBES:
            chosen = np.sort(np.random.default_rng(seed).choice(chosen, MOST_PROBES, replace=False))
        calibration = calibrate(gallery, Embedded.joined([gallery.of(chosen), *asked]), targets)
        with self._writing():
            if self.model != model:
                raise GalleryError(
                    f"{os.fspath(self.path)!r} has got another model meanwhile, so its thresholds are not stored. Calibrate again."
                )
            with self._store.change():
                self._store.put("calibration", json.dumps(calibration.to_dict()))
        return calibration

    def _known_people(self) -> Embedded:
        rows = self._rows()
        at = np.flatnonzero(rows.alive)
        known = rows.people[at] >= 0
        names = np.array([rows.entry(int(row)).person or "" for row in at[known]], dtype=np.str_)
        return Embedded(self._derived.matrix()[known], names, rows.modalities[at[known]], at[known])

    def _embedded_probes(self, probes: Probes) -> Embedded:
        rows = self._embedder().embed(probes.images, probes.modality)
        if len(probes.people) != len(rows):
            raise SettingsError(f"`people` must name the person on each of the {len(rows)} probes, got {len(probes.people)} names.")
        names = np.array([str(name) for name in probes.people], dtype=np.str_)
        return Embedded(rows, names, np.full(len(rows), int(as_modality(probes.modality)), np.int8), np.full(len(rows), -1, np.int64))

    def reembed(self, embedder: ImageEmbedder) -> Reembedded:
        """Compute every embedding again by another model, from kept originals or from the files that images came from.

        The gallery may be used until all are computed, and changes at once. A killed call goes on where it was. What cannot be computed is
        listed, and is not found any more until a later call can. Thresholds are dropped.

        Raises:
            GalleryError: no image can be embedded again; the gallery is as it was.
            OutputError: another process is changing the gallery.
        """
        with self._writing():
            self._derived.forget_file()
        done = reembed(self._store, self._writing, embedder)
        self.embedder = embedder
        return done

    def backup(self, path: str | os.PathLike[str]) -> None:
        """Copy the gallery to a new file, while others may use it.

        Raises:
            OutputError: the file exists, or cannot be written.
        """
        target = Path(path)
        new_file(target)
        temporary = target.with_name(f".{target.name}.part")
        temporary.unlink(missing_ok=True)
        with self._mutex:
            try:
                self._store.backup(temporary)
                temporary.rename(target)
            except OSError as error:
                temporary.unlink(missing_ok=True)
                raise error if isinstance(error, OutputError) else OutputError(f"Cannot write {os.fspath(target)!r}: {error}.") from error

    def vacuum(self) -> None:
        """Give the space of removed images back to the file system.

        Raises:
            OutputError: another process is using the gallery.
        """
        with self._writing():
            self._store.vacuum()

    def damage(self) -> str:
        """What is wrong with the file; empty if nothing is."""
        return self._store.damage()

    @property
    def waiting(self) -> int:
        """Number of images that the gallery's model has not embedded, so that no search finds them."""
        return self._store.count() - len(self)


def _present(rows: Rows, mask: Mask) -> list[Modality]:
    """Modalities of the images in a mask."""
    return [found for found in Modality if bool((mask & (rows.modalities == int(found))).any())]
