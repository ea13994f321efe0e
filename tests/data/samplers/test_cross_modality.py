"""P x K sampling: the reference's draws, exact shape, determinism, ranks, and beginning in the middle."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st
from torch.utils.data import DataLoader, Dataset

from vireid.data import ARCHITECTURE, BatchRows, CrossModalitySampler, SearchSampler, draw_batch
from vireid.data.images import as_is
from vireid.structures import Modality, Record

GOLDEN = Path(__file__).parents[2] / "golden"


def people(visible: list[int], infrared: list[int]) -> list[Record]:
    """Identity i (from 0) with visible[i] and infrared[i] images, shuffled."""
    records = [Record(f"v{p}-{n}", p, 1, Modality.VISIBLE) for p, count in enumerate(visible) for n in range(count)]
    records += [Record(f"i{p}-{n}", p, 3, Modality.INFRARED) for p, count in enumerate(infrared) for n in range(count)]
    order = np.random.default_rng(0).permutation(len(records))
    return [records[row] for row in order]


def epoch(sampler: CrossModalitySampler) -> list[BatchRows]:
    return list(sampler)


def test_draws_of_the_reference() -> None:
    golden = np.load(GOLDEN / "cmnas_sampler.npz")
    count, half = int(golden["num_pos"]), int(golden["batch_size"])
    pids = np.unique(golden["labels_v"])
    visible = [np.flatnonzero(golden["labels_v"] == pid) for pid in pids]
    infrared = [np.flatnonzero(golden["labels_t"] == pid) for pid in pids]
    rng = np.random.RandomState(int(golden["numpy_seed"]))
    drawn = [draw_batch(rng, visible, infrared, half // count, count) for _ in range(int(golden["length"]) // half)]
    np.testing.assert_array_equal(np.concatenate([batch[1] for batch in drawn]), golden["index_visible"])
    np.testing.assert_array_equal(np.concatenate([batch[2] for batch in drawn]), golden["index_thermal"])
    sampler = CrossModalitySampler(
        [Record("", int(p), 1, Modality.VISIBLE) for p in golden["labels_v"]]
        + [Record("", int(p), 1, Modality.INFRARED) for p in golden["labels_t"]],
        half // count,
        count,
    )
    assert len(sampler) * half == int(golden["length"])


@given(
    counts=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=8),
    images=st.integers(1, 4),
    seed=st.integers(0, 2**40),
    data=st.data(),
)
def test_every_batch_is_exactly_p_x_k(counts: list[tuple[int, int]], images: int, seed: int, data: st.DataObject) -> None:
    identities = data.draw(st.integers(1, len(counts)))
    records = people([c[0] for c in counts], [c[1] for c in counts])
    sampler = CrossModalitySampler(records, identities, images, seed)
    batches = epoch(sampler)
    largest = max(sum(c[0] for c in counts), sum(c[1] for c in counts))
    assert len(batches) == len(sampler) == largest // (identities * images) + 1
    for rows in batches:
        half = identities * images
        assert rows.n_visible == half
        assert len(rows) == 2 * half
        pids = [records[row].pid for row in rows]
        assert [records[row].modality for row in rows] == [Modality.VISIBLE] * half + [Modality.INFRARED] * half
        assert pids[:half] == pids[half:]
        runs = pids[:half:images]
        assert len(set(runs)) == identities
        assert pids[:half] == [pid for pid in runs for _ in range(images)]


def test_equal_arguments_give_equal_epochs_and_other_epochs_seeds_purposes_differ() -> None:
    records = people([9] * 6, [7] * 6)
    first = epoch(CrossModalitySampler(records, 3, 2, seed=1))
    assert first == epoch(CrossModalitySampler(records, 3, 2, seed=1))
    assert first != epoch(CrossModalitySampler(records, 3, 2, seed=2))
    assert first != epoch(CrossModalitySampler(records, 3, 2, seed=1, purpose=ARCHITECTURE))
    later = CrossModalitySampler(records, 3, 2, seed=1)
    later.set_epoch(1)
    assert first != epoch(later)
    assert [rows.key for rows in first][:2] == [(1, 0, 0, 0, 0), (1, 0, 0, 1, 0)]


def test_the_epoch_of_a_running_iteration_stays() -> None:
    sampler = CrossModalitySampler(people([9] * 4, [9] * 4), 2, 2)
    running = iter(sampler)
    sampler.set_epoch(3)
    assert {rows.key[2] for rows in running} == {0}
    assert {rows.key[2] for rows in sampler} == {3}
    assert sampler.sampler is sampler  # where Lightning looks for set_epoch


def test_ranks_hold_disjoint_identities_that_make_up_the_batch_of_one_process() -> None:
    records = people([6] * 9, [4] * 9)
    ranks = [epoch(CrossModalitySampler(records, 2, 3, rank=rank, world_size=2)) for rank in range(2)]
    together = epoch(CrossModalitySampler(records, 4, 3))
    assert len(ranks[0]) == len(ranks[1]) == len(together) == 54 // 12 + 1
    for first, second, whole in zip(*ranks, together, strict=True):
        assert not {records[row].pid for row in first} & {records[row].pid for row in second}
        assert [*first[:6], *second[:6], *first[6:], *second[6:]] == whole
        assert (first.key[1], second.key[1]) == (0, 1)


class Rows(Dataset[BatchRows]):
    """Gives the row numbers themselves."""

    def __len__(self) -> int:
        return 10**6

    def __getitems__(self, rows: BatchRows) -> BatchRows:
        return rows


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("search", [False, True])
def test_beginning_at_a_batch_gives_the_tail_of_the_whole_epoch(workers: int, search: bool) -> None:
    records = people([20] * 5, [11] * 5)

    def loader() -> tuple[DataLoader[BatchRows], CrossModalitySampler | SearchSampler]:
        sampler: CrossModalitySampler | SearchSampler = CrossModalitySampler(records, 3, 2, seed=7)
        if search:
            sampler = SearchSampler(CrossModalitySampler(records, 3, 2, seed=7), CrossModalitySampler(records, 2, 2, 7, ARCHITECTURE))
        sampler.set_epoch(4)
        return DataLoader(Rows(), batch_sampler=sampler, collate_fn=as_is, num_workers=workers), sampler

    whole = list(loader()[0])
    resumed, sampler = loader()
    sampler.start_at(5)
    tail = list(resumed)
    assert tail == whole[5:]
    keys = [rows.weights.key if search else rows.key for rows in tail]
    assert keys[0] == (7, 0, 4, 5, 0)
    assert len(resumed) == len(whole)
    assert list(resumed) == whole  # once only


def test_search_batches_pair_steps_with_keys_of_their_own() -> None:
    weights, held = people([8] * 4, [8] * 4), people([3] * 3, [3] * 3)
    pairs = list(SearchSampler(CrossModalitySampler(weights, 2, 2), CrossModalitySampler(held, 3, 1, purpose=ARCHITECTURE)))
    assert len(pairs) == 9
    assert [(pair.weights.key[4], pair.architecture.key[4]) for pair in pairs] == [(0, ARCHITECTURE)] * 9
    assert len(pairs[0].architecture) == 6


def test_rows_keep_their_facts_when_pickled() -> None:
    rows = pickle.loads(pickle.dumps(BatchRows([3, 1], 1, (1, 2))))
    assert (rows, rows.n_visible, rows.key) == ([3, 1], 1, (1, 2))


def test_errors() -> None:
    records = people([2] * 4, [2] * 4)
    with pytest.raises(ValueError, match=r"asks for 5 identities in a step, but there are 4.*at most 4"):
        CrossModalitySampler(records, 5)
    with pytest.raises(ValueError, match=r"3 x 2 processes asks for 6 identities.*at most 2"):
        CrossModalitySampler(records, 3, rank=0, world_size=2)
    with pytest.raises(ValueError, match=r"`images_per_identity` must be at least 1, got 0"):
        CrossModalitySampler(records, 2, 0)
    with pytest.raises(ValueError, match=r"`identities_per_batch` must be at least 1"):
        CrossModalitySampler(records, 0)
    with pytest.raises(ValueError, match=r"`rank` must be 0 to 1, got 2"):
        CrossModalitySampler(records, 1, rank=2, world_size=2)
    for sampler in (
        CrossModalitySampler(records, 2),
        SearchSampler(CrossModalitySampler(records, 2), CrossModalitySampler(records, 2, 1, 0, 1)),
    ):
        with pytest.raises(ValueError, match=r"`batch` must be 0 to"):
            sampler.start_at(99)
    with pytest.raises(ValueError, match=r"Both samplers have purpose 0"):
        SearchSampler(CrossModalitySampler(records, 2), CrossModalitySampler(records, 2))


def test_identities_with_one_modality_are_named() -> None:
    with pytest.raises(ValueError, match=r"0 \(infrared\), 1 \(visible\), 2 \(visible\), 3 \(visible\), 4 \(visible\) and 2 more"):
        CrossModalitySampler(people([0, 1, 1, 1, 1, 1, 1, 1], [1, 0, 0, 0, 0, 0, 0, 1]), 1)


@given(counts=st.lists(st.integers(1, 5), min_size=1, max_size=8), images=st.integers(1, 4), data=st.data())
def test_a_set_without_infrared_images_gives_visible_batches(counts: list[int], images: int, data: st.DataObject) -> None:
    identities = data.draw(st.integers(1, len(counts)))
    records = people(counts, [])
    sampler = CrossModalitySampler(records, identities, images)
    batches = epoch(sampler)
    assert len(batches) == len(sampler) == sum(counts) // (identities * images) + 1
    for rows in batches:
        assert rows.n_visible == len(rows) == identities * images
        pids = [records[row].pid for row in rows]
        runs = pids[::images]
        assert len(set(runs)) == identities
        assert pids == [pid for pid in runs for _ in range(images)]


def test_ranks_share_out_visible_batches() -> None:
    records = people([6] * 9, [])
    ranks = [epoch(CrossModalitySampler(records, 2, 3, rank=rank, world_size=2)) for rank in range(2)]
    for first, second, whole in zip(*ranks, epoch(CrossModalitySampler(records, 4, 3)), strict=True):
        assert [*first, *second] == whole


def test_a_set_without_visible_images_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"these have one kind only: 0 \(infrared\), 1 \(infrared\)"):
        CrossModalitySampler(people([], [3, 3]), 1)
