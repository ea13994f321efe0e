"""Scores of a list of images that was embedded in parts. The parts are read one after the other, and never joined."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vireid.archives import map_array, read_arrays
from vireid.errors import ResultsError
from vireid.metrics.functional.evaluation import NothingToScoreError, means
from vireid.metrics.functional.exact_scores import NotFiniteError, Rows, unit_rows
from vireid.metrics.functional.scoring import QueryScores
from vireid.metrics.functional.sharded import GalleryPart, ShardedSearch
from vireid.results.result import TOPK, Result, TrialQueries
from vireid.results.scoring import result_of
from vireid.results.shard_files import check_digest, part_files
from vireid.results.shard_lists import ImageList, read_list
from vireid.settings.bounds import check_bounds
from vireid.structures import Setting, Trial

MEMORY = 2**28
"""Bytes of the searches that share one pass over the parts."""

OURS = {"format", "version", "results", "path", "details"}
"""Names in ``metrics.json``, or of what writes it, that no part may give."""

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class ShardedEmbeddings:
    """Embeddings of a list in parts.

    Attributes:
        paths: files of the parts, in order.
        images: labels and protocols.
        about: what the parts say of their model, for ``metrics.json``.
        variants: names of the embeddings by the variant that results name.
    """

    paths: tuple[Path, ...]
    images: ImageList
    about: dict[str, Any]
    variants: dict[str, str]

    @classmethod
    def open(cls, folder: Path) -> ShardedEmbeddings:
        """Find and check all parts in a folder.

        Raises:
            MissingFileError: there is no list, or parts of it are missing.
            ResultsError: a part is damaged, or parts are of different models, lists or divisions.
        """
        images = read_list(folder)
        paths = part_files(folder)
        parts = [_Part.read(path) for path in paths]
        first, seen = parts[0], np.zeros(len(images.labels.pids), bool)
        for path, part in zip(paths, parts, strict=True):
            if part.list != images.digest or (part.model, part.variants) != (first.model, first.variants):
                other = "lists" if part.list != images.digest else "models"
                raise ResultsError(f"The parts of {os.fspath(folder)!r} are of different {other}: {path.parent.name!r} differs.")
            if (part.positions >= len(seen)).any() or seen[part.positions].any() or len(np.unique(part.positions)) < len(part.positions):
                raise ResultsError(
                    f"{os.fspath(path)!r} holds an image that is not in the list, one twice, or one that another part holds too."
                )
            seen[part.positions] = True
        if not seen.all():
            raise ResultsError(
                f"{int((~seen).sum())} of {len(seen)} images of {os.fspath(folder)!r} have no embedding: predict its parts again."
            )
        return cls(paths, images, first.about, {name.partition("_")[2]: name for name in first.variants})

    def score(self, after_each: Callable[[], None] = lambda: None) -> list[Result]:
        """One result per variant and setting, equal for any number of parts.

        Args:
            after_each: called after each part that was read.

        Raises:
            ResultsError: a part is damaged or not finite, or no query of a trial has a match.
        """
        remark = str(self.about.get("remark", ""))
        try:
            found = {variant: self._scores(name, after_each) for variant, name in self.variants.items()}
            return [  # the variants of a protocol below one another
                self._result(number, setting, variant, scores[number], remark)
                for number, setting in enumerate(self.images.settings)
                for variant, scores in found.items()
            ]
        except (NotFiniteError, NothingToScoreError) as error:
            raise ResultsError(str(error)) from error

    def _result(self, number: int, setting: Setting, variant: str, found: Sequence[QueryScores], remark: str) -> Result:
        people = self.images.people
        queries = tuple(
            TrialQueries(
                self.images.labels.pids[trial.query], scores.ap, scores.inp, scores.hit, None if people is None else people[trial.query]
            )
            for trial, scores in zip(setting.trials, found, strict=True)
        )
        scores = [means(of_trial, np.array(TOPK)) for of_trial in found]
        return result_of(setting.protocol, scores, queries, self.images.digests[number], remark, variant)

    def _scores(self, name: str, after_each: Callable[[], None]) -> list[list[QueryScores]]:
        """Scores of every trial of every setting."""
        pieces = [
            (number, which, rows)
            for number, setting in enumerate(self.images.settings)
            for which, trial in enumerate(setting.trials)
            for rows in _pieces(trial, self.images)
        ]
        parts: dict[tuple[int, int], list[QueryScores]] = {}
        queries = _QueryRows(self._each(name, after_each), self.images.settings)
        while pieces:
            searches: list[_Search] = []
            held = 0
            while pieces and (not searches or held < MEMORY):
                number, which, rows = pieces.pop(0)
                setting = self.images.settings[number]
                searches.append(_Search.of(self.images, setting, which, rows, queries))
                held += searches[-1].search.size(len(rows), searches[-1].search.gallery)
                parts.setdefault((number, which), [])
            for step in (ShardedSearch.find_matches, ShardedSearch.count):
                for positions, embeddings in self._each(name, after_each):
                    row = np.full(len(self.images.labels.pids), -1)
                    row[positions] = np.arange(len(positions))
                    unit = unit_rows(embeddings) if step is ShardedSearch.count else embeddings
                    for search in searches:
                        step(search.search, search.queries, search.part(unit, row))
            for search in searches:
                parts[search.trial].append(search.search.scores())
        return [
            [QueryScores.concatenate(parts[number, which]) for which in range(len(setting.trials))]
            for number, setting in enumerate(self.images.settings)
        ]

    def _each(self, name: str, after_each: Callable[[], None]) -> Iterator[tuple[Integers, NDArray[Any]]]:
        """Positions and embeddings of each part that holds images. Embeddings are read when they are used."""
        for path in self.paths:
            positions = _read(path, ("positions",))["positions"]
            try:
                rows = map_array(path, name)
            except Exception as error:  # whatever NumPy and zipfile stumble over in damaged bytes
                raise ResultsError(_damaged(path, str(error))) from error
            if rows.ndim != 2 or len(rows) != len(positions) or rows.dtype.kind != "f" or (len(rows) and not rows.shape[1]):
                raise ResultsError(_damaged(path, "its embeddings are no table with a row for each image"))
            if len(rows):
                yield positions, rows
            after_each()


@dataclass(frozen=True)
class _Part:
    """What a file of embeddings says beside them.

    Attributes:
        list: digest of the list.
        model: digest of what embeds.
        about: for ``metrics.json``.
        positions: of its images in the list.
        variants: names of the embeddings.
    """

    list: str
    model: str
    about: dict[str, Any]
    positions: Integers
    variants: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> _Part:
        """Read it from a file that has its digest.

        Raises:
            ResultsError: the file is damaged.
        """
        check_digest(path)
        arrays = _read(path, ("list", "model", "about", "positions", "variants"))
        try:
            about, positions, variants = json.loads(str(arrays["about"])), arrays["positions"], arrays["variants"]
            check_bounds(about)
            if not isinstance(about, dict) or OURS & about.keys():
                raise ValueError("what it says of its model is no table of plain values")
            if positions.ndim != 1 or positions.dtype != np.int64 or (positions < 0).any():
                raise ValueError("its positions are no whole numbers")
            if variants.ndim != 1 or variants.dtype.kind != "U" or not 0 < len(set(variants.tolist())) == len(variants):
                raise ValueError("its embeddings have no names")
        except (ValueError, RecursionError) as error:
            raise ResultsError(_damaged(path, str(error))) from error
        return cls(str(arrays["list"]), str(arrays["model"]), about, positions, tuple(variants.tolist()))


def _read(path: Path, names: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    try:
        arrays = read_arrays(path, names, largest=path.stat().st_size)
        return {name: arrays[name] for name in names}
    except Exception as error:  # whatever NumPy and zipfile stumble over in damaged bytes
        raise ResultsError(_damaged(path, str(error))) from error


def _damaged(path: Path, why: str) -> str:
    return f"{os.fspath(path)!r} is damaged: {why}. Remove its folder, and predict it again."


def _pieces(trial: Trial, images: ImageList) -> Iterator[Integers]:
    """Rows of the queries of a trial, so many at a time as may be searched at once."""
    step = max(1, MEMORY // max(1, ShardedSearch.size(1, images.labels[trial.gallery])))
    for start in range(0, len(trial.query), step):
        yield np.arange(start, min(start + step, len(trial.query)))


class _QueryRows:
    """Unit rows of all queries.

    Args:
        parts: positions and embeddings of each part.
        settings: whose queries.
    """

    def __init__(self, parts: Iterator[tuple[Integers, NDArray[Any]]], settings: Sequence[Setting]) -> None:
        self.positions = np.unique(np.concatenate([trial.query for setting in settings for trial in setting.trials]))
        self.rows = np.empty((0, 0), np.float32)
        for positions, embeddings in parts:
            if not len(self.rows):
                self.rows = np.empty((len(self.positions), embeddings.shape[1]), np.float32)
            if embeddings.shape[1] != self.rows.shape[1]:
                raise ResultsError(f"Parts have embeddings of {self.rows.shape[1]} and of {embeddings.shape[1]} numbers.")
            inside = np.isin(positions, self.positions)
            self.rows[np.searchsorted(self.positions, positions[inside])] = unit_rows(embeddings[inside])

    def of(self, positions: Integers) -> Rows:
        """Rows of some of them."""
        return self.rows[np.searchsorted(self.positions, positions)]


@dataclass(frozen=True)
class _Search:
    """A search of some queries of a trial.

    Attributes:
        trial: number of the setting, and of the trial in it.
        search: counts.
        queries: unit rows.
        gallery: positions of the gallery.
    """

    trial: tuple[int, int]
    search: ShardedSearch
    queries: Rows
    gallery: Integers

    @classmethod
    def of(cls, images: ImageList, setting: Setting, which: int, rows: Integers, queries: _QueryRows) -> _Search:
        trial = setting.trials[which]
        chosen = trial.query[rows]
        search = ShardedSearch(images.labels[chosen], images.labels[trial.gallery], setting.rule)
        return cls((images.settings.index(setting), which), search, queries.of(chosen), trial.gallery)

    def part(self, rows: NDArray[Any], row: Integers) -> GalleryPart:
        """What the gallery has of one part; ``row`` is the row of each image in it, or -1."""
        entries = row[self.gallery]
        columns = np.flatnonzero(entries >= 0)
        return GalleryPart(rows, entries[columns], columns)
