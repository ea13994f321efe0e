"""Workers end with their parent, however it ends."""

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.tasks.workers import pool

PARENT = """
from tests.tasks.test_workers import report_and_wait
from tests.tasks.workers import pool

if __name__ == "__main__":
    with pool(2) as workers:
        list(workers.map(report_and_wait, [600] * 2))
"""


def report_and_wait(seconds: float) -> None:
    os.write(1, b".")
    time.sleep(seconds)


def test_a_pool_computes() -> None:
    with pool(1) as workers:
        assert list(workers.map(abs, [-1, 2])) == [1, 2]


def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    script, root = tmp_path / "parent.py", Path(__file__).parents[2]
    script.write_text(PARENT)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(root)}) as parent:
        assert parent.stdout is not None
        assert os.read(parent.stdout.fileno(), 1) + os.read(parent.stdout.fileno(), 1) == b"..", "both workers are at work"
        parent.kill()
        rest, _ = parent.communicate(timeout=60)  # the pipe is closed when nobody holds it any more
    assert (rest, parent.returncode) == (b"", -9)
