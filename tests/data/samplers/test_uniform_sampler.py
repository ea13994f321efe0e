"""Uniform draws: every image once per epoch, the incomplete batch dropped, ranks, keys, beginning in the middle."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from vireid.data import ARCHITECTURE, SearchSampler, UniformSampler
from vireid.errors import DatasetError, SettingsError
from vireid.structures import Modality, Record


def images(count: int) -> list[Record]:
    return [Record(f"{number}", number % 3, 1, Modality.VISIBLE) for number in range(count)]


def rows(sampler: UniformSampler) -> list[int]:
    return [row for batch in sampler for row in batch]


@given(count=st.integers(1, 40), size=st.integers(1, 40), seed=st.integers(0, 2**40), world=st.integers(1, 3))
def test_an_epoch_is_every_image_at_most_once_in_full_batches(count: int, size: int, seed: int, world: int) -> None:
    if size * world > count:
        return
    ranks = [UniformSampler(images(count), size, seed, rank=rank, world_size=world) for rank in range(world)]
    drawn = [row for sampler in ranks for row in rows(sampler)]
    assert len(set(drawn)) == len(drawn) == count // (size * world) * size * world
    for batch in ranks[0]:
        assert (len(batch), batch.n_visible, batch.images_per_identity) == (size, size, 1)


def test_length_of_the_published_search() -> None:
    """126,441 images, 8 devices of 64: 246 steps, as its log says."""
    assert len(UniformSampler(images(126_441), 64, world_size=8, rank=0)) == 246


def test_ranks_hold_the_batch_of_one_process() -> None:
    ranks = [list(UniformSampler(images(25), 3, seed=4, rank=rank, world_size=2)) for rank in range(2)]
    together = list(UniformSampler(images(25), 6, seed=4))
    assert [[*first, *second] for first, second in zip(*ranks, strict=True)] == together
    assert [batch.key for batch in ranks[1]] == [(4, 1, 0, step, 0) for step in range(4)]


def test_draws_are_uniform() -> None:
    """First place of many epochs: each of five images within five deviations of its share."""
    sampler = UniformSampler(images(5), 5)
    first = [sampler.batch(epoch, 0)[0] for epoch in range(500)]
    assert all(abs(first.count(row) - 100) < 5 * (500 * 0.2 * 0.8) ** 0.5 for row in range(5))


def test_epochs_seeds_and_purposes_differ_and_repeat() -> None:
    orders = [rows(UniformSampler(images(30), 5, seed, purpose)) for seed, purpose in ((1, 0), (1, 0), (2, 0), (1, ARCHITECTURE))]
    assert orders[0] == orders[1]
    later = UniformSampler(images(30), 5, 1)
    later.set_epoch(1)
    assert len({tuple(order) for order in (*orders, rows(later))}) == 4


def test_an_epoch_can_begin_in_the_middle() -> None:
    sampler = UniformSampler(images(30), 5)
    whole = list(sampler)
    sampler.start_at(4)
    assert [list(sampler), list(sampler)] == [whole[4:], whole]
    with pytest.raises(SettingsError, match="`batch` must be 0 to 6, got 7"):
        sampler.start_at(7)


def test_past_the_end_comes_another_order_of_all_images() -> None:
    sampler = UniformSampler(images(12), 4, purpose=ARCHITECTURE)
    turns = [[row for step in range(3) for row in sampler.batch(0, 3 * turn + step)] for turn in range(2)]
    assert sorted(turns[0]) == sorted(turns[1]) == list(range(12))
    assert turns[0] != turns[1]
    search = SearchSampler(UniformSampler(images(30), 2), sampler)
    assert len(list(search)) == 15


def test_what_is_refused() -> None:
    for size in (0, 11):
        with pytest.raises(SettingsError, match=rf"`images_per_batch` must be 1 to 10 .*, got {size}"):
            UniformSampler(images(10), size)
    with pytest.raises(SettingsError, match="must be 1 to 5"):
        UniformSampler(images(10), 6, rank=0, world_size=2)
    with pytest.raises(SettingsError, match="`rank` must be 0 to 1, got 2"):
        UniformSampler(images(10), 1, rank=2, world_size=2)
    with pytest.raises(DatasetError, match="Images of two modalities cannot be drawn uniformly"):
        UniformSampler([*images(3), Record("", 0, 3, Modality.INFRARED)], 2)
