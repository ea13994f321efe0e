"""Pretrained weights of torchvision or of a file, with errors that help on a machine without internet."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from urllib.error import URLError

import torch
from torch import Tensor, nn
from torchvision.models import get_model_weights

from vireid.errors import CheckpointError, SettingsError
from vireid.models.published.loading import StateReport, misfit, other_shapes, read_state, shown

COUNTER = "num_batches_tracked"
TRUNK = "network.backbone.trunk."  # of the names in a checkpoint of ours
DENSE_LAYER = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")  # torchvision's files of DenseNet have names from before 2019


def load_pretrained(trunk: nn.Module, name: str, weights: str) -> None:
    """Fill a whole trunk with torchvision's weights, or with those of a file.

    Args:
        trunk: every parameter and buffer of it must be in the weights, in its shape; counters aside.
        name: torchvision's, of the network.
        weights: member of torchvision's weights enum, such as ``IMAGENET1K_V1``, or a file, see :func:`load_weights`.

    Raises:
        SettingsError: no such weights, they are not to be had, or they do not fit.
        CheckpointError: a file that holds no tensors, or more than tensors and plain values.
    """
    if Path(weights).is_file():
        load_weights(trunk, weights, name)
    else:
        load_state(trunk, trunk_entries(torchvision_state(name, weights)), weights, name)


def load_weights(trunk: nn.Module, path: str | os.PathLike[str], name: str = "this network") -> None:
    """Fill a whole trunk from a file. Nothing in the file is executed.

    Parts of the file's network that the trunk does not have, such as a classifier ``fc``, are ignored, and a warning names them.

    Args:
        trunk: every parameter and buffer of it must be in the file, in its shape; counters aside.
        path: a state dict by the trunk's names, as torchvision publishes and ``vireid pretrain`` writes them; or a checkpoint of vireid,
            whose trunk is taken.
        name: what errors call the network.

    Raises:
        SettingsError: entries that are missing, have another shape, or have no place in the parts of the trunk.
        MissingFileError, CheckpointError: see ``read_state``.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> made, trunk = nn.Linear(2, 2), nn.Linear(2, 2)
        >>> with TemporaryDirectory() as folder:
        ...     torch.save(made.state_dict(), f"{folder}/made.pth")
        ...     load_weights(trunk, f"{folder}/made.pth")
        >>> torch.equal(trunk.weight, made.weight)
        True
    """
    load_state(trunk, trunk_entries(read_state(path)), path, name).log(path)


def trunk_entries(state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Those of the trunk, by its own names, if the state is that of a checkpoint of ours; else all of them, by today's names."""
    ours = {name.removeprefix(TRUNK): value for name, value in state.items() if name.startswith(TRUNK)}
    return ours or {DENSE_LAYER.sub(r"\1\2", name): value for name, value in state.items()}


def load_state(
    trunk: nn.Module, state: Mapping[str, Tensor], weights: str | os.PathLike[str], name: str, classifier: Iterable[str] = ()
) -> StateReport:
    """Fill a whole trunk.

    Args:
        trunk: every parameter and buffer of it must be in ``state``, in its shape; counters aside.
        state: by the trunk's names; entries of parts that the trunk does not have are ignored.
        weights: file or name of the state, for messages.
        name: of the network, for messages.
        classifier: modules that are ignored although they lie in a part that the trunk has.

    Returns:
        What was ignored.

    Raises:
        SettingsError: entries that are missing, have another shape, or have no place in the parts of the trunk.
    """
    ours = trunk.state_dict()
    missing = [name for name in ours if name not in state and not name.endswith(COUNTER)]
    unused = [name for name in state if name not in ours and not name.endswith(COUNTER)]
    parts = {name.partition(".")[0] for name in ours}
    ignored = [name for name in unused if name.partition(".")[0] not in parts or name.rpartition(".")[0] in classifier]
    shapes, misplaced = other_shapes(ours, state), [name for name in unused if name not in ignored]
    if missing or shapes or misplaced:
        raise misfit(weights, name, missing, shapes, misplaced)
    trunk.load_state_dict({**ours, **{name: value for name, value in state.items() if name in ours}})
    return StateReport([], ignored)


def torchvision_state(backbone: str, weights: str) -> Mapping[str, Tensor]:
    """State dict of torchvision's ``weights`` for ``backbone``, from torch hub's checkpoints folder or else downloaded there.

    The file is read as any other: torchvision itself would run what is pickled in it.

    Args:
        backbone: torchvision's model name.
        weights: member of its weights enum, such as ``IMAGENET1K_V1``.

    Raises:
        SettingsError: no such weights, or they are neither readable on disk nor to be had.
    """
    try:
        known = get_model_weights(backbone).__members__
    except ValueError:
        raise SettingsError(
            f"torchvision has no pretrained weights for {backbone}, and there is no file {weights!r}. "
            "Give a file of weights (`vireid pretrain` makes one), or set `weights: null`."
        ) from None
    if weights not in known:
        raise unknown_weights(backbone, weights, [name for name in known if name != "DEFAULT"])
    url = known[weights].url
    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[-1]
    try:
        return _fetched(url, path)
    except (URLError, OSError, RuntimeError, CheckpointError) as error:
        raise SettingsError(
            f"The weights {weights} of {backbone} cannot be fetched or read from {url} ({error}). "
            f"Put the file {path.name!r} into {str(path.parent)!r}, or set `weights: null` to start from random weights."
        ) from error


def _fetched(url: str, path: Path) -> Mapping[str, Tensor]:
    """The state dict in a file, which is downloaded if it is not there. Its name ends in the beginning of its checksum."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), path.stem.rpartition("-")[2])
    return read_state(path)


def unknown_weights(network: str, weights: str, known: Sequence[str]) -> SettingsError:
    """What to raise for weights that a network does not have.

    Args:
        network: its name.
        weights: what was asked for.
        known: names of the weights that it has.
    """
    near = get_close_matches(weights, known, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    names = f"{shown(known)}, " if known else ""
    return SettingsError(f"`weights` of {network} must be default (for its own), {names}a file or null, got {weights!r}.{hint}")
