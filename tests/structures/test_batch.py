"""Batches move and change as wholes; generators depend on every part of a key."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch

from vireid.structures import Batch, Modality, SearchBatch, generator_for, stack_keys


def batch(rows: int = 4) -> Batch:
    numbers = torch.arange(rows)
    images = torch.arange(rows * 3 * 2 * 2, dtype=torch.uint8).reshape(rows, 3, 2, 2)
    return Batch(images, numbers, numbers + 10, numbers % 2 + 1, (numbers >= rows // 2).long(), numbers, rows // 2, (1, 2, 3), 2)


def test_modalities_order_a_batch() -> None:
    assert sorted(Modality) == [Modality.VISIBLE, Modality.INFRARED]
    assert len(batch()) == 4


def test_moving_a_batch_moves_every_tensor_and_keeps_the_rest() -> None:
    moved = batch().to("meta")
    assert isinstance(moved, Batch)
    for field in fields(Batch):
        value = getattr(moved, field.name)
        assert value.device.type == "meta" if isinstance(value, torch.Tensor) else value == getattr(batch(), field.name)


def test_moving_gives_a_new_batch_with_equal_rows() -> None:
    original = batch()
    moved = original.to(torch.float64)
    assert original.images.dtype == torch.uint8
    assert torch.equal(moved.images, original.images.double())


def test_a_search_batch_moves_both_parts() -> None:
    moved = SearchBatch(batch(), batch(6)).to("meta")
    assert (moved.weights.images.device.type, moved.architecture.labels.device.type) == ("meta", "meta")
    assert (len(moved.weights), len(moved.architecture), moved.architecture.n_visible) == (4, 6, 3)


def test_pinning_asks_every_tensor(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: asked.append(tensor) or tensor + 0)
    pinned = SearchBatch(batch(), batch()).pin_memory()
    assert isinstance(pinned, SearchBatch)
    assert len(asked) == 2 * 6
    assert pinned.weights.key == (1, 2, 3)


def test_other_pixels_same_rows() -> None:
    original = batch()
    changed = original.with_images(torch.zeros(4, 3, 8, 4))
    assert changed.images.shape == (4, 3, 8, 4)
    assert original.images.shape == (4, 3, 2, 2)
    assert replace(changed, images=original.images).labels is original.labels
    assert (changed.n_visible, changed.key, changed.images_per_identity) == (2, (1, 2, 3), 2)


def draws(key: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(torch.randint(2**31, (4,), generator=generator_for(key)).tolist())


def test_a_generator_depends_on_every_part_of_its_key_and_their_order() -> None:
    keys = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0), (0,), (), (2**32 - 1, 0, 0), (2**63, 0, 0), (-1, 0, 0)]
    assert len({draws(key) for key in keys}) == len(keys)


def test_a_generator_depends_on_nothing_else() -> None:
    first = draws((5, 7))
    torch.manual_seed(1)
    state = torch.get_rng_state()
    assert draws((5, 7)) == first
    assert torch.equal(torch.get_rng_state(), state)


def test_seeds_are_those_of_the_first_release() -> None:
    """Worked by hand in Python integers: a change would silently change every run that is repeated or resumed."""

    def splitmix(state: int, part: int) -> int:
        mask = 2**64 - 1
        state = (state + 0x9E3779B97F4A7C15 + part) % 2**64
        state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & mask
        state = (state ^ state >> 27) * 0x94D049BB133111EB & mask
        return state ^ state >> 31

    assert splitmix(0, 0) == 0xE220A8397B1DCDAF  # first output of the published SplitMix64 with seed 0
    assert generator_for((0,)).initial_seed() == 0xE220A8397B1DCDAF % 2**63
    assert generator_for((4, 2)).initial_seed() == splitmix(splitmix(0, 4), 2) % 2**63


def test_keys_have_parts_of_32_bits() -> None:
    assert stack_keys(1, 2**32 + 2, -1) == (1, 2, 2**32 - 1)


def test_views_come_in_blocks_before_the_infrared_rows() -> None:
    batch = Batch(
        images=torch.zeros(5, 3, 2, 2),
        labels=torch.tensor([0, 1, 1, 0, 1]),
        pids=torch.tensor([7, 8, 8, 7, 8]),
        camids=torch.tensor([1, 2, 1, 3, 6]),
        modalities=torch.tensor([0, 0, 0, 1, 1]),
        positions=torch.arange(5),
        n_visible=3,
        key=(1,),
    )
    first, second, infrared = torch.ones(3, 3, 4, 2), torch.full((3, 3, 4, 2), 2.0), torch.full((2, 3, 4, 2), 3.0)
    views = batch.with_views(first, second, infrared=infrared)
    assert (views.n_visible, views.visible_views, len(views), views.key) == (6, 2, 8, (1,))
    assert torch.equal(views.images, torch.cat([first, second, infrared]))
    assert views.positions.tolist() == [0, 1, 2, 0, 1, 2, 3, 4]
    assert views.labels.tolist() == [0, 1, 1, 0, 1, 1, 0, 1]
    assert views.pids.tolist() == [7, 8, 8, 7, 8, 8, 7, 8]
    assert views.camids.tolist() == [1, 2, 1, 1, 2, 1, 3, 6]
    assert views.modalities.tolist() == [0] * 6 + [1, 1]
    assert (batch.n_visible, batch.visible_views) == (3, 1)
