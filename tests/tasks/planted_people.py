"""Drawn people for planted tasks: both "modalities" are visible images of the same cameras, so that nothing differs but the plant."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from vireid.data import FlipShiftAugmentation, read_image
from vireid.data.synthetic import write_dataset
from vireid.metrics.functional import evaluate_embeddings
from vireid.models import ReIDNetwork
from vireid.structures import Batch, Modality, SearchBatch, generator_for

PEOPLE, TRAINED = 100, 65  # drawn; those whose classes the weights learn. The others serve the architecture step or the test
HEIGHT, WIDTH = 48, 24
VISIBLE_CAMERAS, IMAGES = (1, 2, 4, 5), 4  # images a camera, half of them for each role
P, K = 8, 2
AUGMENTATION = FlipShiftAugmentation(padding=1, pad_fill="black", mean=(0.45,) * 3, std=(0.22,) * 3)


@cache
def draw_people(tree: Path) -> Tensor:
    """``(people, 2, 8, 3, H, W)`` uint8 images by person and role (visible, "infrared"); drawn once and kept under ``tree``."""
    if not tree.exists():
        write_dataset(tree, identities=PEOPLE, images=IMAGES, height=HEIGHT, width=WIDTH)
    people = []
    for number in range(1, PEOPLE + 1):
        files = [sorted((tree / f"cam{camera}" / f"{number:04d}").iterdir()) for camera in VISIBLE_CAMERAS]
        images = torch.stack([torch.stack([torch.tensor(read_image(str(path), HEIGHT, WIDTH)) for path in row]) for row in files])
        half = IMAGES // 2
        people.append(torch.stack([images[:, :half].flatten(0, 1), images[:, half:].flatten(0, 1)]))
    return torch.stack(people).movedim(-1, -3)


class Pairs(IterableDataset[SearchBatch | Batch]):
    """Batches of P people x K images x 2 roles, a function of seed and number alone.

    Args:
        people: of :func:`draw_people`.
        seed: of the draws.
        steps: batches an epoch.
        search: with rows of other people for the architecture step.
    """

    def __init__(self, people: Tensor, seed: int, steps: int, search: bool) -> None:
        self.people, self.seed, self.steps, self.search = people, seed, steps, search
        self.drawn = 0

    def __iter__(self) -> Iterator[SearchBatch | Batch]:
        for _ in range(self.steps):
            self.drawn += 1
            rows = self._rows(range(TRAINED), 0)
            yield SearchBatch(rows, self._rows(range(TRAINED, PEOPLE), 1)) if self.search else rows

    def _rows(self, people: range, purpose: int) -> Batch:
        key = (self.seed, self.drawn, purpose)
        noise = generator_for(key)
        who = people.start + torch.randperm(len(people), generator=noise)[:P]
        which = torch.rand(P, 2, self.people.shape[2], generator=noise).argsort(dim=-1)[..., :K]  # K different images each
        images = self.people[who[:, None, None], torch.arange(2)[None, :, None], which].transpose(0, 1).flatten(0, 2)
        pids = who.repeat_interleave(K).repeat(2)
        modalities = torch.arange(2).repeat_interleave(P * K)
        return Batch(AUGMENTATION(images, key), pids, pids, modalities + 1, modalities, torch.arange(4 * P), P * K, key, K)


@torch.no_grad()
def mean_average_precision(network: ReIDNetwork, people: Tensor) -> float:
    """mAP of "infrared" queries against visible images, of the people that were not trained on."""
    network.eval()
    held_out = AUGMENTATION.normalise(people[TRAINED:].flatten(2, 2))
    pids = torch.arange(TRAINED, PEOPLE).repeat_interleave(held_out.shape[2])
    embedded = []
    for role in (Modality.VISIBLE, Modality.INFRARED):
        images = held_out[:, role].flatten(0, 1)
        embedded.append(network.embed(images, len(images) if role is Modality.VISIBLE else 0))
    return evaluate_embeddings(embedded[1], embedded[0], pids, pids, rule="regdb", topk=(1,))["mAP"]
