"""Commands that are stopped from outside: by Ctrl-C (exit code 130) or by ``kill`` (143)."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


class Terminated(KeyboardInterrupt):
    """The process was asked to end (SIGTERM). It ends as after Ctrl-C, with another exit code."""


def stop_code(stop: BaseException | None) -> int:
    """Exit code of a command that was stopped; 0 if ``stop`` is something else."""
    if isinstance(stop, Terminated):
        return 143
    return 130 if isinstance(stop, KeyboardInterrupt) else 0


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM raise :class:`Terminated` inside the block. Only the main thread may set handlers; elsewhere nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (interface)
    raise Terminated
