"""Moments in a command at which something happens, as functions that the process of the command calls before it begins."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from mmap import mmap
from pathlib import Path
from typing import Any

from vireid import RetrainModule, SearchModule

Arm = Callable[[], None]
CHANGES = frozenset({"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate"})
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CPU_TIME = 2  # CLOCK_PROCESS_CPUTIME_ID
YEAR = 365 * 24 * 3600.0


def after_cpu_seconds(seconds: float, number: int = signal.SIGKILL) -> Arm:
    """The kernel sends a signal when the process has used so much time of the processor, wherever it is then."""

    def arm() -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        event = (ctypes.c_int * 16)()
        event[2], event[3] = number, 0  # sigev_signo; SIGEV_SIGNAL
        timer = ctypes.c_void_p()
        if libc.timer_create(CPU_TIME, event, ctypes.byref(timer)):
            raise OSError(ctypes.get_errno(), "timer_create")
        whole, part = divmod(max(seconds, 1e-3), 1)
        value = (ctypes.c_long * 4)(0, 0, int(whole), int(part * 1e9))
        if libc.timer_settime(timer, 0, value, None):
            raise OSError(ctypes.get_errno(), "timer_settime")

    return arm


def at_file_change(count: int, act: Callable[[], None]) -> Arm:
    """``act`` is called before the ``count``-th change of a file here: opened for writing, made, renamed, removed."""

    def arm() -> None:
        seen = 0

        def counted() -> None:
            nonlocal seen
            seen += 1
            if seen == count:
                act()

        _on_file_change(counted)

    return arm


def at_training_step(count: int, act: Callable[[], None]) -> Arm:
    """``act`` is called before the ``count``-th training step."""

    def arm() -> None:
        seen = 0
        for cls in (RetrainModule, SearchModule):
            original = cls.training_step

            def counted(self: Any, *args: Any, _original: Any = original, **more: Any) -> Any:
                nonlocal seen
                seen += 1
                if seen == count:
                    act()
                return _original(self, *args, **more)

            cls.training_step = counted  # type: ignore[method-assign]

    return arm


def count_file_changes(memory: mmap) -> Arm:
    """The number of changes of files is kept in the first bytes of shared memory."""

    def counted() -> None:
        memory[:4] = (int.from_bytes(memory[:4], "little") + 1).to_bytes(4, "little")

    return lambda: _on_file_change(counted)


def _on_file_change(act: Callable[[], None]) -> None:
    here, inside = os.fspath(Path.cwd()), False

    def hook(event: str, args: tuple[Any, ...]) -> None:
        nonlocal inside
        if inside or not (event in CHANGES or (event == "open" and isinstance(args[2], int) and args[2] & WRITING)):
            return
        path = os.fsdecode(args[0]) if isinstance(args[0], (str, bytes, os.PathLike)) else "/"
        if not path.startswith("/") or path.startswith(here):
            inside = True
            act()
            inside = False

    sys.addaudithook(hook)


# --- what happens -------------------------------------------------------------------------------------------------------------------


def send(number: int) -> Callable[[], None]:
    """A signal to this process."""
    return lambda: os.kill(os.getpid(), number)


def writes_fail(room: int) -> Callable[[], None]:
    """From now on no file becomes longer than ``room`` bytes: a write ends early or fails, as on a full disk."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))


def dies_in_a_write(room: int) -> Callable[[], None]:
    """The process ends within the next write that makes a file longer than ``room`` bytes, which then holds a part of it."""

    def act() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))

    return act


def clock_goes_back(seconds: float = YEAR) -> Callable[[], None]:
    """From now on ``time.time`` is so much earlier."""

    def act() -> None:
        real, real_ns = time.time, time.time_ns
        time.time = lambda: real() - seconds
        time.time_ns = lambda: real_ns() - int(seconds * 1e9)

    return act
