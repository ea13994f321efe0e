"""Values of arguments whose type is, or holds, a ``Literal``."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from vireid.errors import SettingsError

Misfit = tuple[Any, Any]  # a value, and the type that it should have


def choices(constructor: Callable[..., Any]) -> dict[str, Any]:
    """Types of the arguments that hold a ``Literal``. Annotations that cannot be resolved (names for type checkers only) are left out."""
    names = getattr(inspect.unwrap(constructor), "__globals__", {})
    found = {}
    for name, annotation in constructor.__annotations__.items():
        try:
            hint = get_type_hints(types.SimpleNamespace(__annotations__={name: annotation}), names)[name]
        except (NameError, AttributeError, TypeError):
            continue
        if _holds_literal(hint):
            found[name] = hint
    return found


def check_choices(hints: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Refuse a value outside a ``Literal``.

    Args:
        hints: types of the arguments by name, from :func:`choices`.
        given: values of the arguments by name.

    Raises:
        SettingsError: a value is not allowed. The message names the argument, the value, the choices and the nearest choice.
    """
    for name, hint in hints.items():
        if name in given and (misfit := _misfit(given[name], hint)):
            value, wanted = misfit
            place = f"`{name}`" if value is given[name] else f"Each value of `{name}`"
            near = get_close_matches(str(value), _allowed(wanted), n=1)
            question = f" Did you mean {near[0]}?" if near else ""
            raise SettingsError(f"{place} must be {_listed(_allowed(wanted))}, got {value!r}.{question}")


def _holds_literal(hint: Any) -> bool:
    return get_origin(hint) is Literal or any(map(_holds_literal, get_args(hint) if get_origin(hint) is not Literal else ()))


def _misfit(value: Any, hint: Any) -> Misfit | None:
    """The innermost part of ``value`` that does not fit; types beside literals are checked only as far as a choice needs it."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Literal:
        return None if any(isinstance(value, type(choice)) and value == choice for choice in parts) else (value, hint)
    if origin in (Union, types.UnionType):
        found = [_misfit(value, part) for part in parts]
        return None if None in found else next((inner for inner in found if inner and inner[0] is not value), (value, hint))
    if isinstance(origin, type) and issubclass(origin, Collection):
        return _misfit_inside(value, hint)
    return None if _is_a(value, hint) else (value, hint)


def _misfit_inside(value: Any, hint: Any) -> Misfit | None:
    parts = get_args(hint)
    if isinstance(value, Mapping) and len(parts) == 2:
        pairs = [(item, part) for entry in value.items() for item, part in zip(entry, parts, strict=True)]
    elif isinstance(value, (list, tuple, set, frozenset)):  # YAML has lists only
        several = get_origin(hint) is tuple and Ellipsis not in parts
        pairs = list(zip(value, parts if several else [parts[0]] * len(value)))  # noqa: B905 - lengths are not checked here
    else:
        return (value, hint) if isinstance(value, str) or not _is_a(value, get_origin(hint)) else None
    return next((inner for inner in (_misfit(item, part) for item, part in pairs) if inner), None)


def _is_a(value: Any, hint: Any) -> bool:
    if hint is None or hint is types.NoneType:
        return value is None
    if hint in (int, float, complex):  # numbers of NumPy and tensors pass for one
        return value is not None and not isinstance(value, str)
    try:
        return isinstance(value, get_origin(hint) or hint)
    except TypeError:  # no class: Any, a type variable, a protocol
        return True


def _allowed(hint: Any) -> list[str]:
    if get_origin(hint) is Literal:
        return list(map(str, get_args(hint)))
    if get_origin(hint) in (Union, types.UnionType):
        return [word for part in get_args(hint) for word in _allowed(part)]
    if hint is types.NoneType:
        return ["null"]
    return [f"a list of {_listed(_allowed(get_args(hint)[0]))}" if get_args(hint) else f"of type {getattr(hint, '__name__', hint)}"]


def _listed(words: list[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
