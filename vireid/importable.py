"""Classes that a file may name: those of this package, and those that the user named on the command line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

_OWN = "vireid."
_NAMED: ContextVar[tuple[str, ...]] = ContextVar("named", default=())


def importable() -> tuple[str, ...]:
    """Prefixes of the class paths that may be imported when a checkpoint or a genotype names them."""
    return (_OWN, *_NAMED.get())


@contextmanager
def also_importable(classes: Sequence[str]) -> Iterator[None]:
    """Let files name ``classes`` too, while the block runs.

    Args:
        classes: full class paths, such as ``mylib.MyLoss``.

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
