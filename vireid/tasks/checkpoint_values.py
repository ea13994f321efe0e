"""What the values of a checkpoint must be, before anything is built from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from vireid.errors import CheckpointError
from vireid.settings.bounds import leaves
from vireid.torch_files import check_weights

COUNTS = ("epoch", "global_step")


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
    try:
        numbers = [item for item in leaves(loops) if isinstance(item, (int, float)) and not isinstance(item, bool)]
    except ValueError as error:
        raise CheckpointError(f"{name} is damaged: its {error}.") from error
    if not isinstance(loops, dict) or not all(map(_is_count, numbers)):
        wrong.append("loops")
    if wrong:
        raise CheckpointError(f"{name} is damaged: {' and '.join(wrong)} must count from 0, in whole numbers.")


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


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
