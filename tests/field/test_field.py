"""Situations that people of this trade have reported. Each script runs the program as they did, and checks the right answer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


@pytest.mark.slow
@pytest.mark.parametrize("script", sorted(path.name for path in FOLDER.glob("case*.sh")))
def test_situation(script: str) -> None:
    environment = {**os.environ, "VIREID": str(Path(sys.executable).parent / "vireid"), "PYTHONPATH": str(FOLDER.parent.parent)}
    done = subprocess.run(["bash", FOLDER / script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout.splitlines()[-1:]
