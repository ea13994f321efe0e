"""Training augmentation of whole batches, on the device of the images. Random numbers are a pure function of the batch's key."""

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
    """Base class of augmentations: what is done to training images before the network. Evaluation uses only :meth:`normalise`.

    Args:
        mean: mean of the three channels, in [0, 1], which is subtracted; or one per modality: ``{visible: [...], infrared: [...]}``.
        std: standard deviation of the three channels, above 0, which divides; or one per modality, as ``mean``.
    """

    def __init__(self, mean: Statistics = IMAGENET_MEAN, std: Statistics = IMAGENET_STD) -> None:
        self.mean, self.std = checked("mean", mean), checked("std", std)
        if min(min(values) for values in (self.std.values() if isinstance(self.std, dict) else [self.std])) <= 0:
            raise SettingsError(f"`std` must be positive, got {std}.")

    @property
    def per_modality(self) -> bool:
        """Whether ``mean`` or ``std`` is given per modality."""
        return isinstance(self.mean, dict) or isinstance(self.std, dict)

    @abstractmethod
    def __call__(self, images: Tensor, key: tuple[int, ...], n_visible: int | None = None) -> Tensor:
        """Augmented and normalised images.

        Args:
            images: ``(B, 3, H, W)`` uint8, or float in [0, 1].
            key: identifies the batch; equal keys and shapes give equal random numbers on any device.
            n_visible: number of visible images, which come first. It may be left out if both modalities have the same mean and deviation.

        Returns:
            ``(B, 3, H, W)`` float32; images of another floating dtype keep it.
        """

    def augment(self, batch: Batch) -> Batch:
        """The batch with augmented and normalised images. Override it to treat modalities differently, or to add views."""
        return batch.with_images(self(batch.images, batch.key, batch.n_visible))

    def normalise(self, images: Tensor, n_visible: int | None = None) -> Tensor:
        """Images minus the mean, divided by the standard deviation, as float.

        Args:
            images: ``(B, 3, H, W)`` uint8, or float in [0, 1].
            n_visible: number of visible images, which come first. It may be left out if both modalities have the same mean and deviation.

        Raises:
            SettingsError: ``n_visible`` is left out, but mean or deviation is given per modality.
        """
        scaled = images if images.is_floating_point() else images.float().div_(255)
        mean, std = (of_images(values, scaled, n_visible)[..., None, None] for values in (self.mean, self.std))
        return (scaled.sub_(mean) if scaled is not images else scaled - mean).div_(std)


class Normalise(Augmentation):
    """No augmentation: normalises only."""

    def __call__(self, images: Tensor, key: tuple[int, ...], n_visible: int | None = None) -> Tensor:  # noqa: ARG002 - nothing is random
        """Normalised images, see :class:`Augmentation`."""
        return self.normalise(images, n_visible)
