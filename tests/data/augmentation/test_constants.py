"""Constants of augmentations: made once for each dtype and device, equal to new ones bit by bit."""

from __future__ import annotations

import torch

from vireid.data import CMNASAugmentation, Normalise
from vireid.data.augmentation.constants import constant


def test_made_once_and_equal_to_a_new_tensor() -> None:
    values = (0.1, 0.2, 0.7)
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        images = torch.zeros(1, dtype=dtype)
        assert constant(values, images) is constant(values, torch.ones(2, dtype=dtype))
        assert torch.equal(constant(values, images), images.new_tensor(values))
        assert constant(values, images).dtype == dtype


def test_one_that_an_evaluation_made_may_be_part_of_a_graph() -> None:
    augmentation = CMNASAugmentation(mean=(0.11, 0.22, 0.33), std=(0.44, 0.55, 0.66), erasing_probability=1.0, erase_fill="mean")
    with torch.inference_mode():
        augmentation.normalise(torch.zeros(1, 3, 4, 4))
    images = torch.rand(1, 3, 24, 16, requires_grad=True)
    augmentation(images, (0,)).sum().backward()
    assert images.grad is not None
    assert images.grad.abs().sum() > 0


def test_normalisation_leaves_its_input_as_it_is() -> None:
    images = torch.rand(2, 3, 4, 4)
    before = images.clone()
    Normalise()(images, ())
    assert torch.equal(images, before)
