"""What runs on another machine: one job in a process of its own, and a look at the shared folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from vireid.version import __version__


def run_job(file: str, log: str, threads: int) -> int:
    """Exit code of the job of a file. The job ends when this process does.

    Of the variables of SLURM the job sees none: it is one process, and whoever started it puts it back into the queue.

    Args:
        file: of the job.
        log: where its output goes.
        threads: that it computes with, on any machine: sums of more threads are of another order.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "SLURMD_", "SBATCH_"))}
    environment |= {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    with Path(log).open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "vireid.commands.jobs.child", file],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    assert process.stdin is not None
    try:
        return process.wait()
    finally:
        process.stdin.close()
        process.wait()


def look(folder: str, token: str) -> str:
    """Read what the machine that asks has written into a folder, and answer there.

    Args:
        folder: which both should see.
        token: name and content of the file.

    Returns:
        Version of vireid here, or what was wrong: a sentence.
    """
    asked, answered = (Path(folder) / f".{token}.{name}" for name in ("asked", "answered"))
    try:
        found = asked.read_text(encoding="utf-8")
    except OSError as error:
        return f"it cannot read {str(asked)!r} ({error.strerror})."
    if found != token:
        return f"it reads another content of {str(asked)!r}."
    try:
        answered.write_text(token, encoding="utf-8")
    except OSError as error:
        return f"it cannot write {str(answered)!r} ({error.strerror})."
    return __version__
