"""Constructors that note their arguments.

Parsers look up the annotations of a constructor among the globals of this file first. So this file has no name that could mean
something else in another file.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from vireid.settings import choices as _choices, constructors as _constructors


def noted(constructor: Callable[..., None]) -> Callable[..., None]:
    """Wrap ``constructor``: it records its arguments on ``self``, and refuses unknown names and values outside a ``Literal``.

    The result has the signature, annotations and source of ``constructor``.
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
