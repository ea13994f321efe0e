"""Constructors that note their arguments.

Parsers look up the annotations of a constructor among the globals of this file first: it has no names that another file could mean
something else by.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from vireid.settings import choices as _choices, constructors as _constructors


def noted(constructor: Callable[..., None]) -> Callable[..., None]:
    """``constructor``, which notes its arguments on ``self``, and refuses names that nobody takes and values outside a ``Literal``.

    Signature, annotations and source of the result are those of ``constructor``.
    """
    signature = inspect.signature(constructor)
    literals = functools.cache(lambda: _choices.choices(constructor))  # resolved late: names may be defined after the class

    @functools.wraps(constructor)
    def noting(self: Any, *args: Any, **kwargs: Any) -> None:
        level = _constructors.Level(signature, args, kwargs)
        with _constructors.noting(self._arguments, type(self), level, literals()):
            constructor(self, *args, **kwargs)

    noting.notes_arguments = True  # type: ignore[attr-defined]
    return noting
