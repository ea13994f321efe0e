"""Which kinds of objects an argument takes, by its annotation."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from vireid.settings.constructors import reachable


def constructor_hints(cls: type) -> dict[str, Any]:
    """Types of the arguments of a class and of those that it passes on to its bases; one that cannot be resolved is left out."""
    found: dict[str, Any] = {}
    for constructor in reachable(cls):
        found = {**_hints(constructor), **found}
    return found


def wants_object(hint: Any) -> bool:
    """Whether a parser may take a value for an object, a class or something to call, and not only for a plain value, path or choice."""
    if arguments := get_args(hint):
        return any(map(wants_object, arguments))
    return hint is Any or _is_class(hint)


def is_plain(hint: Any) -> bool:
    """Whether a type has no place for an object: numbers, texts, paths, and lists and dictionaries of anything."""
    return not tells_nothing(hint) and next(_classes(hint), None) is None


def takes_paths(hint: Any) -> bool:
    """Whether an argument may be a path by its type."""
    return any(map(takes_paths, get_args(hint))) or (isinstance(hint, type) and issubclass(hint, Path))


def fits(cls: type, hint: Any) -> bool:
    """Whether an object of ``cls``, or a list or dictionary of such, may stand where ``hint`` is expected."""
    return tells_nothing(hint) or any(_is_subclass(cls, wanted) for wanted in _classes(hint))


def tells_nothing(hint: Any) -> bool:
    """Whether a type takes anything at all."""
    return hint is Any or hint is object or isinstance(hint, TypeVar)


def kind_names(hint: Any) -> str:
    """What an argument takes, for messages."""
    return " or ".join(dict.fromkeys(cls.__name__ for cls in _classes(hint))) or "plain values"


@functools.cache
def _hints(constructor: Callable[..., Any]) -> dict[str, Any]:
    names = getattr(inspect.unwrap(constructor), "__globals__", {})
    found = {}
    for name, annotation in getattr(constructor, "__annotations__", {}).items():
        try:
            found[name] = get_type_hints(types.SimpleNamespace(__annotations__={name: annotation}), names)[name]
        except (NameError, AttributeError, TypeError):  # a name for type checkers alone
            continue
    return found


def _classes(hint: Any) -> Iterator[type]:
    """Classes of the objects in a type. What a callable takes or gives is none of them, and neither is a class itself."""
    if get_origin(hint) in (Callable, type):
        return
    for part in get_args(hint):
        yield from _classes(part)
    if not get_args(hint) and _is_class(hint):
        yield hint


def _is_class(hint: Any) -> bool:
    return isinstance(hint, type) and hint is not Any and hint.__module__ != "builtins" and not issubclass(hint, (Path, Enum))


def _is_subclass(cls: type, wanted: type) -> bool:
    try:
        return issubclass(cls, wanted)
    except TypeError:  # a protocol with attributes
        return True
