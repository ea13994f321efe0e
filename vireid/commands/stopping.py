"""Commands that are stopped from outside: by Ctrl-C (exit code 130) or by ``kill`` (143)."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any


class Terminated(KeyboardInterrupt):
    """The process was asked to end (SIGTERM). It ends as after Ctrl-C, with another exit code."""


def stop_code(stop: BaseException | None) -> int:
    """Exit code of a command that was stopped; 0 if ``stop`` is something else."""
    if isinstance(stop, Terminated):
        return 143
    return 130 if isinstance(stop, KeyboardInterrupt) else 0


def stop_behind(end: BaseException | None) -> KeyboardInterrupt | None:
    """What stopped a command: Lightning exits when it is interrupted, and raises an exit of its own when it is terminated.

    Args:
        end: what ended the command.

    Returns:
        The interrupt, or :class:`Terminated`; ``None`` if the command was not stopped.
    """
    lightning: Any = sys.modules.get("pytorch_lightning.utilities.exceptions")  # if it was not loaded, it raised nothing
    if lightning is not None and isinstance(end, lightning.SIGTERMException):
        return Terminated()
    if isinstance(end, SystemExit):
        end = end.__context__
    return end if isinstance(end, KeyboardInterrupt) else None


@contextlib.contextmanager
def stops() -> Iterator[None]:
    """Raise what Lightning made of a stop as the stop that it was: an interrupt, or :class:`Terminated`."""
    try:
        yield
    except SystemExit as end:
        if (stop := stop_behind(end)) is None:
            raise
        raise stop from end


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM raise :class:`Terminated` inside the block. Only the main thread may set handlers; elsewhere nothing changes.

    A Trainer that runs has a handler of its own, which calls this one too. It ends the run between two batches.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def check_terminated(trainer: Any) -> None:
    """End a command whose Trainer was asked to end after its last batch, when it no longer looks.

    Raises:
        Terminated: it was asked.
    """
    if trainer.received_sigterm:
        raise Terminated


def _terminate(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (interface)
    if signal.getsignal(signal.SIGTERM) is _terminate:
        raise Terminated
