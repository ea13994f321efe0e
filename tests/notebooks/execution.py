"""Runs notebooks in a kernel, each in an empty folder."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

REPOSITORY = Path(__file__).parent.parent.parent
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
SIZES = "parameters"  # the tag of the cell whose names may be given other values


def read(path: Path) -> NotebookNode:
    """A notebook as it is stored."""
    return nbformat.read(path, 4)


def executed(path: Path, folder: Path, sizes: Mapping[str, Any] | None = None, check: str = "", before: str = "") -> NotebookNode:
    """The notebook with the outputs of this execution.

    Args:
        path: of the notebook.
        folder: empty folder to run in; people are drawn below it.
        sizes: values that replace those of the cell of sizes.
        check: code that runs after the last cell and may raise.
        before: code that runs before the first cell.
    """
    notebook = read(path)
    cells = list(notebook.cells)
    chosen = next(cell for cell in cells if SIZES in cell.metadata.get("tags", ()))
    source = chosen.source
    for name, value in (sizes or {}).items():
        assert re.search(rf"^(.*, )?{name}(, .*)? = ", source, re.MULTILINE), f"{path.name} has no size {name}"
        chosen.source += f"\n{name} = {value!r}"
    notebook.cells = [new_code_cell(before), *cells, new_code_cell(check)]
    environment = {**os.environ, "HOME": str(folder), "PYTHONPATH": str(REPOSITORY)}
    where = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=None, kernel_name="python3", record_timing=False, resources=where).execute(env=environment)
    notebook.cells = cells
    chosen.source = source
    for number, cell in enumerate(code(notebook), start=1):
        cell.execution_count = number
        for output in cell.outputs:
            if "execution_count" in output:
                output["execution_count"] = number
    return notebook


def code(notebook: NotebookNode) -> list[NotebookNode]:
    """The cells of code."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def kinds(cell: NotebookNode) -> set[str]:
    """What a cell shows: names of streams and types of data."""
    found: set[str] = set()
    for output in cell.outputs:
        found |= {output.name} if output.output_type == "stream" else set(output.get("data", {"error": None}))
    return found
