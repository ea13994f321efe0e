"""What SLURM says of its jobs, by ``squeue``: it needs no accounting, and is asked once for all jobs."""

from __future__ import annotations

import subprocess
import time

EVERY = 10.0
"""Seconds between two questions."""

HOPELESS = {
    "PartitionTimeLimit",
    "PartitionNodeLimit",
    "PartitionConfig",
    "BadConstraints",
    "InvalidAccount",
    "InvalidQOS",
    "QOSNotAllowed",
}
"""Reasons for which a job that asks for too much would wait for ever."""


class SlurmQueue:
    """The jobs that wait or run.

    Args:
        every: seconds for which an answer is kept.
    """

    def __init__(self, every: float = EVERY) -> None:
        self._every = every
        self._asked = -every
        self._reasons: dict[str, str] | None = None

    def lost(self, job: str, since: float) -> bool:
        """Whether a job is no longer there. While SLURM does not answer, every job counts as there.

        Args:
            job: its number.
            since: when it was put there, by ``time.monotonic``.
        """
        reasons = self._read(not_before=since)
        return reasons is not None and job not in reasons

    def hopeless(self, job: str, since: float) -> str:
        """Why a job will never begin; empty if it may."""
        reason = (self._read(not_before=since) or {}).get(job, "")
        return reason if reason in HOPELESS else ""

    def _read(self, not_before: float) -> dict[str, str] | None:
        now = time.monotonic()
        if now - self._asked >= self._every or self._asked < not_before:
            self._reasons, self._asked = _asked(), now
        return self._reasons


def _asked() -> dict[str, str] | None:
    """Reason of each job that waits or runs, by number; ``None`` if SLURM does not answer."""
    try:
        answer = subprocess.run(["squeue", "--noheader", "--me", "--format=%A %r"], capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    parts = [line.strip().partition(" ") for line in answer.stdout.splitlines() if line.strip()]
    return {number: reason for number, _, reason in parts}
