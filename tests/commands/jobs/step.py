"""Commands for tests of jobs: imports nothing heavy."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path


def main(words: Sequence[str]) -> int:
    """``touch FILE``, ``fail CODE``, ``exit CODE``, ``crash TEXT``, ``wait FILE`` (writes ``FILE``, then waits) or ``terminate``.

    The last ends as a Trainer does after SIGTERM. ``process FILE`` writes the number of its process, ``pause FILE`` waits for a file.
    """
    what, word = words
    if what in ("touch", "wait"):
        with Path(word).open("a", encoding="utf-8") as file:
            file.write("x")
    if what == "wait":
        end = time.monotonic() + 60
        while time.monotonic() < end:
            time.sleep(0.01)
    if what == "process":
        sys.stdout.write(f"working on {Path(word).name}\n")
        Path(word).write_text(str(os.getpid()), encoding="utf-8")
    if what == "pause":
        Path(f"{word}.waits").touch()
        while not Path(word).exists():
            time.sleep(0.02)
    if what == "exit":
        raise SystemExit(int(word))
    if what == "terminate":
        from pytorch_lightning.utilities.exceptions import SIGTERMException

        raise SIGTERMException
    if what == "crash":
        raise RuntimeError(word)
    return int(word) if what == "fail" else 0
