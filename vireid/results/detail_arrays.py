"""The details of an evaluation as arrays of ``queries.npz``, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vireid.results.details import BINS, Attention, CameraMatrix, Details, Ranks, ScoreCounts

Arrays = Mapping[str, NDArray[Any]]
RANKS = {"query": "i", "entries": "i", "distances": "f", "ignored": "b"}  # names of arrays and fields, and kinds of numbers
CAMERAS = {"query_cameras": "i", "gallery_cameras": "i", "mean_ap": "f", "queries": "i"}
ATTENTION = {"query": "i", "entry": "i", "similarity": "f", "maps": "f"}


def as_arrays(details: Details, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Arrays by name; rows are numbered by their place in ``names``."""
    arrays: dict[str, NDArray[Any]] = {}
    for row, name in enumerate(names):
        for trial, ranks in enumerate(details.ranks.get(name, ())):
            arrays |= {f"{key}.{row}.{trial}": getattr(ranks, key) for key in RANKS}
        if (cameras := details.cameras.get(name)) is not None:
            arrays |= {f"cameras.{key}.{row}": getattr(cameras, key) for key in CAMERAS}
    if (scores := details.scores) is not None:
        arrays |= {"scores": scores.counts, "scores.images": np.array([scores.images, scores.of])}
    if (attention := details.attention) is not None:
        arrays |= {f"attention.{key}": getattr(attention, key) for key in ATTENTION}
    return arrays


def from_arrays(arrays: Arrays, names: Sequence[str]) -> Details:
    """Details of the rows ``names``.

    Raises:
        ValueError: arrays have other shapes or kinds of numbers than :func:`as_arrays` gives.
    """
    ranks, cameras = {}, {}
    for row, name in enumerate(names):
        trials: list[Ranks] = []
        while f"entries.{row}.{len(trials)}" in arrays:
            trials.append(_ranks(_named(arrays, RANKS, "{}" + f".{row}.{len(trials)}")))
        if trials:
            ranks[name] = tuple(trials)
        if f"cameras.mean_ap.{row}" in arrays:
            cameras[name] = _cameras(_named(arrays, CAMERAS, "cameras.{}" + f".{row}"))
    scores = _scores(_named(arrays, {"scores": "i", "scores.images": "i"}, "{}")) if "scores" in arrays else None
    attention = _attention(_named(arrays, ATTENTION, "attention.{}")) if "attention.maps" in arrays else None
    return Details(ranks, cameras, scores, attention)


def _named(arrays: Arrays, kinds: Mapping[str, str], form: str) -> dict[str, NDArray[Any]]:
    found = {}
    for key, kind in kinds.items():
        name = form.format(key)
        if name not in arrays or arrays[name].dtype.kind not in {"i": "iu", "f": "f", "b": "b"}[kind]:
            raise ValueError(f"{name} is absent, or no array of its kind")
        found[key] = arrays[name]
    return found


def _ranks(found: dict[str, NDArray[Any]]) -> Ranks:
    shape = found["entries"].shape
    _check(len(shape) == 2 and found["query"].shape == shape[:1] and all(found[key].shape == shape for key in ("distances", "ignored")))
    _check(bool((found["query"] >= 0).all() and (found["entries"] >= -1).all()))
    return Ranks(**found)


def _cameras(found: dict[str, NDArray[Any]]) -> CameraMatrix:
    shape = found["mean_ap"].shape
    _check(len(shape) == 2 and (len(found["query_cameras"]), len(found["gallery_cameras"])) == shape == found["queries"].shape)
    _check(not (np.abs(found["mean_ap"]) > 1).any())
    return CameraMatrix(**found)


def _scores(found: dict[str, NDArray[Any]]) -> ScoreCounts:
    _check(found["scores"].shape == (3, 2, BINS) and found["scores.images"].shape == (2,) and bool((found["scores"] >= 0).all()))
    return ScoreCounts(found["scores"], *found["scores.images"].tolist())


def _attention(found: dict[str, NDArray[Any]]) -> Attention:
    maps = found["maps"]
    _check(maps.ndim == 4 and maps.shape[1] == 2 and maps.size > 0 and bool(((maps >= 0) & (maps <= 1)).all()))
    _check(all(found[key].shape == maps.shape[:1] for key in ("query", "entry", "similarity")))
    return Attention(**found)


def _check(whole: bool) -> None:
    if not whole:
        raise ValueError("arrays do not fit together")
