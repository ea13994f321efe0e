"""Damaged variants of good files: bytes that are cut off or changed, and values of a wrong kind at every place."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

CUTS = (0.0, 0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999)
WRONG: tuple[Any, ...] = (None, True, -5, 1.5, float("nan"), 10**30, "x", "", [], [[1]], {}, {"class_path": "x"})


def damaged_bytes(content: bytes, flips: int = 40) -> Iterator[tuple[str, bytes]]:
    """The file cut off at several places, with one byte inverted at ``flips`` places, and with foreign bytes before and behind."""
    for share in CUTS:
        yield f"cut at {share}", content[: int(share * len(content))]
    for number in range(flips):
        place = (number * len(content)) // flips
        yield f"byte {place} inverted", content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]
    yield "preceded by text", b"text" + content
    yield "followed by zeros", content + b"\0" * 9
    yield "zeros", b"\0" * len(content)
    yield "brackets", b"[" * 100_000
    yield "not UTF-8", b"\xff\xfe" + content


def damaged_values(value: Any, most: int = 2) -> Iterator[tuple[str, Any]]:
    """Copies of nested values in which one is of a wrong kind or absent, at every place.

    Args:
        value: dictionaries and lists of plain values.
        most: entries of a list, and of a dictionary of more than ten, that are damaged: its first ones.
    """
    for keys in list(places(value, most)):
        for wrong in WRONG:
            changed = copy.deepcopy(value)
            inside(changed, keys[:-1])[keys[-1]] = wrong
            yield f"{keys} is {wrong!r}", changed
        changed = copy.deepcopy(value)
        del inside(changed, keys[:-1])[keys[-1]]
        yield f"{keys} is absent", changed
    for wrong in WRONG:
        yield f"all is {wrong!r}", wrong


def places(value: Any, most: int) -> Iterator[tuple[Any, ...]]:
    """Keys that lead to every value."""
    if isinstance(value, dict):
        keys: list[Any] = list(value) if len(value) <= 10 else list(value)[:most]
    else:
        keys = list(range(min(len(value), most))) if isinstance(value, list) else []
    for key in keys:
        yield (key,)
        for inner in places(value[key], most):
            yield (key, *inner)


def inside(value: Any, keys: tuple[Any, ...]) -> Any:
    """The container that ``keys`` lead to."""
    for key in keys:
        value = value[key]
    return value
