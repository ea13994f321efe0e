"""Tiny trees in the published layouts, with seeded random images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SYSU_TRAIN, SYSU_VAL, SYSU_TEST = (1, 2, 3, 4, 5, 6), (7, 8, 9), (10, 11, 12, 13)
SYSU_IMAGES = 3  # per identity and camera
REGDB_IDENTITIES, REGDB_IMAGES = 12, 4


def write_image(path: Path, rng: np.random.Generator, height: int = 24, width: int = 12, grey: bool = False) -> Path:
    """One random image; the folder is made if needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = rng.integers(0, 256, (height, width) if grey else (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def make_sysu(root: Path) -> Path:
    """SYSU layout: identity p is in all cameras, except that validation identities are in cameras 3, 4, 5 only, as in the release."""
    rng = np.random.default_rng(0)
    for pid in (*SYSU_TRAIN, *SYSU_VAL, *SYSU_TEST):
        for camera in (3, 4, 5) if pid in SYSU_VAL else range(1, 7):
            for number in range(1, SYSU_IMAGES + 1):
                write_image(root / f"cam{camera}/{pid:04d}/{number:04d}.jpg", rng, grey=camera in (3, 6))
    (root / "exp").mkdir()
    for name, pids in (("train", SYSU_TRAIN), ("val", SYSU_VAL), ("test", SYSU_TEST)):
        (root / f"exp/{name}_id.txt").write_text(",".join(map(str, pids)) + "\n")
    return root


def make_regdb(root: Path) -> Path:
    """RegDB layout; trial t tests identities in other halves."""
    rng = np.random.default_rng(1)
    pids = list(range(1, REGDB_IDENTITIES + 1))
    names = {}
    for folder, letter in (("Visible", "v"), ("Thermal", "t")):
        for pid in pids:
            names[folder, pid] = [f"{folder}/{pid}/male_front_{letter}_{n:05d}_{pid}.bmp" for n in range(REGDB_IMAGES)]
            for name in names[folder, pid]:
                write_image(root / name, rng, grey=letter == "t")
    (root / "idx").mkdir()
    for trial in range(1, 11):
        order = rng.permutation(pids)
        for split, part in (("train", order[:6]), ("test", order[6:])):
            for folder in ("Visible", "Thermal"):
                lines = [f"{name} {label}" for label, pid in enumerate(sorted(part)) for name in names[folder, int(pid)]]
                (root / f"idx/{split}_{folder.lower()}_{trial}.txt").write_text("\n".join(lines) + "\n")
    return root


def make_folder(root: Path, pids: tuple[str, ...] = ("1", "2", "3", "4", "5", "6")) -> Path:
    """visible/<pid>/ and infrared/<pid>/ with two images each."""
    rng = np.random.default_rng(2)
    for modality in ("visible", "infrared"):
        for pid in pids:
            for number in range(2):
                write_image(root / modality / pid / f"{number}.png", rng, grey=modality == "infrared")
    return root


@pytest.fixture(scope="session")
def sysu_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small SYSU tree; do not change it."""
    return make_sysu(tmp_path_factory.mktemp("sysu"))


@pytest.fixture(scope="session")
def regdb_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small RegDB tree; do not change it."""
    return make_regdb(tmp_path_factory.mktemp("regdb"))


@pytest.fixture(scope="session")
def folder_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small tree of visible/ and infrared/ folders; do not change it."""
    return make_folder(tmp_path_factory.mktemp("folder"))
