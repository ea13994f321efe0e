"""How deep and how large plain values of a file may be, before anything walks through them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

DEEPEST, MOST = 50, 10**6  # a file of a few bytes may mean lists in lists without end
MOST_SETTINGS = 10_000  # which a parser of YAML reads in seconds
LETTERS = 16  # of a text that count as one value: a file may name one long text in many places


def leaves(value: Any, most: int = MOST) -> Iterator[Any]:
    """Every value in nested dictionaries, lists and tuples; that of a container which stands in several places comes several times.

    Args:
        value: what is walked through.
        most: values and containers that are allowed.

    Raises:
        ValueError: they are nested too deeply, or there are too many.

    Example:
        >>> sorted(leaves({"a": [1, (2, 3)]}))
        [1, 2, 3]
    """
    waiting, seen = [(value, 0)], 0
    while waiting:
        item, depth = waiting.pop()
        seen += 1 + (len(item) // LETTERS if isinstance(item, (str, bytes)) else 0)
        if depth > DEEPEST or seen > most:
            raise ValueError(f"values are nested more than {DEEPEST} deep, or more than {most:,}")
        if isinstance(item, dict):
            seen += sum(len(key) // LETTERS for key in item if isinstance(key, str))
            waiting += [(inner, depth + 1) for inner in item.values()]
        elif isinstance(item, (list, tuple)):
            waiting += [(inner, depth + 1) for inner in item]
        else:
            yield item


def check_bounds(value: Any) -> None:
    """Refuse settings that are nested too deeply, or too many.

    Raises:
        ValueError: they are.
    """
    for _ in leaves(value, MOST_SETTINGS):
        pass
