"""Turn objects into numbers, strings, lists and dictionaries."""

from __future__ import annotations

import importlib
from enum import Enum
from pathlib import Path
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class HasSettings(Protocol):
    """Anything that can say how it was made."""

    def settings(self) -> dict[str, Any]:
        """``{"class_path": ..., "init_args": {...}}`` of plain values."""
        ...


def settings_of(value: HasSettings) -> dict[str, Any]:
    """Settings of an object, see :class:`~vireid.settings.Recorded`.

    Example:
        >>> from vireid.losses import BatchHardTriplet
        >>> settings_of(BatchHardTriplet(margin=0.2))["init_args"]["margin"]
        0.2
    """
    return value.settings()


def class_path(cls: type) -> str:
    """Shortest public import path of a class: ``vireid.X``, ``vireid.part.X``, else its module path.

    Example:
        >>> from vireid.losses import CrossEntropy
        >>> class_path(CrossEntropy)
        'vireid.losses.CrossEntropy'
    """
    parts = cls.__module__.split(".")
    for depth in range(1, len(parts)):
        package = ".".join(parts[:depth])
        try:
            found = getattr(importlib.import_module(package), cls.__name__, None)
        except ImportError:
            continue
        if found is cls:
            return f"{package}.{cls.__name__}"
    return f"{cls.__module__}.{cls.__qualname__}"


def plain(value: Any) -> Any:
    """``value`` in numbers, strings, lists and dictionaries.

    Raises:
        TypeError: a value has no plain form.

    Example:
        >>> plain({"area": (0.02, 0.4)})
        {'area': [0.02, 0.4]}
    """
    if value is None or (isinstance(value, (bool, int, float, str)) and not isinstance(value, Enum)):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, HasSettings):
        return value.settings()
    raise TypeError(f"{type(value).__name__} has no plain form; derive the class from vireid.settings.Recorded.")
