"""Run the targets one after another: ``python -m tests.trust.fuzz SECONDS [TARGET ...]``, seconds of the processor in all.

What a target stumbles over is left as a file ``crash-...`` in the working folder.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

LIMITS = ("-rss_limit_mb=4096", "-timeout=60", "-max_len=8192")


def main(words: list[str]) -> int:
    """Run the targets in processes of their own; or, after ``--target``, one of them here."""
    if words[:1] == ["--target"]:
        return fuzz(words[1], int(words[2]), words[3:])
    from tests.trust.fuzz.targets import TARGETS, seeds

    names, failed = words[1:] or list(TARGETS), 0
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            for number, content in enumerate(seeds(name)):
                Path(folder, str(number)).write_bytes(content)
            seconds = str(int(words[0]) // len(names))
            command = [sys.executable, "-m", "tests.trust.fuzz", "--target", name, seconds, *LIMITS, folder]
            failed += subprocess.run(command, check=False).returncode != 0
    return int(failed > 0)


def fuzz(name: str, seconds: int, options: list[str]) -> int:
    """Fuzz one target, for so many seconds of the processor. The fuzzer ends the process."""
    import atheris  # type: ignore[import-not-found]  # no dependency: it is there where somebody fuzzes

    with atheris.instrument_imports(include=["vireid"]):
        from tests.trust.fuzz.targets import TARGETS
    atheris.Setup([name, *options], limited(TARGETS[name], name, seconds))
    atheris.Fuzz()
    return 0


def limited(target: Callable[[bytes], None], name: str, seconds: int) -> Callable[[bytes], None]:
    """The target, until its time is over."""
    begun, runs = time.process_time(), 0

    def call(content: bytes) -> None:
        nonlocal runs
        if time.process_time() > begun + seconds:
            sys.stderr.write(f"{name}: {runs} runs in {seconds} seconds of the processor, nothing found\n")
            sys.stderr.flush()
            os._exit(0)
        runs += 1
        target(content)

    return call


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
