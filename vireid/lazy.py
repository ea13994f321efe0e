"""Names of a package that are imported on first use (PEP 562)."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def lazy(package: str, homes: Mapping[str, Sequence[str]]) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Make ``__getattr__``, ``__dir__`` and ``__all__`` of a package whose names are imported on first use.

    Args:
        package: ``__name__`` of the package.
        homes: the names that each module defines. A module is absolute, or relative to the package with a leading dot.

    Example:
        >>> __getattr__, __dir__, __all__ = lazy("collections", {".abc": ["Mapping"]})
        >>> __all__, __getattr__("Mapping").__name__
        (['Mapping'], 'Mapping')
    """
    home = {name: module for module, names in homes.items() for name in names}

    def __getattr__(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(home[name], package), name)

    def __dir__() -> list[str]:
        return sorted(home)

    return __getattr__, __dir__, sorted(home)
