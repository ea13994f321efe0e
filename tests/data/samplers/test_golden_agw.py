"""The draws of AGW's sampler, and the number of batches of its epochs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vireid.data import CrossModalitySampler, draw_batch
from vireid.structures import Modality, Record

GOLDEN = np.load(Path(__file__).parents[2] / "golden" / "agw_sampler.npz")
P, K = int(GOLDEN["ids_per_batch"]), int(GOLDEN["num_pos"])


def records(visible: np.ndarray, infrared: np.ndarray) -> list[Record]:
    return [Record("", int(pid), 1, Modality.VISIBLE) for pid in visible] + [Record("", int(pid), 3, Modality.INFRARED) for pid in infrared]


def test_draws_of_the_reference() -> None:
    pids = np.unique(GOLDEN["labels_v"])
    visible, infrared = ([np.flatnonzero(labels == pid) for pid in pids] for labels in (GOLDEN["labels_v"], GOLDEN["labels_t"]))
    rng = np.random.RandomState(int(GOLDEN["numpy_seed"]))
    drawn = [draw_batch(rng, visible, infrared, P, K) for _ in range(len(GOLDEN["index1"]) // (P * K))]
    np.testing.assert_array_equal(np.concatenate([rows for _, rows, _ in drawn]), GOLDEN["index1"])
    np.testing.assert_array_equal(np.concatenate([rows for _, _, rows in drawn]), GOLDEN["index2"])


def test_an_epoch_has_as_many_batches_and_says_so() -> None:
    sampler = CrossModalitySampler(records(GOLDEN["labels_v"], GOLDEN["labels_t"]), P, K)
    assert len(sampler) == len(list(sampler)) == len(GOLDEN["index1"]) // (P * K)
    assert GOLDEN["length"] == len(GOLDEN["labels_v"])  # the reference says so instead: a number of images, not of what it draws


@pytest.mark.parametrize(("identities", "images", "batches"), [(395, 22258, 696), (206, 2060, 65)])
def test_batches_of_an_epoch_as_published(identities: int, images: int, batches: int) -> None:
    visible = np.arange(images) % identities
    assert len(CrossModalitySampler(records(visible, visible[: images // 2]), 8, 4)) == batches
