"""What a pretraining is: plain values, and what they mean for ``vireid fit``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vireid.errors import SettingsError

EPOCH = 10
"""Steps of an epoch. The rate changes after every epoch."""
WARMUP = 20
"""Of so many epochs, one is for the warm-up."""
RANGES = {"people": (48, 9999), "seed": (0, 2**32 - 1), "steps": (EPOCH, 10**6), "image_height": (1, 1024), "image_width": (1, 512)}
"""Least and largest value of each number. 48 people have enough images for the batches of an epoch."""


@dataclass(frozen=True)
class Pretraining:
    """Training of a trunk on visible generated people, for weights to start from.

    Args:
        trunk: a short name such as resnet18, a class path, or settings of a trunk as JSON: {"class_path": ..., "init_args": {...}}.
        width: channels of the stem of a ResNet that is named by its short name; null for its default, 64.
        people: how many people are drawn and trained on, 48 or more.
        seed: seed of people, initial weights and batches; take another seed than that of the people you will train and test on.
        steps: number of optimiser steps, each on one batch; a multiple of 10.
        image_height: height of the network's input, in pixels.
        image_width: width of the network's input, in pixels.
        grey: share of the images that become grey, in [0, 1]; each becomes a random mixture of its channels.

    Raises:
        SettingsError: a number is out of range.
    """

    trunk: dict[str, Any] | str
    width: int | None = None
    people: int = 640
    seed: int = 777
    steps: int = 400
    image_height: int = 64
    image_width: int = 32
    grey: float = 0.7

    def __post_init__(self) -> None:
        for name, (least, most) in RANGES.items():
            if not least <= getattr(self, name) <= most:
                raise SettingsError(f"`{name}` must be {least} to {most}, got {getattr(self, name)}.")
        if self.steps % EPOCH:
            raise SettingsError(f"`steps` must be a multiple of {EPOCH}, the steps of an epoch, got {self.steps}.")
        if not 0 <= self.grey <= 1:
            raise SettingsError(f"`grey` must be between 0 and 1, got {self.grey}.")

    def layer(self) -> dict[str, Any]:
        """The settings that are laid over the recipe."""
        sizes = {} if self.width is None else {"width": self.width}
        space = {"class_path": "vireid.search.BNSeparation", "init_args": {"backbone": self.trunk, **sizes}}
        epochs = self.steps // EPOCH
        schedule = {"class_path": "vireid.tasks.WarmupCosine", "init_args": {"warmup_epochs": epochs // WARMUP}}
        optimizer = {"class_path": "vireid.tasks.SGD", "init_args": {"schedule": schedule}}
        augmentation = {"class_path": "vireid.data.GreyMixAugmentation", "init_args": {"grey": self.grey}}
        return {
            "model": {"init_args": {"space": space, "optimizer": optimizer}},
            "data": {"init_args": {"height": self.image_height, "width": self.image_width, "augmentation": augmentation}},
            "trainer": {"max_epochs": epochs, "limit_train_batches": EPOCH},
        }

    def drawing(self) -> dict[str, Any]:
        """Arguments of the generator. Images have the usual size, or that of the network's input if it is larger."""
        height, width = max(128, self.image_height), max(64, self.image_width)
        return {"identities": self.people, "test_identities": 1, "images": 2, "seed": self.seed, "height": height, "width": width}
