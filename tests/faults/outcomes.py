"""What a command leaves: whether its files can be read, and whether two runs left the same."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml  # type: ignore[import-untyped]
from PIL import Image

from tests.tasks.test_resume import CHECKED, assert_equal
from vireid.structures import Genotype
from vireid.torch_files import read_whole

__all__ = ["assert_equal", "check_readable", "hidden", "logged", "of_evaluation", "of_file", "of_files", "of_run", "of_study"]
TIMES = ("seconds", "created", "cost")


def check_readable(folder: Path) -> None:
    """Check that every file that is not hidden is whole.

    Raises:
        AssertionError: one is not; the message names it.
    """
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            try:
                assert path.stat().st_size or path.suffix == ".log", "is empty"  # a log holds what a full disk had room for
                READERS.get(path.suffix, Path.read_bytes)(path)
            except Exception as error:
                raise AssertionError(f"{path.relative_to(folder)} is not whole: {error}") from error


def _read_table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, strict=True))
    assert all(None not in row and None not in row.values() for row in rows), "a row is not whole"
    return rows


def _read_image(path: Path) -> None:
    with Image.open(path) as image:
        image.load()


def _read_arrays(path: Path) -> dict[str, Any]:
    with np.load(path) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _read_yaml(path: Path) -> None:
    assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict), "holds no settings"


READERS: dict[str, Any] = {
    **dict.fromkeys((".ckpt", ".pth"), read_whole),
    **dict.fromkeys((".jpg", ".bmp", ".png"), _read_image),
    ".json": lambda path: json.loads(path.read_text(encoding="utf-8")),
    ".yaml": _read_yaml,
    ".csv": _read_table,
    ".npz": _read_arrays,
}


def hidden(folder: Path) -> list[str]:
    """What a command that has ended well must not leave."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob(".*") if path.name != ".cache")


def of_run(folder: Path) -> dict[str, Any]:
    """Everything of a training that must be the same: means over an interrupted epoch are not."""
    content = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    found: dict[str, Any] = {key: content[key] for key in CHECKED if key in content}
    found["validations"] = {
        row["epoch"]: {name: value for name, value in row.items() if name.startswith("val/")}
        for row in logged(folder)
        if any(value for name, value in row.items() if name.startswith("val/"))
    }
    if (best := folder / "checkpoints" / "best.ckpt").is_file():
        found["best"] = torch.load(best, weights_only=True)["state_dict"]
    if (folder / "genotype.json").is_file():
        genotype = Genotype.load(folder / "genotype.json")
        found["genotype"] = {"choices": dict(genotype.choices), **_timeless(dict(genotype.provenance))}
    return found


def logged(folder: Path) -> list[dict[str, str]]:
    """Rows of all tables of a run, those before it went on first."""
    return [row for path in sorted(folder.glob("metrics*.csv")) for row in _read_table(path)]


def of_evaluation(folder: Path) -> dict[str, Any]:
    """Results and embeddings."""
    found: dict[str, Any] = {}
    for path in sorted(folder.glob("*.json")):
        found[path.name] = _timeless(json.loads(path.read_text()))
    for path in sorted(folder.glob("*.npz")):
        arrays = _read_arrays(path)
        found[path.name] = {name: (each.dtype.str, each.shape, each.tobytes()) for name, each in arrays.items()}
    return found


def of_study(folder: Path) -> dict[str, Any]:
    """All runs, their results and the report."""
    runs = sorted(path.parent.parent for path in folder.rglob("last.ckpt"))
    results = sorted(path.parent for path in folder.rglob("metrics.json"))
    found = {str(path.relative_to(folder)): of_run(path) for path in runs}
    found |= {str(path.relative_to(folder)): of_evaluation(path) for path in results if path not in runs}
    return {**found, "report": _timeless(json.loads((folder / "study.json").read_text()))}


def of_file(path: Path) -> Any:
    """Content of a checkpoint."""
    return torch.load(path, weights_only=True)


def of_files(folder: Path) -> dict[str, bytes]:
    """Every file."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def _timeless(value: Any) -> Any:
    """Plain values without times."""
    if isinstance(value, dict):
        return {key: _timeless(item) for key, item in value.items() if not any(word in key for word in TIMES)}
    return [_timeless(item) for item in value] if isinstance(value, (list, tuple)) else value
