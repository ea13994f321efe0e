"""A tested run that somebody hands over, of which ``report`` makes a page."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.trust.case import READ, REFUSED, Case, twin
from tests.trust.cases.making import HOSTILE_NAMES, NO_FILES, Write, damages, tree

ENTRY = "report"
REPORT = ("report", "tested", "--output", "out/r.html")
NO_IMAGES = (*REPORT, "--images", "none")
EITHER = (READ, REFUSED)
MARKUP = "<img src=x onerror=alert(1)>"
FILES = ("metrics.json", "queries.npz", "embeddings.npz", "config.yaml")


def images(**changes: Any) -> Write:
    """The tested run with other arrays of its images; a function makes an array of the one that was there."""

    def change(root: Path) -> None:
        with np.load(root / "embeddings.npz") as file:
            found = dict(file)
        made = {name: value(found.get(name, found["pids"])) if callable(value) else value for name, value in changes.items()}
        np.savez(root / "embeddings.npz", **{name: value for name, value in {**found, **made}.items() if value is not None})

    return tree("tested", change)


def told(**entries: Any) -> Write:
    """The tested run with other entries of its results."""

    def change(root: Path) -> None:
        content = json.loads((root / "metrics.json").read_text())
        (root / "metrics.json").write_text(json.dumps({**content, **entries}))

    return tree("tested", change)


def everyone(value: Any) -> Callable[[Any], Any]:
    return lambda column: np.full(len(column), value)


def beside(name: str, content: str) -> Write:
    return tree("tested", lambda root: (root / name).write_text(content))


IMAGES: dict[str, Write] = {
    "paths of a device": images(paths=everyone("/dev/zero")),
    "paths of a folder": images(paths=everyone("/")),
    "paths of other files": images(paths=everyone("/proc/self/environ")),
    "paths of a foreign host": images(paths=everyone("http://x.invalid/x.png")),
    "paths with markup": images(paths=everyone(MARKUP)),
    "paths of numbers": images(paths=everyone(3)),
    "people with markup": images(people=everyone(f"{MARKUP}[/x]")),
    "people of a megabyte": images(people=lambda people: np.array(["x" * 1_000_000, *people[1:]])),
    "embeddings of NaN": images(embeddings=lambda rows: np.full_like(rows, np.nan)),
    "embeddings of no width": images(embeddings=lambda rows: rows[:, :0]),
    "embeddings of zeros": images(embeddings=np.zeros_like),
    "fewer embeddings": images(embeddings=lambda rows: rows[:-1]),
    "no embeddings": images(embeddings=None),
    "a third modality": images(modalities=everyone(2)),
    "cameras of fractions": images(camids=everyone(0.5)),
    "cameras below 0": images(camids=everyone(-(2**62))),
}
BESIDE: dict[str, Write] = {
    "a log of text": beside("metrics.csv", "epoch,train/loss\nx,y\n"),
    "a log of infinity": beside("metrics.csv", "epoch,train/loss\n0,inf\n1,nan\n"),
    "a log of 10^9 epochs": beside("metrics.csv", "epoch,train/loss\n1000000000,1\n"),
    "a course of text": beside("architecture.csv", "[" * 1000),
    "a genotype of text": beside("genotype.json", '"[/x]"'),
    "settings of Python's objects": beside("config.yaml", "!!python/object/apply:os.system ['touch owned']"),
    "data of a list": told(data=[1]),
    "data with a range of text": told(data={"class_path": "x", "init_args": {"pixel_range": ["a", None]}}),
    "a root of a number": told(root=3),
    "a checkpoint with markup": told(checkpoint=MARKUP, phase=MARKUP),
}

REPORTS: tuple[Case, ...] = (
    twin(ENTRY, "with pictures", tree("tested"), REPORT),
    twin(ENTRY, "without pictures", tree("tested"), NO_IMAGES),
    twin(ENTRY, "of two runs", tree("tested"), ("report", "tested", "../../good/tested", "--output", "out/r.html")),
    *(Case(ENTRY, name, write, REPORT, EITHER) for name, write in {**IMAGES, **BESIDE}.items()),
    *(Case(ENTRY, f"people named {name}", images(people=everyone(text)), NO_IMAGES, EITHER) for name, text in HOSTILE_NAMES.items()),
    *(
        Case(
            ENTRY,
            f"{file}: {name}",
            tree("tested", lambda root, file=file, change=change: (root / file).write_bytes(change((root / file).read_bytes()))),
            NO_IMAGES,
            EITHER,
        )
        for file in ("queries.npz", "embeddings.npz")
        for name, change in damages(2)
    ),
    *(
        Case(ENTRY, f"{name} instead of {file}", tree("tested", lambda root, put=put, file=file: put(root / file)), NO_IMAGES, EITHER)
        for file in FILES
        for name, put in NO_FILES.items()
    ),
    Case(ENTRY, "no run", lambda folder, good: (folder / "tested").mkdir(), REPORT),
)
