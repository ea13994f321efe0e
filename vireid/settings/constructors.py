"""Record what the outermost constructor of an object was given, while the constructors of its classes run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from vireid.settings.choices import check_choices

KEYWORDS, POSITIONS = inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL


class Level:
    """One call of one constructor: what its own parameters were given, and what it may hand to its base.

    Args:
        signature: signature of the constructor, with ``self``.
        args: positional values, without ``self``.
        kwargs: named values.
    """

    def __init__(self, signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        catch_all = {p.kind: p.name for p in signature.parameters.values() if p.kind in (KEYWORDS, POSITIONS)}
        self.args, self.named = args, set(kwargs)
        self.parameters = [p for p in list(signature.parameters.values())[1:] if p.kind not in catch_all]
        self.passes_on = KEYWORDS in catch_all
        self.unknown = [] if self.passes_on else [name for name in kwargs if name not in signature.parameters]
        try:
            bound = signature.bind(None, *args, **kwargs).arguments
        except TypeError:  # the constructor itself will say so
            bound = {}
        self.fits = bool(bound)
        self.given = {p.name: bound[p.name] for p in self.parameters if p.name in bound}
        self.shared: dict[str, Any] = bound.get(catch_all.get(KEYWORDS, ""), {})
        self.rest: tuple[Any, ...] = bound.get(catch_all.get(POSITIONS, ""), ())


@dataclass
class Arguments:
    """Arguments of the outermost constructor: its own, those that its bases took from ``**shared``, and defaults of both."""

    values: dict[str, Any] = field(default_factory=dict)
    shared: dict[str, Any] = field(default_factory=dict)  # given by name, and not yet taken by a base
    rest: tuple[Any, ...] = ()  # given by position, and not yet taken by a base
    fixed: set[str] = field(default_factory=set)  # set by a subclass for its base
    depth: int = 0
    open: bool = True  # whether the constructors above hand on what they do not know

    def by_name(self, cls: type) -> dict[str, Any]:
        """All arguments.

        Raises:
            TypeError: an argument was given by position, and no constructor has a name for it.
        """
        if self.rest:
            raise TypeError(f"{cls.__name__} cannot be rebuilt: {self.rest[0]!r} was given to `*args`, and a saved argument needs a name.")
        return {**self.values, **self.shared}

    def refuse_unknown(self, cls: type, level: Level) -> None:
        """Raise ``TypeError`` with the nearest name if a keyword that the user gave reaches a constructor that does not take it."""
        unknown = [name for name in level.unknown if not self.depth or name in self.shared]
        if unknown:
            fixed = self.fixed.union(name for name in level.named if self.depth and name not in self.shared)
            known = list(dict.fromkeys([*self.values, *(p.name for p in level.parameters if p.name not in fixed)]))
            near = get_close_matches(unknown[0], known, n=1)
            hint = f"Did you mean `{near[0]}`?" if near else f"It takes {', '.join(known) or 'none'}."
            raise TypeError(f"{cls.__name__} has no argument `{unknown[0]}`. {hint}")

    def note(self, level: Level) -> None:
        """Record what ``level`` says."""
        if not self.depth:
            self.values = {p.name: level.given.get(p.name, p.default) for p in level.parameters}
            self.shared, self.rest = dict(level.shared), level.rest
        elif self.open:
            self._note_base(level)

    def _note_base(self, level: Level) -> None:
        by_position = self._take_positions(level)
        for parameter in level.parameters:
            name = parameter.name
            if name in self.values or name in self.fixed:
                continue
            if name in self.shared:
                self.values[name] = self.shared.pop(name)
            elif name in by_position or name not in level.given:
                self.values[name] = level.given.get(name, parameter.default)
            else:
                self.fixed.add(name)
        self.fixed.update(name for name in level.shared if name not in self.values and name not in self.shared)

    def _take_positions(self, level: Level) -> set[str]:
        """Names of the parameters that got the user's positional values by ``super().__init__(*args)``."""
        start = len(level.args) - len(self.rest)
        if not self.rest or start < 0 or any(a is not b for a, b in zip(level.args[start:], self.rest, strict=True)):
            return set()
        self.rest = level.rest
        return {p.name for p in level.parameters[start : len(level.args)] if p.kind is not inspect.Parameter.KEYWORD_ONLY}


@contextmanager
def noting(arguments: Arguments, cls: type, level: Level, literals: Mapping[str, Any]) -> Iterator[None]:
    """Record ``level`` in ``arguments``, and count its depth while its constructor runs.

    Args:
        arguments: arguments of the object.
        cls: class of the object.
        level: the call of the constructor.
        literals: types of the parameters that hold a ``Literal``.

    Raises:
        TypeError: no constructor takes a keyword.
        SettingsError: a value is outside a ``Literal``.
    """
    arguments.refuse_unknown(cls, level)
    if level.fits:
        check_choices(literals, level.given)
        arguments.note(level)
    before = arguments.open
    arguments.open, arguments.depth = before and level.passes_on, arguments.depth + 1
    try:
        yield
    finally:
        arguments.open, arguments.depth = before, arguments.depth - 1


def reachable(cls: type) -> Iterator[Callable[..., None]]:
    """Constructors of ``cls`` and its bases that a keyword argument can reach: each but the last ends in ``**shared``."""
    for base in cls.__mro__:
        if "__init__" in vars(base):
            yield vars(base)["__init__"]
            if KEYWORDS not in {p.kind for p in inspect.signature(vars(base)["__init__"]).parameters.values()}:
                return
