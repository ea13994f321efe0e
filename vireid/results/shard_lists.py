"""``list.npz``: labels and protocols of a list of images that is embedded in parts. All parts share it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vireid.archives import read_arrays
from vireid.errors import MissingFileError, ResultsError, SettingsError
from vireid.files import atomic_file
from vireid.locks import FolderLock
from vireid.metrics.functional.sharded import Labels
from vireid.results.scoring import image_names, images_digest
from vireid.structures import Evaluation, Record, Rule, Setting, Trial

LIST_FILE = "list.npz"
VERSION = 1
PATIENCE = 600.0  # seconds that other jobs may take to write the list


@dataclass(frozen=True)
class ImageList:
    """What scoring needs to know of the images.

    Attributes:
        labels: of all images.
        people: names of their people on disk; ``None`` where they are the numbers.
        settings: rows of the table of results.
        digests: digest of the images of each setting.
        digest: digest of everything, images included.
    """

    labels: Labels
    people: NDArray[np.str_] | None
    settings: tuple[Setting, ...]
    digests: tuple[str, ...]
    digest: str


def write_list(folder: Path, evaluation: Evaluation, batch_size: int) -> str:
    """Write the list, or check that the one in the folder is the same; its digest.

    Args:
        folder: of all parts.
        evaluation: images and protocols.
        batch_size: images in a batch, by which the list is dealt out.

    Raises:
        SettingsError: the folder is of another list.
        OutputError: it cannot be written.
    """
    arrays = _arrays(evaluation, batch_size)
    digest, path = _digest(arrays), folder / LIST_FILE
    with FolderLock(folder, patience=PATIENCE):
        if not path.is_file():
            with atomic_file(path) as file:
                np.savez(file, **arrays)
        elif read_list(folder).digest != digest:
            raise SettingsError(
                f"{os.fspath(folder)!r} holds parts of another list: images, protocols or `eval_batch_size` differ. Name another --run_dir."
            )
    return digest


def read_list(folder: Path) -> ImageList:
    """The list in a folder.

    Raises:
        MissingFileError: there is none.
        ResultsError: it is damaged.
    """
    path = folder / LIST_FILE
    if not path.is_file():
        raise MissingFileError(
            f"There is no {LIST_FILE} in {os.fspath(folder)!r}: name a folder that `vireid predict --ckpt PATH --shard i/n` wrote. "
            "Files embedded with --images have no labels to score."
        )
    try:
        return _list(read_arrays(path, largest=path.stat().st_size))
    except Exception as error:  # whatever NumPy and zipfile stumble over in damaged bytes
        raise ResultsError(f"{os.fspath(path)!r} is damaged: {error}. Remove the folder, and predict again.") from error


def _arrays(evaluation: Evaluation, batch_size: int) -> dict[str, Any]:
    records, names = evaluation.records, image_names(evaluation.records)
    images = replace(evaluation.settings[0], trials=(Trial(np.arange(len(records)), np.arange(0)),))
    arrays: dict[str, Any] = {
        "version": np.array(VERSION),
        "batch_size": np.array(batch_size),
        "images_sha256": np.array(images_digest(images, names)),
        "pids": np.array([record.pid for record in records], np.int64),
        "camids": np.array([record.camid for record in records], np.int64),
        **_people(records),
    }
    for number, setting in enumerate(evaluation.settings):
        about = (setting.protocol, setting.rule, images_digest(setting, names), str(len(setting.trials)))
        arrays[f"setting.{number}"] = np.array(about)
        for which, trial in enumerate(setting.trials):
            arrays |= {f"query.{number}.{which}": trial.query, f"gallery.{number}.{which}": trial.gallery}
    return arrays


def _people(records: tuple[Record, ...]) -> dict[str, Any]:
    return {"people": np.array([record.who for record in records])} if any(record.name for record in records) else {}


def _digest(arrays: dict[str, Any]) -> str:
    found = hashlib.sha256()
    for name, values in sorted(arrays.items()):
        found.update(f"{name} {values.dtype.str} {values.shape}\0".encode())
        found.update(np.ascontiguousarray(values).tobytes())
    return found.hexdigest()


def _list(arrays: dict[str, NDArray[Any]]) -> ImageList:
    if arrays["version"] != VERSION:
        raise ValueError(f"it has version {arrays['version']}, this vireid reads {VERSION}")
    labels, people = Labels(arrays["pids"], arrays["camids"]), arrays.get("people")
    size = labels.pids.shape
    if len(size) != 1 or labels.camids.shape != size or (people is not None and people.shape != size):
        raise ValueError("its labels have several lengths")
    if not labels.pids.dtype == labels.camids.dtype == np.int64 or (people is not None and people.dtype.kind != "U"):
        raise ValueError("its labels are no whole numbers, or its names no texts")
    settings: list[Setting] = []
    while (about := arrays.get(f"setting.{len(settings)}")) is not None:
        protocol, rule, _, trials = about.tolist()
        draws = tuple(
            Trial(*(_rows(arrays[f"{side}.{len(settings)}.{t}"], size[0]) for side in ("query", "gallery"))) for t in range(int(trials))
        )
        settings.append(Setting(protocol, _rule(rule), draws))
    if not settings or not all(setting.trials and all(len(trial.query) for trial in setting.trials) for setting in settings):
        raise ValueError("it has no protocol, or one without a trial or a query")
    if len({setting.protocol for setting in settings}) < len(settings):
        raise ValueError("it has a protocol twice")
    digests = tuple(str(arrays[f"setting.{number}"][2]) for number in range(len(settings)))
    return ImageList(labels, people, tuple(settings), digests, _digest(arrays))


def _rule(text: str) -> Rule:
    return text  # type: ignore[return-value]  # Setting checks it


def _rows(rows: NDArray[Any], count: int) -> NDArray[np.int64]:
    if rows.ndim != 1 or rows.dtype != np.int64 or (rows.size and (rows.min() < 0 or rows.max() >= count)):
        raise ValueError("its protocols name images that it does not have")
    return rows
