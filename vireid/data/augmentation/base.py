"""Training augmentation, batched on the images' device; random numbers are a pure function of the batch's key."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from vireid.data.augmentation.statistics import Statistics, Triple, checked, of_images
from vireid.errors import SettingsError
from vireid.settings import Recorded
from vireid.structures import Batch

IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)


class Augmentation(Recorded, ABC):
    """What happens to training images between disk and network; evaluation uses only its :meth:`normalise`.

    Args:
        mean: of the three channels, in [0, 1]; it is subtracted. Or one for each modality: ``{visible: [...], infrared: [...]}``.
        std: deviation of the three channels, above 0; it divides. Or one for each modality, as ``mean``.
    """

    def __init__(self, mean: Statistics = IMAGENET_MEAN, std: Statistics = IMAGENET_STD) -> None:
        self.mean, self.std = checked("mean", mean), checked("std", std)
        if min(min(values) for values in (self.std.values() if isinstance(self.std, dict) else [self.std])) <= 0:
            raise SettingsError(f"`std` must be positive, got {std}.")

    @property
    def per_modality(self) -> bool:
        """Whether mean or deviation is given for each modality."""
        return isinstance(self.mean, dict) or isinstance(self.std, dict)

    @abstractmethod
    def __call__(self, images: Tensor, key: tuple[int, ...], n_visible: int | None = None) -> Tensor:
        """Augmented and normalised images.

        Args:
            images: ``(B, 3, H, W)`` uint8, or float in [0, 1].
            key: names the batch; equal keys and shapes give equal random numbers, on any device.
            n_visible: number of visible images, which come first. It may be left out where mean and deviation do not depend on it.

        Returns:
            ``(B, 3, H, W)`` float32 (another floating dtype stays).
        """

    def augment(self, batch: Batch) -> Batch:
        """The batch with augmented and normalised images. Override it to treat modalities differently, or to add views."""
        return batch.with_images(self(batch.images, batch.key, batch.n_visible))

    def normalise(self, images: Tensor, n_visible: int | None = None) -> Tensor:
        """uint8, or float in [0, 1], to float with the mean taken off, divided by the standard deviation.

        Args:
            images: ``(B, 3, H, W)``.
            n_visible: number of visible images, which come first. It may be left out where mean and deviation do not depend on it.

        Raises:
            SettingsError: it is left out, and they do.
        """
        scaled = images if images.is_floating_point() else images.float().div_(255)
        mean, std = (of_images(values, scaled, n_visible)[..., None, None] for values in (self.mean, self.std))
        return (scaled - mean).div_(std)


class Normalise(Augmentation):
    """No augmentation: normalises only."""

    def __call__(self, images: Tensor, key: tuple[int, ...], n_visible: int | None = None) -> Tensor:  # noqa: ARG002 - nothing is random
        """Normalised images, see :class:`Augmentation`."""
        return self.normalise(images, n_visible)
