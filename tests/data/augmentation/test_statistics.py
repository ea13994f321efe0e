"""Mean and deviation of each modality: by hand, at the borders of padded images, in erased rectangles, in settings."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from jsonargparse import ArgumentParser
from torch import Tensor

from vireid.data import (
    Augmentation,
    ChannelAugmentation,
    CMNASAugmentation,
    CutoutAugmentation,
    FlipJitterAugmentation,
    FlipShiftAugmentation,
    Normalise,
)
from vireid.errors import SettingsError
from vireid.settings import instantiate, settings_of
from vireid.structures import Batch

KEY = (3, 0, 5)
MEAN = {"visible": (0.1, 0.2, 0.3), "infrared": (0.6, 0.7, 0.8)}
STD = {"visible": (0.5, 0.25, 0.2), "infrared": (0.1, 0.2, 0.4)}
VISIBLE, INFRARED = 5, 3


def batch(images: Tensor) -> Batch:
    rows = torch.arange(len(images))
    return Batch(images, rows, rows, rows, (rows >= VISIBLE).long(), rows, VISIBLE, KEY)


def pixels(height: int = 8, width: int = 6) -> Tensor:
    return torch.randint(0, 256, (VISIBLE + INFRARED, 3, height, width), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_every_image_is_normalised_by_its_modality() -> None:
    images = pixels()
    found = Normalise(MEAN, STD).augment(batch(images)).images
    for n, name in enumerate(["visible"] * VISIBLE + ["infrared"] * INFRARED):
        for channel in range(3):
            expected = (images[n, channel].double() / 255 - MEAN[name][channel]) / STD[name][channel]
            torch.testing.assert_close(found[n, channel].double(), expected, rtol=0, atol=1e-6)  # float32 rounding
    assert torch.equal(Normalise(MEAN, STD).normalise(images[:VISIBLE], VISIBLE), found[:VISIBLE])  # an evaluation's batches
    assert torch.equal(Normalise(MEAN, STD).normalise(images[VISIBLE:], 0), found[VISIBLE:])
    one_of_two = Normalise(MEAN["visible"], STD).normalise(images[VISIBLE:], 0)
    assert torch.equal(one_of_two, Normalise(MEAN["visible"], STD["infrared"]).normalise(images[VISIBLE:]))


EVERY: list[dict[str, Any]] = [
    {"cls": Normalise},
    {"cls": FlipShiftAugmentation},
    {"cls": CMNASAugmentation, "pad_fill": "mean"},
    {"cls": ChannelAugmentation, "pad_fill": "mean", "erasing_probability": 1.0, "erase_fill": "mean"},
    {"cls": CutoutAugmentation, "pad_fill": "mean"},
    {"cls": FlipJitterAugmentation},
]


@pytest.mark.parametrize("arguments", EVERY, ids=lambda arguments: arguments["cls"].__name__)
def test_equal_numbers_for_both_modalities_are_one_triple(arguments: dict[str, Any]) -> None:
    cls, others = arguments["cls"], {name: value for name, value in arguments.items() if name != "cls"}
    triple = cls(mean=MEAN["visible"], std=STD["infrared"], **others)
    both = cls(mean=dict.fromkeys(MEAN, MEAN["visible"]), std=dict.fromkeys(STD, STD["infrared"]), **others)
    images = pixels(24, 16)
    assert (triple.per_modality, both.per_modality) == (False, True)
    assert torch.equal(triple.augment(batch(images)).images, both.augment(batch(images)).images)
    assert torch.equal(triple.normalise(images), both.normalise(images, VISIBLE))


def borders(images: Tensor, inner: Tensor) -> Tensor:
    """``(B, H, W)``: where a shifted image of one colour has another one, given its colour ``(B, 3)`` after normalisation."""
    return ~torch.isclose(images, inner[:, :, None, None]).all(1)


PADDING: list[Augmentation] = [
    FlipShiftAugmentation(4, mean=MEAN, std=STD),
    CMNASAugmentation(4, erasing_probability=0.0, pad_fill="mean", mean=MEAN, std=STD),
    ChannelAugmentation(4, erasing_probability=0.0, adaptive_grey=0.0, pad_fill="mean", mean=MEAN, std=STD),
    CutoutAugmentation(0, pad_fill="mean", mean=MEAN, std=STD),
]


@pytest.mark.parametrize("augmentation", PADDING, ids=lambda augmentation: type(augmentation).__name__)
def test_padding_makes_no_gap_between_modalities(augmentation: Augmentation) -> None:
    """Its pixels are 0, the mean, in images of both. Black would be -0.2 to -1.5 in visible images and -2 to -6 in infrared ones."""
    white = batch(torch.full((VISIBLE + INFRARED, 3, 8, 6), 255, dtype=torch.uint8))
    made = augmentation.augment(white)
    colours = Normalise(MEAN, STD).normalise(torch.ones(len(made), 3, 1, 1), made.n_visible)
    outside = (made.images == 0).all(1)
    if not isinstance(augmentation, ChannelAugmentation):  # which changes the colours of white, but not of 0
        assert torch.equal(borders(made.images, colours[:, :, 0, 0]), outside)
    for rows in (slice(None, made.n_visible), slice(made.n_visible, None)):
        assert 0 < int(outside[rows].sum()) < outside[rows].numel()
        assert bool((made.images[rows] >= 0).all()), "nothing is darker than the mean in an image of white"


def test_black_padding_is_the_same_number_only_where_the_statistics_are() -> None:
    black = FlipShiftAugmentation(4, pad_fill="black", mean=MEAN["visible"], std=STD["visible"])
    darkest = black.augment(batch(torch.full((VISIBLE + INFRARED, 3, 8, 6), 255, dtype=torch.uint8))).images.amin((0, 2, 3))
    torch.testing.assert_close(darkest, torch.tensor([-0.2, -0.8, -1.5]))
    for cls in (FlipShiftAugmentation, CMNASAugmentation, ChannelAugmentation, CutoutAugmentation):
        for given in ({"mean": MEAN}, {"std": STD}):
            with pytest.raises(SettingsError, match=r"`pad_fill: black` does not go with .* Set `pad_fill: mean`"):
                cls(pad_fill="black", **given)
    assert FlipShiftAugmentation(0, pad_fill="black", mean=MEAN).per_modality, "without padding there is no border"


@pytest.mark.parametrize("erase_fill", ["quirk", "mean"])
def test_erasing_fills_with_the_mean_of_the_modality(erase_fill: Any) -> None:
    augmentation = CMNASAugmentation(0, 0.0, 1.0, erase_fill=erase_fill, pad_fill="mean", mean=MEAN, std=STD)
    images = torch.full((VISIBLE + INFRARED, 3, 24, 16), 255, dtype=torch.uint8)
    plain, found = Normalise(MEAN, STD).normalise(images, VISIBLE), augmentation(images, KEY, VISIBLE)
    for n, name in enumerate(["visible"] * VISIBLE + ["infrared"] * INFRARED):
        erased = (found[n] != plain[n]).any(0)
        assert 0 < int(erased.sum()) < erased.numel()
        expected = torch.tensor(MEAN[name] if erase_fill == "quirk" else (0.0, 0.0, 0.0))
        assert torch.equal(found[n][:, erased], expected[:, None].expand(3, int(erased.sum())))


def test_settings_and_the_parser_know_both_forms() -> None:
    images = batch(pixels())
    for mean in (MEAN, MEAN["visible"]):
        one = FlipShiftAugmentation(1, mean=mean, std=STD)
        again = instantiate(settings_of(one))
        assert again.settings() == one.settings()
        assert torch.equal(again.augment(images).images, one.augment(images).images)
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(FlipShiftAugmentation)
    parsed = parser.parse_args(["--mean={visible: [0.1, 0.2, 0.3], infrared: [0.6, 0.7, 0.8]}", "--std=[0.5, 0.25, 0.2]"])
    assert (parsed.mean, parsed.std) == (MEAN, STD["visible"])
    assert parser.instantiate(parsed)


@pytest.mark.parametrize("name", ["mean", "std"])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"visible": (1.0, 1.0, 1.0)}, "has no numbers of infrared images. Give three numbers, or three for `visible` and three"),
        ({}, "has no numbers of visible and infrared images"),
        ({**MEAN, "thermal": (1.0, 1.0, 1.0)}, "has numbers of 'thermal', which is no modality"),
        ((1.0, 1.0), "has 2 numbers for three channels"),
        ({**MEAN, "infrared": (1.0,)}, "has 1 numbers for three channels"),
    ],
)
def test_refusals(name: str, value: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Normalise(**{name: value})


def test_numbers_that_divide_are_positive_and_modalities_must_be_known() -> None:
    with pytest.raises(SettingsError, match="`std` must be positive"):
        Normalise(std={**STD, "infrared": (0.1, 0.0, 0.1)})
    with pytest.raises(SettingsError, match="`n_visible` must say how many of the images are visible"):
        Normalise(MEAN)(pixels(), KEY)
