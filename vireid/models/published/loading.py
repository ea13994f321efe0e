"""Published state dicts: reading their files, and reports of what did not fit."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from vireid.errors import CheckpointError, MissingFileError, SettingsError
from vireid.printable import printable
from vireid.torch_files import check_weights, read_published

LOG = logging.getLogger(__name__)
KEYS = ("state_dict", "net", "model")  # where published checkpoints keep the state, first one first
SHOWN, SHOWN_IN_ERRORS = 8, 3


class StateReport(NamedTuple):
    """What did not fit.

    Attributes:
        missing: entries of our network without a counterpart in the published state; they keep their values.
        unused: entries of the published state that our network has no place for.
        ignored: entries of the published state that its own code keeps, but never uses in the network that was asked for.
    """

    missing: list[str]
    unused: list[str]
    ignored: Sequence[str] = ()

    def log(self, source: str | os.PathLike[str]) -> None:
        """Warn of what did not fit, naming the file."""
        for meaning, names in (("of the network keep their values", self.missing), ("of the file are not used", self.unused)):
            if names:
                LOG.warning("%s: %d entries %s: %s", printable(source), len(names), meaning, shown(names))


def shown(names: Sequence[str], most: int = SHOWN) -> str:
    """The first few of many names."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(printable, names[:most])) + more


def other_shapes(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> list[str]:
    """Entries of both states whose shapes differ, each with both shapes."""
    return [
        f"{name} is {tuple(theirs[name].shape)} there and {tuple(value.shape)} here"
        for name, value in ours.items()
        if name in theirs and theirs[name].shape != value.shape
    ]


def misfit(
    weights: str | os.PathLike[str], network: str, missing: Sequence[str], shapes: Sequence[str], unused: Sequence[str] = ()
) -> SettingsError:
    """The error that weights are those of another network: what differs, how many, how to mend it.

    Args:
        weights: their file or name.
        network: what the user calls it.
        missing: entries of the network that the weights lack.
        shapes: what :func:`other_shapes` found.
        unused: entries of the weights that the network has no place for.
    """
    kinds = {"lacking": missing, "of another shape": shapes, "without a place in it": unused}
    lines = [f"  {len(names)} {kind}: {shown(names, SHOWN_IN_ERRORS)}" for kind, names in kinds.items() if names]
    remedy = "Give weights of a network of the same name and sizes (`vireid pretrain` makes some), or set `weights: null`."
    return SettingsError("\n".join([f"The weights {os.fspath(weights)} do not fit {network}:", *lines, remedy]))


def read_state(path: str | os.PathLike[str], key: str | None = None) -> dict[str, Tensor]:
    """Tensors of a checkpoint file; nothing in the file is executed.

    Args:
        path: the file.
        key: under which the file keeps the state; ``None`` for ``state_dict``, ``net`` or ``model``, the first that is there, else the
            file itself.

    Raises:
        MissingFileError: no such file.
        CheckpointError: damaged, with a weight that is not finite, holding more than tensors and plain values (NumPy's numbers beside them
            are left out), or nothing under ``key``.
    """
    name = os.fspath(path)
    if not Path(path).is_file():
        raise MissingFileError(f"There is no file of weights {name!r}. Give the path of a checkpoint, or set `weights: null`.")
    content = read_published(path)
    inner = content
    if isinstance(content, dict):
        found = [candidate for candidate in ((key,) if key else KEYS) if isinstance(content.get(candidate), dict)]
        inner = content[found[0]] if found else None if key else content
    if not isinstance(inner, dict) or not inner or not all(isinstance(value, Tensor) for value in inner.values()):
        places = f"under {key!r}" if key else f"at the top or under {', '.join(KEYS)}"
        has = f" The file has {shown([str(entry) for entry in content])}." if isinstance(content, dict) else ""
        raise CheckpointError(f"{name!r} holds no state dict: expected names and tensors, {places}.{has}")
    check_weights(inner, repr(name))
    return inner
