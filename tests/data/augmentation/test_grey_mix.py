"""Grey mixtures against a loop over images and channels."""

from __future__ import annotations

import pytest
import torch
from torchvision.transforms.v2.functional import hflip

from vireid.data import GreyMixAugmentation
from vireid.errors import SettingsError
from vireid.settings import instantiate, settings_of

KEY = (3, 0, 5, 2, 0)
IMAGES = torch.rand(16, 3, 12, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_equal_to_a_loop() -> None:
    augmentation = GreyMixAugmentation(padding=0)
    mixtures = augmentation.mixtures(KEY, len(IMAGES))
    assert len({mixture[0] == mixture[1] for mixture in mixtures}) == 2  # some are grey, some are not
    expected = []
    for image, mixture, (_, _, flip, *_) in zip(IMAGES, mixtures, augmentation.draw(KEY, len(IMAGES), 12, 8), strict=True):
        mixed = torch.stack([sum(weight * channel for weight, channel in zip(row, image, strict=True)) for row in mixture])
        expected.append(hflip(mixed) if flip else mixed)
    torch.testing.assert_close(augmentation(IMAGES, KEY), augmentation.normalise(torch.stack(expected)), rtol=0, atol=1e-12)


def test_weights_are_uniform_among_those_of_sum_one() -> None:
    mixtures = torch.tensor(GreyMixAugmentation().mixtures(KEY, 4000), dtype=torch.float64)
    grey = (mixtures[:, 0] == mixtures[:, 1]).all(1)
    assert abs(float(grey.double().mean()) - 0.7) < 5 * (0.7 * 0.3 / 4000) ** 0.5
    weights = mixtures[grey, 0]
    assert float(weights.min()) >= 0
    torch.testing.assert_close(weights.sum(1), torch.ones(len(weights), dtype=torch.float64))
    # of a uniform point of the triangle every weight has mean 1/3 and variance 1/18
    assert (weights.mean(0) - 1 / 3).abs().max() < 5 * (1 / 18 / len(weights)) ** 0.5
    assert (weights.var(0) - 1 / 18).abs().max() < 0.1 / 18


def test_ends() -> None:
    colour, grey = (GreyMixAugmentation(share, 0, 0.0)(IMAGES, KEY) for share in (0.0, 1.0))
    still = GreyMixAugmentation(0.0).normalise(IMAGES)
    torch.testing.assert_close(colour, still)
    back = grey * torch.tensor(GreyMixAugmentation().std)[:, None, None] + torch.tensor(GreyMixAugmentation().mean)[:, None, None]
    torch.testing.assert_close(back[:, 0], back[:, 2], rtol=0, atol=1e-7)  # constants are float32
    infrared = IMAGES[:, :1].expand(-1, 3, -1, -1)
    torch.testing.assert_close(GreyMixAugmentation(1.0, 0, 0.0)(infrared, KEY), GreyMixAugmentation().normalise(infrared))


def test_a_function_of_the_key() -> None:
    augmentation, images = GreyMixAugmentation(), (IMAGES * 255).to(torch.uint8)
    assert torch.equal(augmentation(images, KEY), augmentation(images, KEY))
    assert not torch.equal(augmentation(images, KEY), augmentation(images, (*KEY[:-1], 1)))
    assert augmentation(images, KEY).dtype == torch.float32


def test_settings() -> None:
    assert instantiate(settings_of(GreyMixAugmentation(0.2))).grey == 0.2
    with pytest.raises(SettingsError, match="`grey` must be between 0 and 1, got 2"):
        GreyMixAugmentation(grey=2)
