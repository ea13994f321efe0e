"""Names of the blocks of a CNet or CDNet, and of the operations that each may be."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, combinations
from typing import Literal

from vireid.errors import SettingsError

Layer = tuple[int, ...]
"""``(k1, k2)`` of a CNet block or ``(k1, k2, repeats)`` of a CDNet block."""

Operations = Literal["cdnet", "cdnet_9", "cnet", "cnet_3"]
_SMALL, _LARGE = tuple(combinations((3, 5, 7), 2)), ((3, 9), (5, 9), (7, 9))
_REPEATED = tuple((*pair, repeats) for pairs in (_SMALL, _LARGE) for repeats in (1, 2) for pair in pairs)
OPERATIONS: dict[Operations, tuple[Layer, ...]] = {
    "cdnet": _REPEATED,
    "cdnet_9": _REPEATED[:-3],
    "cnet": (*_SMALL, *_LARGE),
    "cnet_3": _SMALL,
}
PUBLISHED: dict[Operations, tuple[str, ...]] = {
    "cdnet": ("3x5-1", "3x7-2", "5x7-2", "5x9-1", "5x7-2", "5x7-1"),
    "cnet": ("5x7", "7x9", "7x9", "7x9", "7x9", "3x5"),
}

MOST_BLOCKS = 1000
STAGES = (2, 2, 2)
"""Blocks of each published stage."""


def candidate_name(layer: Sequence[int]) -> str:
    """Candidate id of an operation.

    Example:
        >>> candidate_name((3, 5)), candidate_name((3, 5, 2))
        ('3x5', '3x5-2')
    """
    return "x".join(map(str, layer[:2])) + "".join(f"-{repeats}" for repeats in layer[2:])


def block_stages(stages: Sequence[int] = STAGES) -> dict[str, int]:
    """Stage of every block, from 1, by the name of its module. After each stage but the last comes a cell that halves the map.

    Args:
        stages: number of blocks of each stage.

    Raises:
        SettingsError: more than 1000 blocks.

    Example:
        >>> block_stages()
        {'cells.0': 1, 'cells.1': 1, 'cells.3': 2, 'cells.4': 2, 'cells.6': 3, 'cells.7': 3}
    """
    if sum(stages) > MOST_BLOCKS:
        raise SettingsError(f"`stages` must hold {MOST_BLOCKS} blocks at most, got {sum(stages)}.")
    starts = accumulate(stages, initial=0)
    return {
        f"cells.{start + stage - 1 + block}": stage
        for stage, (depth, start) in enumerate(zip(stages, starts, strict=False), start=1)
        for block in range(depth)
    }


def cell_stage(number: int, stages: Sequence[int] = STAGES) -> int:
    """Stage of any cell, whether it is a block or halves the map. A halving cell belongs to the stage before it.

    Example:
        >>> [cell_stage(number) for number in range(8)]
        [1, 1, 1, 2, 2, 2, 3, 3]
    """
    return 1 + sum(number >= end + stage for stage, end in enumerate(list(accumulate(stages))[:-1], start=1))
