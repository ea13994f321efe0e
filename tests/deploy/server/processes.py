"""``vireid serve`` as a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

STAND_IN = """
import sys
import vireid.commands.gallery.actions as actions
from tests.deploy.gallery.stand_in import Projection
from vireid.cli import main
actions.embedder_of = lambda folder: Projection()
main(["serve", "no folder", *sys.argv[1:]])
"""
"""The command, with an embedder without a network."""
REAL = "import sys; from vireid.cli import main; main(['serve', *sys.argv[1:]])"


@dataclass
class Process:
    """A server that listens.

    Attributes:
        address: of its page.
        popen: the process.
    """

    address: str
    popen: subprocess.Popen[str]

    @property
    def cpu_seconds(self) -> float:
        """Seconds of the processor so far."""
        fields = Path(f"/proc/{self.popen.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100


@contextmanager
def served(gallery: Path | str, *words: str, program: str = STAND_IN) -> Iterator[Process]:
    """A server of a gallery, a file or an address, at a free port, which is killed at the end."""
    command = [sys.executable, "-c", program, *words, "--gallery", str(gallery), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as popen:
        try:
            yield Process(_address(popen), popen)
        finally:
            popen.kill()


def _address(popen: subprocess.Popen[str]) -> str:
    said = []
    for line in popen.stdout or ():
        said.append(line)
        if line.startswith("Serving at "):
            return line.split()[2]
    raise AssertionError("".join(said) + (popen.stderr.read() if popen.stderr else ""))
