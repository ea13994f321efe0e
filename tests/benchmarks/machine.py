"""What a figure was measured on."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

import torch


def machine() -> str:
    """Device, processor and version of torch."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor() or platform.machine()
    return f"{device}, {torch.backends.cpu.get_cpu_capability()}, torch {torch.__version__}"


def commit() -> str:
    words = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(words, cwd=Path(__file__).parent, capture_output=True, text=True, check=False).stdout.strip()
