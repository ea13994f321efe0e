"""The training behind a pretraining: ``vireid fit`` runs, and its trunk is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vireid.commands.lightning import VireidCLI
from vireid.commands.named_classes import named_classes
from vireid.errors import SettingsError, VireidError
from vireid.importable import also_importable
from vireid.models import Trunk
from vireid.settings import class_paths, instantiate


def checked_trunk(space: dict[str, Any], folder: Path) -> Trunk:
    """The trunk of a space. It must be able to read the weights that a pretraining will write.

    Args:
        space: settings of the space.
        folder: folder for a file of weights.

    Raises:
        SettingsError: there is no such trunk, it has no norms that can be searched, or it does not read weights from a file.
    """
    try:
        built = instantiate(space, tuple(class_paths(space)))
        built.sites()
    except VireidError as error:
        raise SettingsError(f"`trunk` cannot be built: {error}") from error
    trunk: Trunk = built.trunk
    begin, path = trunk.build().state_dict(), folder / "begin.pth"
    torch.save(begin, path)
    read = trunk.build(str(path)).state_dict()
    if not all(torch.equal(value, read[name]) for name, value in begin.items()):
        raise SettingsError(
            f"{trunk} does not read weights from a file, so there is nothing to train them for. "
            "Let its `build(weights)` fill the network by `vireid.models.load_weights`."
        )
    return trunk


def trained_weights(trunk: Trunk, words: list[str]) -> dict[str, Tensor]:
    """State dict of a trunk after a training, by its own names. Norms that it never calls keep their initial values, as a task drops them.

    Args:
        trunk: the trunk that is trained.
        words: ``fit`` and its options; configurations are given as files.

    Raises:
        VireidError: ``vireid fit`` refuses the words.
    """
    with also_importable(named_classes(words)):
        trained = _Pretraining(words).model.network.backbone.trunk.state_dict()
    return {name: value.detach().cpu().clone() for name, value in {**trunk.build().state_dict(), **trained}.items()}


class _Pretraining(VireidCLI):
    def after_fit(self) -> None:
        """Print nothing, because the folder of the run is not kept."""
