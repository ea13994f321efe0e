"""Colour jitter against torchvision's, image by image."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2.functional import adjust_brightness, adjust_contrast, hflip

from vireid.data import FlipJitterAugmentation
from vireid.errors import SettingsError
from vireid.settings import instantiate, settings_of

KEY = (3, 0, 5, 2, 0)
IMAGES = torch.rand(16, 3, 12, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def one_by_one(augmentation: FlipJitterAugmentation, images: Tensor) -> Tensor:
    done = []
    flips = augmentation.draw(KEY, len(images), *images.shape[2:])
    for image, (brightness, contrast, first), (_, _, flip, *_) in zip(images, augmentation.factors(KEY, len(images)), flips, strict=True):
        steps = [(adjust_brightness, brightness), (adjust_contrast, contrast)]
        for adjust, factor in steps if first else reversed(steps):
            image = adjust(image, factor)
        done.append(hflip(image) if flip else image)
    return augmentation.normalise(torch.stack(done))


def test_equal_to_torchvision() -> None:
    augmentation = FlipJitterAugmentation(0.5, 0.4)
    factors = augmentation.factors(KEY, 400)
    assert {first for *_, first in factors} == {0.0, 1.0}
    expected = one_by_one(augmentation, IMAGES)
    torch.testing.assert_close(augmentation(IMAGES, KEY), expected, rtol=0, atol=1e-4 / 0.225)  # torchvision rounds 0.299 to 0.2989


def test_factors_fill_their_ranges() -> None:
    brightness, contrast, first = torch.tensor(FlipJitterAugmentation().factors(KEY, 2000)).T
    for values, width in ((brightness, 0.2), (contrast, 0.15)):
        assert 1 - width <= float(values.min()) < 1 - 0.98 * width
        assert 1 + 0.98 * width < float(values.max()) <= 1 + width
    assert abs(float(first.mean()) - 0.5) < 5 * 0.5 / 2000**0.5


def test_a_function_of_the_key() -> None:
    augmentation, images = FlipJitterAugmentation(), (IMAGES * 255).to(torch.uint8)
    assert torch.equal(augmentation(images, KEY), augmentation(images, KEY))
    assert not torch.equal(augmentation(images, KEY), augmentation(images, (*KEY[:-1], 1)))
    assert augmentation(images, KEY).dtype == torch.float32


def test_nothing_but_normalisation_is_left() -> None:
    nothing = FlipJitterAugmentation(0.0, 0.0, 0.0)
    torch.testing.assert_close(nothing(IMAGES, KEY), nothing.normalise(IMAGES))


def test_settings() -> None:
    again = instantiate(settings_of(FlipJitterAugmentation(0.1, 0.2)))
    assert (again.brightness, again.contrast) == (0.1, 0.2)
    with pytest.raises(SettingsError, match="`contrast` must be between 0 and 1, got 2"):
        FlipJitterAugmentation(contrast=2)
