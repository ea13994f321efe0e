"""P x K sampling without replacement: exact shape and length, no repetition, determinism, ranks, and the data module's setting."""

from __future__ import annotations

import itertools
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tests.golden.cgrnet import golden
from vireid import RegDBDataModule
from vireid.data import CrossModalitySampler, Market1501DataModule
from vireid.data.samplers.base import ARCHITECTURE, BatchRows
from vireid.data.samplers.without_replacement import WithoutReplacementSampler, identities_of_steps, most_batches
from vireid.errors import SettingsError
from vireid.structures import Modality, Record

counts = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=8)


def people(counts: list[tuple[int, int]]) -> list[Record]:
    """Identity i (from 0) with counts[i] visible and infrared images, shuffled."""
    records = [Record("", p, 1, m) for p, both in enumerate(counts) for m in Modality for _ in range(both[m])]
    order = np.random.default_rng(0).permutation(len(records))
    return [records[row] for row in order]


@cache
def by_trying(groups: tuple[int, ...], identities: int) -> int:
    """Most batches, by all ways of drawing them."""
    choices = [chosen for chosen in itertools.combinations(range(len(groups)), identities) if all(groups[i] for i in chosen)]
    left = [tuple(sorted(g - (i in chosen) for i, g in enumerate(groups))) for chosen in choices]
    return max((1 + by_trying(rest, identities) for rest in set(left)), default=0)


@given(groups=st.lists(st.integers(1, 3), min_size=1, max_size=4), data=st.data())
def test_the_length_is_the_largest_there_is(groups: list[int], data: st.DataObject) -> None:
    identities = data.draw(st.integers(1, len(groups)))
    assert most_batches(np.array(groups), identities) == by_trying(tuple(groups), identities)


@given(groups=st.lists(st.integers(1, 30), min_size=1, max_size=20), seed=st.integers(0, 1000), data=st.data())
def test_every_step_has_its_identities(groups: list[int], seed: int, data: st.DataObject) -> None:
    identities = data.draw(st.integers(1, len(groups)))
    steps = identities_of_steps(np.random.RandomState(seed), np.array(groups), identities)
    assert len(steps) == most_batches(np.array(groups), identities)
    assert all(len(set(step.tolist())) == len(step) == identities for step in steps)
    used = Counter(np.concatenate(steps).tolist())
    assert all(used[i] <= group for i, group in enumerate(groups))


@given(counts=counts, images=st.integers(1, 4), seed=st.integers(0, 2**40), data=st.data())
def test_exactly_p_x_k_and_no_image_twice(counts: list[tuple[int, int]], images: int, seed: int, data: st.DataObject) -> None:
    identities = data.draw(st.integers(1, len(counts)))
    records = people(counts)
    sampler = WithoutReplacementSampler(records, identities, images, seed)
    batches = list(sampler)
    half = identities * images
    assert len(batches) == len(sampler) >= 1
    seen: Counter[int] = Counter()
    for rows in batches:
        pids = [records[row].pid for row in rows]
        assert (rows.n_visible, len(rows), rows.images_per_identity) == (half, 2 * half, images)
        assert [records[row].modality for row in rows] == [Modality.VISIBLE] * half + [Modality.INFRARED] * half
        assert pids[:half] == pids[half:]
        runs = pids[:half:images]
        assert len(set(runs)) == identities
        assert pids[:half] == [pid for pid in runs for _ in range(images)]
        seen.update(rows)
    for row, times in seen.items():
        scarce = counts[records[row].pid][records[row].modality] < images
        assert times == 1 or scarce
    for pid, both in enumerate(counts):  # with fewer than K images all of them are used
        for modality, count in enumerate(both):
            own = [row for row in seen if (records[row].pid, records[row].modality) == (pid, modality)]
            assert not own or count >= images or len(own) == count


def properties(indices: list[int], pids: np.ndarray, camids: np.ndarray, k: int, identities: int) -> None:
    """What the published sampler keeps: blocks of K infrared, then K visible rows of one identity; nothing twice."""
    assert len(indices) == len(set(indices))
    assert len(indices) % (2 * k * identities) == 0
    for block in range(0, len(indices), 2 * k):
        rows = indices[block : block + 2 * k]
        assert len(set(pids[rows])) == 1
        assert all(camids[rows[:k]] % 3 == 0)
        assert all(camids[rows[k:]] % 3 != 0)
    for start in range(0, len(indices), 2 * k * identities):
        assert len(set(pids[indices[start : start + 2 * k * identities]])) == identities


def test_properties_of_the_published_sampler() -> None:
    data = golden("iv_reid_sampler")
    pids, camids, k = data["pids"], data["camids"], int(data["num_instances"])
    identities = int(data["batch_size"]) // (2 * k)
    published = data["indices"].tolist()
    properties(published, pids, camids, k, identities)
    modalities = [Modality.INFRARED if camid in (3, 6) else Modality.VISIBLE for camid in camids.tolist()]
    records = [Record("", int(pid), int(camid), m) for pid, camid, m in zip(pids, camids, modalities, strict=True)]
    for seed in range(5):
        ours = []
        for rows in WithoutReplacementSampler(records, identities, k, seed):  # visible rows first: put into the published blocks
            halves = np.array(rows).reshape(2, identities, k)
            ours += np.concatenate((halves[1], halves[0]), 1).ravel().tolist()
        properties(ours, pids, camids, k, identities)
        assert len(published) <= len(ours) <= int(data["reported_len"])


def test_epochs_seeds_purposes_and_turns() -> None:
    records = people([(9, 7)] * 6)

    def epoch(sampler: WithoutReplacementSampler) -> list[BatchRows]:
        return list(sampler)  # type: ignore[arg-type]

    first = epoch(WithoutReplacementSampler(records, 3, 2, seed=1))
    assert first == epoch(WithoutReplacementSampler(records, 3, 2, seed=1))
    assert [rows.key for rows in first][:2] == [(1, 0, 0, 0, 0), (1, 0, 0, 1, 0)]
    assert first != epoch(WithoutReplacementSampler(records, 3, 2, seed=2))
    assert first != epoch(WithoutReplacementSampler(records, 3, 2, seed=1, purpose=ARCHITECTURE))
    later = WithoutReplacementSampler(records, 3, 2, seed=1)
    later.set_epoch(1)
    assert first != epoch(later)
    later.set_epoch(0)
    later.start_at(2)
    assert epoch(later) == first[2:]
    past = [later.batch(0, iteration) for iteration in range(len(later), 2 * len(later))]  # an architecture step has no end
    assert past != first
    assert len({row for rows in past for row in rows}) == len(past) * 12


def test_ranks_share_the_batch_of_one_process() -> None:
    records = people([(6, 4)] * 5 + [(9, 9)] * 4)
    ranks = [list(WithoutReplacementSampler(records, 2, 3, rank=rank, world_size=2)) for rank in range(2)]
    together = list(WithoutReplacementSampler(records, 4, 3))
    assert len(ranks[0]) == len(ranks[1]) == len(together)
    for first, second, whole in zip(*ranks, together, strict=True):
        assert not {records[row].pid for row in first} & {records[row].pid for row in second}
        assert [*first[:6], *second[:6], *first[6:], *second[6:]] == whole


def test_images_of_one_modality() -> None:
    records = [Record("", pid, 1, Modality.VISIBLE) for pid in range(5) for _ in range(7)]
    batches = list(WithoutReplacementSampler(records, 2, 3))
    assert len(batches) == 5
    assert all(rows.n_visible == len(rows) == 6 for rows in batches)  # type: ignore[attr-defined]
    assert max(Counter(row for rows in batches for row in rows).values()) == 1


def test_the_data_module_chooses(regdb_root: Path, market_root: Path) -> None:
    sizes = {"height": 8, "width": 4, "identities_per_batch": 2, "images_per_identity": 2, "num_workers": 0}
    plain, once = RegDBDataModule(regdb_root, **sizes), RegDBDataModule(regdb_root, sampling="without_replacement", **sizes)
    samplers = [data.train_dataloader().batch_sampler for data in (plain, once)]
    assert [type(sampler) for sampler in samplers] == [CrossModalitySampler, WithoutReplacementSampler]
    assert once.settings()["init_args"]["sampling"] == "without_replacement"
    with pytest.raises(SettingsError, match="`sampling` must be with_replacement or without_replacement, got 'once'"):
        RegDBDataModule(regdb_root, sampling="once", **sizes)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match=r"`images_per_batch` takes every image once per epoch, .* Leave `sampling` out"):
        Market1501DataModule(market_root, images_per_batch=4, sampling="without_replacement")
