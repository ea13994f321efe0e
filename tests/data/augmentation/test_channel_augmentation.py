"""Channel augmentation: the reference's draws and pixels, and the three blocks of a batch."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from vireid.data import ChannelAugmentation, CMNASAugmentation, sample_rectangle
from vireid.data.augmentation.channel_augmentation import CIFAR_MEAN, GREY, UNCHANGED, draw_adaptive, draw_exchange, mix_channels
from vireid.errors import SettingsError
from vireid.settings import instantiate, settings_of
from vireid.structures import Batch

GOLDEN = np.load(Path(__file__).parents[2] / "golden" / "caj_augment.npz")
KEY = (3, 0, 5, 2, 0)


@pytest.mark.parametrize(
    ("name", "draw"),
    [
        ("channel_exchange_gray2", draw_exchange),
        ("channel_exchange_gray3", lambda rng: draw_exchange(rng, grey=True)),
        ("channel_adap_gray_p0.5", draw_adaptive),
        ("channel_adap", lambda rng: draw_adaptive(rng, grey=-1.0)),  # no u is that small: unchanged
    ],
)
def test_draws_and_pixels_of_the_reference(name: str, draw: object) -> None:
    outcomes = torch.tensor([draw(random.Random(int(seed))) for seed in GOLDEN["seeds"]])  # type: ignore[operator]
    found = mix_channels(torch.from_numpy(GOLDEN["img"]).expand(len(outcomes), -1, -1, -1), outcomes)
    torch.testing.assert_close(found, torch.from_numpy(GOLDEN[name]), rtol=1e-14, atol=1e-15)
    assert len(set(outcomes.tolist())) > 2


def test_rectangles_of_the_reference() -> None:
    height, width = (int(side) for side in GOLDEN["erase_hw"])
    for seed, (erased, *rectangle) in zip(GOLDEN["erase_seeds"], GOLDEN["erase_rect"], strict=True):
        assert sample_rectangle(random.Random(int(seed)), height, width) == (tuple(rectangle) if erased else None)


def shares(draw: object, count: int = 8000) -> dict[int, float]:
    rng = random.Random(0)
    return {outcome: number / count for outcome, number in Counter(draw(rng) for _ in range(count)).items()}  # type: ignore[operator]


def test_probabilities() -> None:
    third, quarter, eighth = (pytest.approx(1 / n, abs=5 * (1 / n / 8000) ** 0.5) for n in (3, 4, 8))  # five standard deviations
    assert shares(draw_exchange) == {0: third, 1: third, 2: third}
    assert shares(lambda rng: draw_exchange(rng, grey=True)) == {0: quarter, 1: quarter, 2: quarter, GREY: quarter}
    assert shares(draw_adaptive) == {0: quarter, 1: quarter, 2: quarter, GREY: eighth, UNCHANGED: eighth}


def batch(n_visible: int = 4, infrared: int = 4) -> Batch:
    rows = n_visible + infrared
    images = torch.randint(0, 256, (rows, 3, 20, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([*range(n_visible), *range(infrared)])
    modalities = torch.tensor([0] * n_visible + [1] * infrared)
    return Batch(images, labels, 10 + labels, modalities + 1, modalities, torch.arange(rows), n_visible, KEY, 2)


def test_blocks_of_the_batch() -> None:
    made = ChannelAugmentation().augment(batch())
    assert (made.n_visible, made.visible_views, made.images_per_identity, len(made)) == (8, 2, 2, 12)
    assert made.labels.tolist() == [0, 1, 2, 3] * 3
    assert made.modalities.tolist() == [0] * 8 + [1] * 4
    assert made.positions.tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7]
    assert made.images.dtype == torch.float32


def moved(images: Tensor, view: int, erasing: float) -> tuple[Tensor, Tensor]:
    """A view without changed channels, with CIFAR's fill, and where it is erased."""
    filled = CMNASAugmentation(3, erasing_probability=erasing, erase_fill="mean")(images.float() / 255, (*KEY, view))
    erased = (filled == 0).all(1, keepdim=True)  # no pixel of 8 bits is the mean
    return torch.where(erased, torch.tensor(CIFAR_MEAN)[:, None, None], filled), erased


def is_change_of_channels(image: Tensor, original: Tensor, allowed: set[int]) -> bool:
    outcomes = torch.tensor(sorted(allowed))
    candidates = mix_channels(original.expand(len(outcomes), -1, -1, -1), outcomes)
    return any(torch.allclose(image, candidate) for candidate in candidates)


@pytest.mark.parametrize(("exchange_grey", "exchanged"), [(False, {0, 1, 2}), (True, {0, 1, 2, GREY})])
def test_views_are_the_images_moved_erased_and_with_other_channels(exchange_grey: bool, exchanged: set[int]) -> None:
    given = batch(24, 24)
    augmentation = ChannelAugmentation(3, erasing_probability=0.5, infrared_erasing_probability=0.9, exchange_grey=exchange_grey)
    views = augmentation.augment(given).images.split(24)
    sources = (given.images[:24], given.images[:24], given.images[24:])
    for view, (found, images, erasing, allowed) in enumerate(
        zip(views, sources, (0.5, 0.5, 0.9), ({UNCHANGED}, exchanged, {0, 1, 2, GREY, UNCHANGED}), strict=True)
    ):
        expected, erased = moved(images, view, erasing)
        assert 0 < erased.flatten(1).any(1).sum() < 24
        for image, original in zip(found, expected, strict=True):
            assert is_change_of_channels(image, original, allowed)
            if view == 1 and not exchange_grey:
                assert not is_change_of_channels(image, original, {UNCHANGED})


def test_the_fill_may_be_the_mean() -> None:
    quirk, mean = (ChannelAugmentation(3, erasing_probability=1.0, erase_fill=fill)(batch().images, KEY) for fill in ("quirk", "mean"))
    different = (quirk != mean).all(1)
    assert different.flatten(1).any(1).all()
    cifar = torch.tensor(CIFAR_MEAN)
    assert (quirk.movedim(1, 3)[different] == cifar).all()
    assert (mean.movedim(1, 3)[different] == 0).all()


def test_first_views_may_lose_their_colours() -> None:
    augmentation = ChannelAugmentation(0, 0.0, 0.0, visible_grey=1.0)
    made, given = augmentation.augment(batch()), batch().images[:4].double() / 255
    mean, std = (torch.tensor(values).double()[:, None, None] for values in (augmentation.mean, augmentation.std))
    grey = (0.2989 * given[:, 0] + 0.5870 * given[:, 1] + 0.1140 * given[:, 2])[:, None].expand(-1, 3, -1, -1)
    torch.testing.assert_close(made.images[:4].double(), (grey - mean) / std, rtol=0, atol=1e-5)
    some = ChannelAugmentation(0, 0.0, 0.0, visible_grey=0.5).augment(batch(200, 1)).images[:200]
    coloured = ((some * std.float() + mean.float()).std(1).amax((1, 2)) > 1e-3).double().mean()
    assert abs(float(coloured) - 0.5) < 5 * 0.5 / 200**0.5


def test_a_function_of_the_key() -> None:
    state, python_state = torch.get_rng_state(), random.getstate()
    augmentation, given = ChannelAugmentation(), batch()
    first = augmentation.augment(given).images
    assert torch.equal(first, augmentation.augment(given).images)
    given.key = (*KEY[:-1], 1)
    assert not torch.equal(first, augmentation.augment(given).images)
    assert torch.equal(state, torch.get_rng_state())
    assert python_state == random.getstate()
    views = ChannelAugmentation(3, erasing_probability=0.0).augment(batch()).images
    assert not torch.equal(views[:4].sum((2, 3)), views[4:8].sum((2, 3)))  # the views are drawn by themselves


@pytest.mark.parametrize(("n_visible", "infrared"), [(4, 0), (0, 4)])
def test_batches_of_one_modality(n_visible: int, infrared: int) -> None:
    made = ChannelAugmentation().augment(batch(n_visible, infrared))
    assert (made.n_visible, len(made)) == (2 * n_visible, 2 * n_visible + infrared)
    assert made.images.isfinite().all()


def test_settings() -> None:
    one = ChannelAugmentation(4, 0.4, 0.6, 0.5, True, 0.7, 0.1, "mean")
    again = instantiate(settings_of(one))
    assert torch.equal(again.augment(batch()).images, one.augment(batch()).images)
    assert again.settings() == one.settings()


@pytest.mark.parametrize("name", ["adaptive_grey", "visible_grey", "erasing_probability", "flip_probability"])
def test_probabilities_out_of_range(name: str) -> None:
    with pytest.raises(SettingsError, match=f"`{name}` must be between 0 and 1, got 1.5"):
        ChannelAugmentation(**{name: 1.5})


@pytest.mark.gpu
def test_the_device_changes_nothing() -> None:
    augmentation, on_host = ChannelAugmentation(visible_grey=0.5), batch()
    expected = augmentation.augment(on_host).images
    torch.testing.assert_close(augmentation.augment(on_host.to("cuda")).images.cpu(), expected, rtol=0, atol=1e-6)
