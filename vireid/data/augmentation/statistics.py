"""Mean and deviation of the channels: one triple for all images, or one for each modality."""

from __future__ import annotations

import torch
from torch import Tensor

from vireid.data.augmentation.constants import constant
from vireid.errors import SettingsError
from vireid.structures import Modality

Triple = tuple[float, float, float]
Statistics = Triple | dict[str, Triple]
ZEROS: Triple = (0.0, 0.0, 0.0)
MODALITIES = [modality.name.lower() for modality in Modality]  # visible rows come first in a batch
FORM = "Give three numbers, or three for `visible` and three for `infrared`."


def checked(name: str, values: Statistics) -> Statistics:
    """``values`` as tuples, after a check.

    Args:
        name: name of the argument, for messages.
        values: three numbers, or three for each modality by its name.

    Raises:
        SettingsError: the number of channels is not three, or a modality is absent or unknown.
    """
    if not isinstance(values, dict):
        return _triple(name, values)
    if missing := [modality for modality in MODALITIES if modality not in values]:
        raise SettingsError(f"`{name}` has no numbers of {' and '.join(missing)} images. {FORM}")
    if unknown := sorted(set(values) - set(MODALITIES)):
        raise SettingsError(f"`{name}` has numbers of {unknown[0]!r}, which is no modality. {FORM}")
    return {modality: _triple(f"{name}.{modality}", values[modality]) for modality in MODALITIES}


def of_images(values: Statistics, images: Tensor, n_visible: int | None) -> Tensor:
    """``(3,)`` if ``values`` are the same for all images, otherwise ``(B, 3)``, one row per image; in the dtype of the images.

    Args:
        values: three numbers or three per modality, as :func:`checked` returns them.
        images: ``(B, 3, H, W)`` float, visible ones first.
        n_visible: how many of them are visible.

    Raises:
        SettingsError: ``values`` differ between modalities and ``n_visible`` is ``None``.
    """
    if not isinstance(values, dict):
        return constant(values, images)
    if n_visible is None:
        raise SettingsError("`mean` or `std` is given for each modality, so `n_visible` must say how many of the images are visible.")
    visible, infrared = (constant(values[modality], images) for modality in MODALITIES)
    return torch.cat([visible.expand(n_visible, 3), infrared.expand(len(images) - n_visible, 3)])


def _triple(name: str, values: Triple) -> Triple:
    if len(values) != 3:
        raise SettingsError(f"`{name}` has {len(values)} numbers for three channels. {FORM}")
    first, second, third = values
    return first, second, third
