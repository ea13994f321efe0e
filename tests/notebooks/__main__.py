"""``python -m tests.notebooks NAME...``: runs notebooks at their full sizes and stores their outputs."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import nbformat

from tests.notebooks.execution import NOTEBOOKS, executed

for path in NOTEBOOKS:
    if path.stem in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as folder:
            found = executed(path, Path(folder))
        found.metadata.pop("language_info", None)  # the version of this Python
        nbformat.write(found, path)
        print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB")
