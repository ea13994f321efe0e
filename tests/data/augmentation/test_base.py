"""Augmentation against a naive loop per image, and the reference's rectangles."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from vireid.data import Augmentation, CMNASAugmentation, FlipShiftAugmentation, Normalise, erase, sample_rectangle
from vireid.data.augmentation.by_rows import crop_and_normalise_rows, crop_rows, erase_rows
from vireid.data.augmentation.geometry import crop_by_index, erase_by_index
from vireid.settings import instantiate, settings_of

GOLDEN = Path(__file__).parents[2] / "golden" / "cmnas_random_erasing.npz"
KEY = (3, 0, 5, 2, 0)


@pytest.fixture
def images() -> Tensor:
    return torch.randint(0, 256, (24, 3, 20, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_rectangles_and_fill_of_the_reference() -> None:
    golden = np.load(GOLDEN)
    height, width = golden["image_hw"]
    area, low = (float(golden["sl"]), float(golden["sh"])), float(golden["r1"])
    for seed, (erased, *rectangle) in zip(golden["python_seeds"], golden["rect"], strict=True):
        drawn = sample_rectangle(random.Random(int(seed)), int(height), int(width), float(golden["p"]), area, (low, 1 / low))
        assert drawn == (tuple(rectangle) if erased else None)
    default = CMNASAugmentation()
    assert default.mean == tuple(golden["mean"])
    assert (default.erasing_probability, default.erasing_area) == (golden["p"], area)
    assert default.erasing_aspect == (low, 1 / low)


def naive(images: Tensor, augmentation: CMNASAugmentation, fill: tuple[float, ...]) -> Tensor:
    """One image and one pixel at a time, in float64."""
    pad, (height, width) = augmentation.padding, images.shape[2:]
    out = torch.zeros(images.shape, dtype=torch.float64)
    draws = augmentation.draw(KEY, len(images), height, width)
    for n, (top, left, flip, erase_top, erase_left, tall, wide) in enumerate(draws):
        for y in range(height):
            for x in range(width):
                row = y + top - pad
                column = (width - 1 - x if flip else x) + left - pad
                for c in range(3):
                    inside = 0 <= row < height and 0 <= column < width
                    value = images[n, c, row, column].item() / 255 if inside else 0.0
                    out[n, c, y, x] = (value - augmentation.mean[c]) / augmentation.std[c]
                    if erase_top <= y < erase_top + tall and erase_left <= x < erase_left + wide:
                        out[n, c, y, x] = fill[c]
    return out


@pytest.mark.parametrize("erase_fill", ["quirk", "mean"])
def test_batched_augmentation_equals_a_loop_over_pixels(images: Tensor, erase_fill: str) -> None:
    augmentation = CMNASAugmentation(padding=3, erase_fill=erase_fill)
    fill = augmentation.mean if erase_fill == "quirk" else (0.0, 0.0, 0.0)
    draws = augmentation.draw(KEY, 24, 20, 12)
    assert {draw[2] for draw in draws} == {0, 1}  # some are flipped,
    assert 0 < sum(draw[5] > 0 for draw in draws) < 24  # some erased, some not
    result = augmentation(images, KEY)
    torch.testing.assert_close(result.double(), naive(images, augmentation, fill), rtol=0, atol=1e-6)  # float32 rounding
    torch.testing.assert_close(augmentation(images.float() / 255, KEY), result)  # float images are taken to be in [0, 1]


def test_random_numbers_are_a_pure_function_of_the_key(images: Tensor) -> None:
    augmentation = CMNASAugmentation(padding=3)
    state, python_state = torch.get_rng_state(), random.getstate()
    first = augmentation(images, KEY)
    assert torch.equal(first, CMNASAugmentation(padding=3)(images, KEY))
    assert not torch.equal(first, augmentation(images, (*KEY[:-1], 1)))
    assert torch.equal(state, torch.get_rng_state())
    assert python_state == random.getstate()


def test_corners_cover_the_whole_range_and_probabilities_switch(images: Tensor) -> None:
    draws = CMNASAugmentation(padding=1).draw(KEY, 500, 20, 12)
    assert {draw[:2] for draw in draws} == {(top, left) for top in range(3) for left in range(3)}
    assert all(draw[2] == 0 and draw[5] == 0 for draw in CMNASAugmentation(flip_probability=0, erasing_probability=0).draw(KEY, 50, 20, 12))
    assert all(draw[2] == 1 for draw in FlipShiftAugmentation(flip_probability=1).draw(KEY, 50, 20, 12))
    still = FlipShiftAugmentation(padding=0, flip_probability=0)
    torch.testing.assert_close(still(images, KEY), Normalise()(images, KEY))
    mirrored = FlipShiftAugmentation(padding=0, flip_probability=1)
    torch.testing.assert_close(mirrored(images, KEY), Normalise()(images.flip(3), KEY))


def test_normalisation_by_hand() -> None:
    image = torch.full((1, 3, 1, 1), 255, dtype=torch.uint8)
    result = Normalise(mean=(0.5, 0.0, 1.0), std=(0.5, 2.0, 1.0))(image, ())
    assert result.flatten().tolist() == [1.0, 0.5, 0.0]
    assert image.dtype == torch.uint8


def test_erasing_nothing_and_one_pixel() -> None:
    images = torch.zeros(2, 1, 3, 3)
    result = erase(images, torch.tensor([[0, 0, 0, 0], [1, 2, 1, 1]]), torch.tensor([5.0]))
    assert result[0].sum() == 0
    assert result[1].sum() == result[1, 0, 1, 2] == 5


def test_no_rectangle_fits() -> None:
    assert sample_rectangle(random.Random(0), 9, 9, probability=1.0, area=(2.0, 3.0)) is None


@pytest.mark.parametrize("augmentation", [CMNASAugmentation(4, erase_fill="mean"), FlipShiftAugmentation(1), Normalise((0.1, 0.2, 0.3))])
def test_settings_rebuild(augmentation: Augmentation, images: Tensor) -> None:
    again = instantiate(settings_of(augmentation))
    assert type(again) is type(augmentation)
    assert torch.equal(again(images, KEY), augmentation(images, KEY))


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"`std` must be positive"):
        Normalise(std=(1.0, 0.0, 1.0))
    with pytest.raises(ValueError, match=r"`padding` must be at least 0, got -1"):
        FlipShiftAugmentation(-1)
    with pytest.raises(ValueError, match=r"`flip_probability` must be between 0 and 1, got 2"):
        FlipShiftAugmentation(flip_probability=2)
    with pytest.raises(ValueError, match=r"`erasing_probability` must be"):
        CMNASAugmentation(erasing_probability=-0.1)
    with pytest.raises(ValueError, match=r"`erasing_area` must be a range"):
        CMNASAugmentation(erasing_area=(0.4, 0.02))
    with pytest.raises(ValueError, match=r"`erase_fill` must be quirk or mean, got 'zero'"):
        CMNASAugmentation(erase_fill="zero")  # type: ignore[arg-type]


@pytest.mark.gpu
def test_the_device_changes_nothing(images: Tensor) -> None:
    augmentation = CMNASAugmentation(padding=3)
    torch.testing.assert_close(augmentation(images.cuda(), KEY).cpu(), augmentation(images, KEY), rtol=0, atol=1e-6)


@pytest.mark.parametrize("padding", [0, 3, 9])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_both_ways_to_crop_and_to_erase_agree(padding: int, dtype: torch.dtype) -> None:
    """By slices as on a CPU, and by an index of every pixel as on a GPU; borders may be wider than the 7 x 5 images."""
    generator = torch.Generator().manual_seed(padding)
    images = torch.randint(1, 256, (200, 3, 7, 5), generator=generator).to(dtype)
    top, left = torch.randint(0, 2 * padding + 1, (2, 200), generator=generator)
    draws = top, left, torch.rand(200, generator=generator) < 0.5, padding
    assert torch.equal(crop_rows(images, *draws), crop_by_index(images, *draws))
    corners, sides = torch.randint(0, 4, (200, 2), generator=generator), torch.randint(0, 3, (200, 2), generator=generator)
    for fill in (torch.rand(3, generator=generator), torch.rand(200, 3, generator=generator)):
        given = torch.cat((corners, sides), 1), fill
        assert torch.equal(erase_rows(images.float().clone(), *given), erase_by_index(images.float().clone(), *given))


@pytest.mark.parametrize("padding", [0, 3, 9])
@pytest.mark.parametrize("of_each", [False, True])
@pytest.mark.parametrize("black", [False, True])
def test_images_that_are_normalised_one_by_one_are_those_of_the_batch(padding: int, of_each: bool, black: bool) -> None:
    """To the last bit: crops of the batch, and its normalisation before or after them."""
    generator = torch.Generator().manual_seed(padding)
    images = torch.randint(0, 256, (40, 3, 7, 5), generator=generator).to(torch.uint8)
    top, left = torch.randint(0, 2 * padding + 1, (2, 40), generator=generator)
    draws = top, left, torch.rand(40, generator=generator) < 0.5, padding
    mean, std = ((1 + torch.rand(40, 3, generator=generator)) if of_each else torch.tensor([0.4, 0.5, 0.6]) * scale for scale in (1, 2))

    def normalise(values: Tensor) -> Tensor:
        return values.float().div_(255).sub_(mean[..., None, None]).div_(std[..., None, None])

    expected = normalise(crop_by_index(images, *draws)) if black else crop_by_index(normalise(images), *draws)
    assert torch.equal(crop_and_normalise_rows(images, *draws, mean, std, black), expected)


def test_a_normalisation_of_ones_own_is_used(images: Tensor) -> None:
    class Doubled(FlipShiftAugmentation):
        def normalise(self, images: Tensor, n_visible: int | None = None) -> Tensor:
            return 2 * super().normalise(images, n_visible)

    assert torch.equal(Doubled(2)(images, KEY), 2 * FlipShiftAugmentation(2)(images, KEY))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_images_are_float32_whatever_torch_makes_by_default(images: Tensor, dtype: torch.dtype) -> None:
    expected, before = FlipShiftAugmentation(2)(images, KEY), torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        found = FlipShiftAugmentation(2)(images, KEY)
    finally:
        torch.set_default_dtype(before)
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)
