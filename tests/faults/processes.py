"""Commands in forks of a process that has loaded the package once, so that each costs only what it does."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from tests.faults.points import Arm
from vireid.cli import main

LIMIT = 1200.0
"""Seconds after which a command is taken to hang, on a machine that has much else to do."""
POLL = 0.005
CRASHED = 3
WARM = (  # commands that load what every command loads
    ("test", "--ckpt", "absent.ckpt"),
    ("fit", "-c", "train/agw.yaml", "-c", "data/sysu.yaml", "--data.root", "absent"),
    ("convert", "absent.t", "--from", "cm-nas", "--output", "absent.ckpt"),
    ("data", "check", "absent"),
    ("study", "--folder", "absent"),
)


class Absent(Exception):
    """A fault that cannot be tried here, with the reason."""


def warm() -> None:
    """Load the package. It starts no thread, which a fork would lose."""
    torch.set_num_threads(1)
    os.environ |= {"COLUMNS": "200", "TERM": "dumb", "PYTHONDONTWRITEBYTECODE": "1"}
    for words in WARM:
        with contextlib.suppress(SystemExit), contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            main(list(words))
    if threads := os.listdir("/proc/self/task")[1:]:  # noqa: PTH208 (names alone)
        raise RuntimeError(f"{len(threads)} threads were started, which forks would lose.")


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        code: exit code, or the negative number of the signal that ended it.
        text: what it said.
        cpu: seconds of the processor.
    """

    code: int
    text: str
    cpu: float

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL

    def __str__(self) -> str:
        return f"exit {self.code}: " + " | ".join(self.text.strip().splitlines()[-8:])


class Running:
    """A command that runs.

    Args:
        words: of the command.
        folder: where it runs, which is its home, too.
        arms: functions that the process calls before it begins.
        environment: variables that it has in addition.
    """

    def __init__(self, words: Sequence[str], folder: Path, arms: Sequence[Arm] = (), environment: Mapping[str, str] | None = None) -> None:
        self._said: list[bytes] = []
        self._ended: Ended | None = None
        self._pipe, write = os.pipe()
        os.set_blocking(self._pipe, False)
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._pipe)
            _child(words, folder, arms, environment or {}, write)
        os.close(write)

    def poll(self) -> Ended | None:
        """How it ended; ``None`` while it runs."""
        if self._ended is None:
            self._read()
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            if pid:
                self._read()
                text = b"".join(self._said).decode(errors="replace")
                self._ended = Ended(os.waitstatus_to_exitcode(status), text, usage.ru_utime + usage.ru_stime)
                os.close(self._pipe)
        return self._ended

    def wait(self, limit: float = LIMIT) -> Ended:
        """Wait until it has ended.

        Raises:
            AssertionError: it runs longer than ``limit`` seconds; it is killed then.
        """
        end = time.monotonic() + limit
        while (ended := self.poll()) is None:
            if time.monotonic() > end:
                self.end()
                raise AssertionError(f"still runs after {limit:.0f} s")
            time.sleep(POLL)
        return ended

    def send(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def is_stopped(self) -> bool:
        """Whether the system holds it."""
        with contextlib.suppress(OSError):
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
        return False

    def end(self) -> None:
        """Kill it, and what it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        while self.poll() is None:
            time.sleep(POLL)

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while found := os.read(self._pipe, 1 << 16):
                self._said.append(found)


def _child(words: Sequence[str], folder: Path, arms: Sequence[Arm], environment: Mapping[str, str], write: int) -> None:
    code = 1
    try:
        os.setpgid(0, 0)
        for number in (1, 2):
            os.dup2(write, number)
        sys.stdout, sys.stderr = (io.TextIOWrapper(os.fdopen(number, "wb", 0), write_through=True) for number in (1, 2))
        os.chdir(folder)
        os.environ |= {"HOME": str(folder), **environment}
        for arm in arms:
            arm()
        main(list(words))
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def in_a_fork(act: Callable[[], object]) -> str:
    """What ``act`` raised in a process of its own; empty if nothing."""
    read, write = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(read)
        try:
            with (Path("/dev/null")).open("w") as nowhere:
                os.dup2(nowhere.fileno(), 1)
                os.dup2(nowhere.fileno(), 2)
            act()
        except BaseException as error:
            known = isinstance(error, (AssertionError, Absent))
            said = f"{type(error).__name__}: {error}" if known else "".join(traceback.format_exception(error))
            os.write(write, said.encode()[-60_000:])
            os._exit(CRASHED)
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read().decode(errors="replace")
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    return said or (f"ended with {code}" if code else "")
