"""Pretrained weights of torchvision or of a file, with errors that help where there is no network."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from urllib.error import URLError

import torch
from torch import Tensor, nn
from torchvision.models import get_model_weights

from vireid.errors import SettingsError
from vireid.models.published.loading import read_state, shown


def pretrained_state(backbone: str, weights: str) -> Mapping[str, Tensor]:
    """State dict of torchvision's ``weights`` for ``backbone``, from torch hub's checkpoints folder or else downloaded there.

    Args:
        backbone: torchvision's model name.
        weights: member of its weights enum, such as ``IMAGENET1K_V1``, or a file.

    Raises:
        SettingsError: no such weights, or they are neither readable on disk nor to be had.
        CheckpointError: a file that holds no tensors.
    """
    if Path(weights).is_file():
        return read_state(weights)
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


def load_pretrained(trunk: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Fill a whole trunk; entries that it has no place for, such as those of a classifier, are left out.

    Args:
        trunk: every parameter and buffer of it must be in ``state``, in its shape; counters aside.
        state: by the trunk's names.
        source: of the state, for messages.

    Raises:
        SettingsError: entries that the state lacks or has in another shape.
    """
    wanted = {name: value.shape for name, value in trunk.state_dict().items() if not name.endswith("num_batches_tracked")}
    missing = [name for name, shape in wanted.items() if name not in state or state[name].shape != shape]
    if missing:
        raise SettingsError(f"{source} do not fit this network: they lack, or have in another shape, {shown(missing)}.")
    trunk.load_state_dict({**trunk.state_dict(), **{name: value for name, value in state.items() if name in trunk.state_dict()}})
