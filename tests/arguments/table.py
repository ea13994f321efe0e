"""What a row of the table of arguments says: another value of an argument, and what it changes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor, nn

BEFORE: dict[tuple[int, str], Any] = {}


@dataclass(frozen=True)
class Change:
    """Another value, which changes what is observed.

    Attributes:
        value: of the argument.
        given: arguments without which this one does not act; both objects have them.
    """

    value: Any
    given: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Refused:
    """A value that is refused, for an argument whose good values all look alike from outside.

    Attributes:
        value: of the argument.
        match: of the message.
        given: other arguments.
    """

    value: Any
    match: str
    given: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """All arguments of one class.

    Attributes:
        cls: the class.
        observe: what an object does: tensors, numbers, texts, nested as you like. Never its settings.
        rows: per argument.
        base: arguments that every object needs.
        prepare: called before there is an object.
    """

    cls: type[Any]
    observe: Callable[[Any], Any]
    rows: Mapping[str, Change | Refused]
    base: Mapping[str, Any] = field(default_factory=dict)
    prepare: Callable[[], object] = bool

    def before(self, given: Mapping[str, Any]) -> Any:
        """What is observed of the arguments that a row starts from, which are those of many rows."""
        key = id(self), repr(given)
        if key not in BEFORE:
            BEFORE[key] = self.seen(given)
            assert same(BEFORE[key], self.seen(given)), "two objects of equal arguments differ: nothing can be compared"
        return BEFORE[key]

    def seen(self, arguments: Mapping[str, Any]) -> Any:
        """What is observed of an object that gets copies of these arguments, and the same random numbers as any other."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return self.observe(self.cls(**copy.deepcopy(dict(arguments))))

    def check(self, argument: str) -> None:
        """Fail unless the row of ``argument`` is right."""
        self.prepare()
        row = self.rows[argument]
        given = {**self.base, **row.given}
        changed = {**given, argument: row.value}
        if isinstance(row, Refused):
            with pytest.raises(Exception, match=row.match):
                self.seen(changed)
            return
        assert not same(self.before(given), self.seen(changed)), f"`{argument}` changes nothing"


def same(first: Any, second: Any) -> bool:
    """Whether two observations are equal, bit by bit."""
    if isinstance(first, Tensor):
        return isinstance(second, Tensor) and first.shape == second.shape and torch.equal(first, second)
    if isinstance(first, dict):
        return list(first) == list(second) and all(same(value, second[key]) for key, value in first.items())
    if isinstance(first, (list, tuple)):
        return len(first) == len(second) and all(map(same, first, second))
    return bool(first == second)


def shapes(module: nn.Module) -> list[tuple[str, tuple[int, ...]]]:
    """Names and shapes of the tensors of a module."""
    return [(name, tuple(value.shape)) for name, value in module.state_dict().items()]
