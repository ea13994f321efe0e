"""Scores of finished forks on disk. A run that was killed goes on after them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vireid.files import read_text, write_text_atomically
from vireid.search.derivation import ChildScore, Measured
from vireid.settings import Recorded, settings_of
from vireid.structures import Genotype
from vireid.tasks.search.run import SearchRun

FORMAT = {"format": "vireid.forks", "version": 1}


class ForkMemory:
    """Scores of children that were trained from the initial weights. They do not depend on what the supernet has learnt.

    A score is used again only if all of these are equal: initial weights, losses, optimiser, seed, data, length of the training, precision
    and number of processes. Scores of other settings stay in the file.

    Args:
        path: path of the file, which need not exist.
        of: digest of what scores depend on, see :func:`fork_digest`.
    """

    def __init__(self, path: Path, of: str) -> None:
        self.path, self.of = path, of
        self._scores: dict[str, Any] | None = None

    def recall(self, score: ChildScore, genotype: Genotype) -> Measured | None:
        """The score of a child in the file; ``None`` if the file has none."""
        found = self._all().get(self._key(score, genotype))
        return None if found is None else Measured(**{**found, "people": tuple(found["people"]), "sites": tuple(found["sites"])})

    def keep(self, score: ChildScore, genotype: Genotype, value: Measured) -> None:
        """Write a score to the file at once.

        Raises:
            OutputError: the file cannot be written.
        """
        scores = self._all()
        scores[self._key(score, genotype)] = asdict(value)
        write_text_atomically(self.path, json.dumps({**FORMAT, "scores": scores}) + "\n")

    def _all(self) -> dict[str, Any]:
        if self._scores is None:
            self._scores = _read(self.path)
        return self._scores

    def _key(self, score: ChildScore, genotype: Genotype) -> str:
        return digest([self.of, score.settings(), genotype.choices])


def _read(path: Path) -> dict[str, Any]:
    """Scores in the file; none if it is absent or not ours, because they can be measured again."""
    try:
        content = json.loads(read_text(path))
        scores = content["scores"] if {name: content[name] for name in FORMAT} == FORMAT else {}
        return {name: one for name, one in scores.items() if _is_measured(one)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _is_measured(one: dict[str, Any]) -> bool:
    numbers = [one["value"], *one["people"], *one["sites"]]
    counts = [one["steps"], one["rows"]]
    known = {*one} == {field.name for field in fields(Measured)}
    return known and all(isinstance(number, float) for number in numbers) and all(isinstance(count, int) for count in counts)


def fork_digest(run: SearchRun, start: Mapping[str, Tensor], recipe: Any) -> str:
    """Digest of what all forks of a search depend on. The point and the settings of the score are not part of it.

    Args:
        run: a search with a Trainer.
        start: state of its network before the first step.
        recipe: settings of the search without its derivation, which does not change what a fork scores.
    """
    trainer = run.trainer
    datamodule = getattr(trainer, "datamodule", None)
    weights = hashlib.sha256()
    for name, value in sorted(start.items()):
        weights.update(name.encode())
        weights.update(_bytes(value))
    data = settings_of(datamodule) if isinstance(datamodule, Recorded) else None
    length = [trainer.max_epochs, str(trainer.limit_train_batches)]
    return digest([weights.hexdigest(), recipe, data, length, str(trainer.precision), trainer.world_size])


def digest(value: Any) -> str:
    """SHA-256 of plain values."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def _bytes(value: Tensor) -> bytes:
    return bytes(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
