"""Classes that a file may name: those of this package, and those that the user named on the command line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

OWN = ("vireid.",)
_NAMED: ContextVar[tuple[str, ...]] = ContextVar("named", default=())


def importable() -> tuple[str, ...]:
    """What may be imported when a checkpoint or a genotype names it, as :func:`may_import` reads it."""
    return (*OWN, *_NAMED.get())


def may_import(path: object, allowed: Sequence[str] = OWN) -> bool:
    """Whether a file may ask for the class of this path. Everything that imports what a file names asks here.

    Args:
        path: of a class, as the file has it; anything else than a dotted name is refused.
        allowed: whole class paths, and packages, which end in a dot.

    Example:
        >>> may_import("mylib.MyLoss", ["mylib.MyLoss"]), may_import("mylib.MyLossX", ["mylib.MyLoss"]), may_import("mylib.a.B", ["mylib."])
        (True, False, True)
    """
    if not (isinstance(path, str) and path.isascii() and all(part.isidentifier() for part in path.split("."))):
        return False
    return any(path.startswith(name) if name.endswith(".") and len(name) > 1 else path == name for name in allowed)


@contextmanager
def also_importable(classes: Sequence[str]) -> Iterator[None]:
    """Let files name ``classes`` too, while the block runs.

    Args:
        classes: full class paths, such as ``mylib.MyLoss``, or a package followed by a dot, such as ``mylib.``.

    Example:
        >>> with also_importable(["mylib.MyLoss"]):
        ...     importable()
        ('vireid.', 'mylib.MyLoss')
        >>> importable()
        ('vireid.',)
    """
    token = _NAMED.set((*_NAMED.get(), *classes))
    try:
        yield
    finally:
        _NAMED.reset(token)
