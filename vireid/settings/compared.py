"""Compare the settings of objects, as plain values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def class_paths(settings: Any) -> Iterator[str]:
    """Class paths of an object's settings and of the objects in it, innermost first.

    Example:
        >>> list(class_paths({"class_path": "lib.Space", "init_args": {"backbone": {"class_path": "lib.Trunk", "init_args": {}}}}))
        ['lib.Trunk', 'lib.Space']
    """
    for item in settings.values() if isinstance(settings, Mapping) else settings if isinstance(settings, list) else ():
        yield from class_paths(item)
    if is_object(settings):
        yield str(settings["class_path"])


def differences(theirs: Mapping[str, Any], mine: Mapping[str, Any], of: str = "") -> Iterator[str]:
    """Say in words which arguments of two objects of one class differ.

    For an argument that is an object itself, say which of its own arguments differ.

    Args:
        theirs, mine: arguments by name; those that only ``theirs`` has are ignored.
        of: name of the argument whose values these two objects are; empty for none.

    Example:
        >>> list(differences({"width": 64, "tie": "none"}, {"width": 8, "tie": "none"}))
        ['its `width` is 64, not 8']
    """
    for name, wanted in mine.items():
        found: Any = theirs.get(name)
        label = of if of and name == "name" else name
        if is_object(found) and is_object(wanted) and found["class_path"] == wanted["class_path"]:
            yield from differences(found["init_args"], wanted["init_args"], name)
        elif found != wanted:
            yield f"its `{label}` is {_said(found)}, not {_said(wanted)}"


def is_object(value: Any) -> bool:
    """Whether plain values are the settings of an object."""
    return isinstance(value, Mapping) and "class_path" in value


def _said(value: Any) -> str:
    return str(value["class_path"]) if is_object(value) else repr(value)
