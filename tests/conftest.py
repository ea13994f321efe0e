"""Tiny trees in the published layouts, with seeded random images."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

if "PYTEST_XDIST_WORKER" in os.environ:  # a process per core: more threads would only wait for one another
    os.environ.setdefault("OMP_NUM_THREADS", "1")

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


LLCM_TRAIN, LLCM_TEST = (1, 2, 4, 5), (3, 6, 7)
LLCM_CAMERAS = {"vis": (1, 2, 3), "nir": (1, 2, 4)}
TRAIN, TEST = (2, 5, 7, 11), (3, 8, 9)  # of the trees with one modality


def make_llcm(root: Path) -> Path:
    """LLCM layout: every identity is in three cameras of each modality, with two images."""
    rng = np.random.default_rng(3)
    lines: dict[tuple[str, str], list[str]] = {(part, kind): [] for part in ("train", "test") for kind in LLCM_CAMERAS}
    for kind, cameras in LLCM_CAMERAS.items():
        for pid in (*LLCM_TRAIN, *LLCM_TEST):
            part, pids = ("test", LLCM_TEST) if pid in LLCM_TEST else ("train", LLCM_TRAIN)
            for camera in cameras:
                for number in range(2):
                    name = f"{pid:04d}_c{camera:02d}_s000001_f{number:04d}_{kind}.jpg"
                    write_image(root / kind / f"{pid:04d}" / name, rng, grey=kind == "nir")
                    lines[part, kind].append(f"{kind}/{pid:04d}/{name} {pids.index(pid)}")
                    if part == "test":
                        write_image(root / f"test_{kind}" / f"cam{camera}" / f"{pid:04d}" / name, rng, grey=kind == "nir")
    (root / "idx").mkdir()
    for (part, kind), names in lines.items():
        (root / f"idx/{part}_{kind}.txt").write_text("\n".join(names) + "\n")
    (root / "idx/test_id.txt").write_text(",".join(map(str, LLCM_TEST)))
    return root


def make_boxes(root: Path, form: str, extra: tuple[int, ...]) -> Path:
    """bounding_box_train, query and bounding_box_test: two images in each of three cameras, one query; ``extra`` in the gallery."""
    rng = np.random.default_rng(4)

    def write(folder: str, pid: int, camera: int, number: int) -> None:
        who = str(pid) if pid < 0 else f"{pid:04d}"
        write_image(root / folder / form.format(pid=who, camera=camera, number=number), rng)

    for pid in (*TRAIN, *TEST):
        for camera in (1, 2, 6):
            for number in range(2):
                write("bounding_box_train" if pid in TRAIN else "bounding_box_test", pid, camera, number)
            if pid in TEST:
                write("query", pid, camera, 2)
    for index, pid in enumerate(extra):
        write("bounding_box_test", pid, 1 + index % 6, 100 + index)
    return root


def make_market(root: Path) -> Path:
    """Market-1501 layout with two distractors and three junk images."""
    return make_boxes(root, "{pid}_c{camera}s1_{number:06d}_01.jpg", (0, 0, -1, -1, -1))


def make_duke(root: Path) -> Path:
    """DukeMTMC-reID layout with an identity that is in the gallery alone."""
    return make_boxes(root, "{pid}_c{camera}_f{number:07d}.jpg", (20, 20))


def make_msmt17(root: Path, folders: tuple[str, str] = ("train", "test")) -> Path:
    """MSMT17 layout: four training and three test identities, both counted from 0, in cameras 1, 2, 15; identity 3 is in list_val."""
    rng = np.random.default_rng(5)
    lines: dict[str, list[str]] = {name: [] for name in ("train", "val", "query", "gallery")}
    for folder, count in zip(folders, (4, 3), strict=True):
        for pid in range(count):
            for camera in (1, 2, 15):
                for number in range(2):
                    name = f"{pid:04d}/{pid:04d}_{number:03d}_{camera:02d}_0303morning_{number:04d}_0.jpg"
                    write_image(root / folder / name, rng)
                    part = ("gallery", "query")[number == 0] if folder == folders[1] else ("train", "val")[pid == 3]
                    lines[part].append(f"{name} {pid}")
    for part, names in lines.items():
        (root / f"list_{part}.txt").write_text("\n".join(names) + "\n")
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


@pytest.fixture(scope="session")
def llcm_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small tree in the layout of make_llcm; do not change it."""
    return make_llcm(tmp_path_factory.mktemp("llcm"))


@pytest.fixture(scope="session")
def market_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small tree in the layout of make_market; do not change it."""
    return make_market(tmp_path_factory.mktemp("market"))


@pytest.fixture(scope="session")
def duke_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small tree in the layout of make_duke; do not change it."""
    return make_duke(tmp_path_factory.mktemp("duke"))


@pytest.fixture(scope="session")
def msmt17_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small tree in the layout of make_msmt17; do not change it."""
    return make_msmt17(tmp_path_factory.mktemp("msmt17"))
