"""torchvision's ImageNet weights, with errors that help where there is no network."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from urllib.error import URLError

import torch
from torch import Tensor
from torchvision.models import get_model_weights

from vireid.errors import SettingsError


def pretrained_state(backbone: str, weights: str) -> Mapping[str, Tensor]:
    """State dict of torchvision's ``weights`` for ``backbone``, from torch hub's checkpoints folder or else downloaded there.

    Args:
        backbone: torchvision's model name.
        weights: member of its weights enum, such as ``IMAGENET1K_V1``.

    Raises:
        SettingsError: no such weights, or they are neither readable on disk nor to be had.
    """
    try:
        known = get_model_weights(backbone).__members__
    except ValueError:
        raise SettingsError(f"torchvision has no pretrained weights for {backbone}. Set `weights: null`.") from None
    if weights not in known:
        raise SettingsError(f"`weights` of {backbone} must be one of {', '.join(known)} or null, got {weights!r}.")
    entry = known[weights]
    try:
        state: Mapping[str, Tensor] = entry.get_state_dict(progress=True, check_hash=True)
    except (URLError, OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        name = entry.url.rsplit("/", 1)[-1]
        folder = Path(torch.hub.get_dir()) / "checkpoints"
        raise SettingsError(
            f"The weights {weights} of {backbone} cannot be fetched or read from {entry.url} ({error}). "
            f"Put the file {name!r} into {str(folder)!r}, or set `weights: null` to start from random weights."
        ) from error
    return state
