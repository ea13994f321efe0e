"""Run the targets one after another, each for a share of the seconds: ``python -m tests.trust.fuzz SECONDS [TARGET ...]``.

What a target stumbles over is left as a file ``crash-...`` in the working folder.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path


def main(words: list[str]) -> int:
    """Run all targets in processes of their own, or the one that is named after ``--target`` here."""
    if words[:1] == ["--target"]:
        return fuzz(words[1], words[2:])
    from tests.trust.fuzz.targets import TARGETS, seeds

    names = words[1:] or list(TARGETS)
    failed = 0
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            for number, content in enumerate(seeds(name)):
                Path(folder, str(number)).write_bytes(content)
            limits = [
                f"-max_total_time={int(words[0]) // len(names)}",
                "-rss_limit_mb=4096",
                "-timeout=20",
                "-max_len=8192",
                "-print_final_stats=1",
            ]
            command = [sys.executable, "-m", "tests.trust.fuzz", "--target", name, *limits, folder]
            failed += subprocess.run(command, check=False).returncode != 0
    return int(failed > 0)


def fuzz(name: str, options: list[str]) -> int:
    """Fuzz one target. The fuzzer ends the process."""
    import atheris  # type: ignore[import-not-found]  # no dependency: it is there where somebody fuzzes

    with atheris.instrument_imports(include=["vireid"]):
        from tests.trust.fuzz.targets import TARGETS
    atheris.Setup([name, *options], TARGETS[name])
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
