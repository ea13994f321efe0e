"""Where jobs run: the seam between what is to be done and the machines that do it."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType

LOST = -1_000
"""In place of an exit code: the machine, or the process that watched over the job, is gone. The job is begun again elsewhere."""


class Running(ABC):
    """A job that was started."""

    @abstractmethod
    def poll(self) -> int | None:
        """Exit code; :data:`LOST` if nobody knows it; ``None`` while the job runs."""

    @abstractmethod
    def stop(self) -> None:
        """Ask the job to end, as ``kill`` does."""

    @abstractmethod
    def kill(self) -> None:
        """End the job at once."""

    def wait(self, seconds: float) -> bool:
        """Whether the job ends within this time."""
        end = time.monotonic() + seconds
        while self.poll() is None:
            if time.monotonic() >= end:
                return False
            time.sleep(0.05)
        return True


class Engine(ABC):
    """Machines that run jobs. Use it in a ``with`` statement, which gives back what it has taken."""

    at_once: int
    """Jobs that are started at once, at most."""

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def check(self, folder: Path) -> None:  # noqa: B027 (processes of this machine need none)
        """Refuse machines that do not see the folder, or have another vireid.

        Raises:
            SettingsError: the message says which test failed.
        """

    @abstractmethod
    def start(self, file: Path, log: Path) -> Running:
        """Start a job.

        Args:
            file: of the job, absolute.
            log: where its output goes.
        """

    def close(self) -> None:  # noqa: B027 (not every engine takes something)
        """Give back what was taken."""
