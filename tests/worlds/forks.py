"""Forks of many points on development people: do they rank as trainings do, and do they say nothing where there is nothing to say?

``python -m tests.worlds.forks bars --output tests/worlds/forked/bars-0.json`` forks every point of ``measure.py`` for a quarter of a
training. ``--shuffled`` gives the images of held-out people to other held-out people, as a control. Then no fork may be better than
another.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from tests.worlds.measure import PEOPLE, WIDTH, data, points, statistics
from tests.worlds.searches import HELD_OUT, Searcher
from vireid import SyntheticDataModule
from vireid.commands.pretrain.settings import Pretraining
from vireid.commands.pretrain.surrogate import pretrained
from vireid.data import FlipShiftAugmentation
from vireid.data.modules.division import Parts
from vireid.files import write_text_atomically
from vireid.structures import Record, generator_for

CONTROL = ["00000", "11111", "10000", "00001", "44400", "01110", "00111", "22000"]
"""Points of the control: the usual constants and a few more."""


class ShuffledPeople(SyntheticDataModule):
    """Synthetic people. Held-out images of one camera are dealt out anew to the held-out people who have images in it."""

    @cached_property
    def parts(self) -> Parts:
        found = super().parts
        held = shuffled(found.heldout, self.seed)
        return replace(found, heldout=held, architecture=held)


def shuffled(records: tuple[Record, ...], seed: int) -> tuple[Record, ...]:
    """The records, with their people permuted within every camera."""
    pids: dict[int, int] = {}
    for camera in sorted({record.camid for record in records}):
        rows = [row for row, record in enumerate(records) if record.camid == camera]
        order = torch.randperm(len(rows), generator=generator_for((seed, camera))).tolist()
        pids |= {row: records[rows[place]].pid for row, place in zip(rows, order, strict=True)}
    return tuple(replace(record, pid=pids[row]) for row, record in enumerate(records))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("world")
    parser.add_argument("--people", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shuffled", action="store_true")
    parser.add_argument("--output", type=Path, required=True)
    words = parser.parse_args()
    torch.set_num_threads(1)
    mean, std = statistics(data(words.world, words.people, 0))
    settings: dict[str, Any] = {**HELD_OUT, "augmentation": FlipShiftAugmentation(mean=mean, std=std)}
    kind = ShuffledPeople if words.shuffled else SyntheticDataModule
    found = kind(world=words.world, seed_data=words.people, seed=words.seed, **PEOPLE, **settings)
    searcher = Searcher(found, pretrained(Pretraining("resnet10", width=WIDTH)), words.seed)
    forks = searcher.drawn(CONTROL, finalists=None) if words.shuffled else searcher.drawn(points(), finalists=None)
    content = {"world": words.world, "people": words.people, "seed": words.seed, "shuffled": words.shuffled, **forks}
    write_text_atomically(words.output, json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
