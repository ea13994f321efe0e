"""What the values of a checkpoint must be, before anything is built from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from vireid.errors import CheckpointError

DEEPEST, MOST = 50, 10**6  # levels and values of settings; a file of a few bytes may mean lists in lists without end
COUNTS = ("epoch", "global_step")


def leaves(value: Any, name: str) -> Iterator[Any]:
    """Every value in nested dictionaries, lists and tuples, that of a container which stands in several places included.

    Raises:
        CheckpointError: they are nested too deeply, or there are too many.
    """
    waiting, seen = [(value, 0)], 0
    while waiting:
        item, depth = waiting.pop()
        seen += 1
        if depth > DEEPEST or seen > MOST:
            raise CheckpointError(f"{name} is damaged: its values are nested more than {DEEPEST} deep, or more than {MOST:,}.")
        if isinstance(item, dict):
            waiting += [(inner, depth + 1) for inner in item.values()]
        elif isinstance(item, (list, tuple)):
            waiting += [(inner, depth + 1) for inner in item]
        else:
            yield item


def check_values(content: Mapping[str, Any], name: str) -> None:
    """Check weights and counters of a checkpoint.

    Args:
        content: the checkpoint.
        name: how messages call it.

    Raises:
        CheckpointError: something else than tensors where weights are, a weight that is not finite, or an impossible count.
    """
    check_weights(content["state_dict"], name)
    wrong = [key for key in COUNTS if key in content and not _is_count(content[key])]
    loops = content.get("loops", {})
    numbers = [item for item in leaves(loops, name) if isinstance(item, (int, float)) and not isinstance(item, bool)]
    if not isinstance(loops, dict) or not all(map(_is_count, numbers)):
        wrong.append("loops")
    if wrong:
        raise CheckpointError(f"{name} is damaged: {' and '.join(wrong)} must count from 0, in whole numbers.")


def check_weights(state: Any, name: str) -> None:
    """Check that a state dict holds tensors whose numbers are finite.

    Raises:
        CheckpointError: it does not.
    """
    if not (isinstance(state, Mapping) and all(isinstance(key, str) and _is_plain(value) for key, value in state.items())):
        raise CheckpointError(f"{name} is damaged: it holds something other than dense tensors where the weights should be.")
    bad = [key for key, value in state.items() if value.is_floating_point() and not bool(value.isfinite().all())]
    if bad:
        raise CheckpointError(
            f"{name} holds NaN or infinity in {len(bad)} of {len(state)} entries, first {bad[0]}: the training that wrote it diverged, or "
            "the file is damaged. Take an earlier checkpoint."
        )


def misfits(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], all_names: bool = True) -> Iterator[str]:
    """What differs between the weights of a file and those of a network: names, shapes, or whole numbers in place of real ones.

    Args:
        found: of the file.
        wanted: of the network.
        all_names: whether both must have the same names.
    """
    for name in dict.fromkeys((*wanted, *found)):
        there, here = (_kind(state[name]) if name in state else "absent" for state in (found, wanted))
        if there != here and (all_names or "absent" not in (there, here)):
            yield f"{name} is {there} in the file and {here} here"


def _kind(value: Tensor) -> str:
    kind = "floating point" if value.is_floating_point() else str(value.dtype).removeprefix("torch.")
    return f"{tuple(value.shape)}, {kind}"


def _is_plain(value: Any) -> bool:
    return isinstance(value, Tensor) and value.layout is torch.strided and not (value.is_meta or value.is_quantized)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
