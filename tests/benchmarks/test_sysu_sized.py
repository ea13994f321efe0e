"""Images kept on disk at the size of SYSU-MM01: 395 training people with 35 550 images; ``pytest -n 0 -m slow -s`` with this file.

People are drawn in two images per camera. Links with names of their own stand for the others: each is decoded as a file of its own. It
takes 12 GB of disk for a while, and about four minutes of CPU time.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import vireid
from tests.benchmarks.conftest import Ratio
from vireid.data.image_files import read_image
from vireid.data.images import ImageBatches
from vireid.data.pixel_store import PixelStore
from vireid.data.synthetic import write_dataset
from vireid.structures import Record

pytestmark = pytest.mark.slow
PEOPLE, DRAWN, IMAGES = 395, 2, 15  # people for the training; images of a person in a camera, drawn and in all
BATCH, PAIRS = 128, 9

RANK = """
import os, sys, time
from pathlib import Path
import torch.distributed as dist
from vireid.data import pixel_store
folder, rank = Path(sys.argv[1]), int(sys.argv[2])
dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
read, decoded = pixel_store.read_image, []
pixel_store.read_image = lambda path, *size: (decoded.append(path), read(path, *size))[1]
pixel_store.PixelStore(256, 128, parent=folder / "stores").fill((folder / "paths").read_text().splitlines())
print(len(decoded))
dist.barrier()
"""

RUN = """
import sys
from pathlib import Path
from vireid.data.pixel_store import PixelStore
folder = Path(sys.argv[1])
PixelStore(256, 128, parent=folder / "stores").fill((folder / "paths").read_text().splitlines())
"""


@pytest.fixture(scope="module")
def tree() -> Iterator[Path]:
    """A folder in the layout of SYSU-MM01. It is removed afterwards, with all that was written beside it."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "people"
        write_dataset(root, identities=PEOPLE + 9, test_identities=9, images=DRAWN, height=288, width=144)
        for person in root.glob("cam*/*"):
            for number in range(DRAWN + 1, IMAGES + 1):
                os.link(person / f"{1 + number % DRAWN:04d}.jpg", person / f"{number:04d}.jpg")
        yield root


@pytest.fixture(scope="module")
def records(tree: Path) -> tuple[Record, ...]:
    data = vireid.SYSUDataModule(tree)
    found = (*data.parts.weights, *data.parts.architecture)
    return tuple({record.path: record for record in found}.values())


@pytest.fixture
def folder(tree: Path, records: tuple[Record, ...]) -> Iterator[Path]:
    """With the list of images, for processes that fill a cold cache."""
    with tempfile.TemporaryDirectory(dir=tree.parent) as name:
        (Path(name) / "paths").write_text("\n".join(record.path for record in records))
        yield Path(name)


def images_a_second(images: ImageBatches, rows: np.ndarray[Any, Any]) -> float:
    """For a second of CPU time."""
    start = time.process_time()
    for first in range(0, len(rows), BATCH):
        images[rows[first : first + BATCH].tolist()]
    return len(rows) / (time.process_time() - start)


def test_epochs(tree: Path, records: tuple[Record, ...], folder: Path, ratio: Ratio) -> None:
    """The first epoch fills the store, and later ones read it, in a random order."""
    order = np.random.default_rng(0).permutation(len(records))
    files, store, pairs = ImageBatches(records), PixelStore(256, 128, parent=folder), []
    for rows in order[: PAIRS * 8 * BATCH].reshape(PAIRS, 2, 4 * BATCH):  # half of them decoded alone, half for the store
        decoded, start = images_a_second(files, rows[0]), time.process_time()
        store.fill([records[row].path for row in rows[1]], 1)
        pairs.append(((time.process_time() - start) / len(rows[1]) * decoded, decoded))
    store.fill((record.path for record in records), 1)
    kept = ImageBatches(records).keep(store)
    later = images_a_second(kept, order)
    assert torch.equal(kept[order[:BATCH].tolist()].images, files[order[:BATCH].tolist()].images)
    first, decoded = sorted(one for one, _ in pairs), statistics.median(rate for _, rate in pairs)
    reading = decoded / later
    print(f"\n{len(records)} images, a CPU second: decoded {decoded:,.0f}, kept {later:,.0f}")
    print(f"keeping / decoding {statistics.median(first):.3f} ({first[1]:.3f} to {first[-2]:.3f}), reading / decoding {reading:.4f}")
    ratio("input: first epoch of SYSU's size with a store / decoding", statistics.median(first) + reading, 1.1)
    ratio("input: later epochs of SYSU's size / decoding", reading, 0.2)


def test_memory_of_workers(tree: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The anonymous memory of each worker does not grow with an epoch."""
    monkeypatch.setattr(Path, "home", lambda: folder)
    data = vireid.SYSUDataModule(tree, num_workers=2, cache_images="disk")
    began = time.perf_counter()
    batches = iter(data.train_dataloader())
    print(f"\nstore and workers begin after {time.perf_counter() - began:.0f} s")
    workers, seen, images, began = batches._workers, [], 0, time.perf_counter()  # type: ignore[attr-defined]
    for number, batch in enumerate(batches):
        images += len(batch)
        if number % 20 == 0:
            seen.append([anonymous(worker.pid) for worker in workers])
    print(f"{number + 1} batches, {images / (time.perf_counter() - began):,.0f} images a second; MiB of the workers: {seen}")
    assert all(last <= first + 16 for first, last in zip(seen[2], seen[-1], strict=True))


def anonymous(pid: int) -> int:
    """MiB."""
    return int(Path(f"/proc/{pid}/status").read_text().split("RssAnon:")[1].split()[0]) >> 10


def test_two_ranks_on_a_cold_cache(folder: Path, records: tuple[Record, ...]) -> None:
    words = [sys.executable, "-c", RANK, str(folder)]
    ranks = [subprocess.Popen([*words, str(rank)], stdout=subprocess.PIPE, text=True) for rank in range(2)]
    decoded = [int(rank.communicate()[0]) for rank in ranks]
    print(f"\ndecoded by two ranks: {decoded} of {len(records)}")
    assert sum(decoded) == len(records)
    check(folder, records)


def test_one_of_two_runs_is_killed(folder: Path, records: tuple[Record, ...]) -> None:
    """The one that writes; the other goes on where the index ends."""
    runs = [subprocess.Popen([sys.executable, "-c", RUN, str(folder)]) for _ in range(2)]
    while not (index := sorted(folder.glob("stores/*/index.npy"))) or len(np.load(index[0])) < len(records) // 3:
        time.sleep(0.2)
    writer = max(runs, key=lambda run: sum(map(int, Path(f"/proc/{run.pid}/stat").read_text().split()[13:15])))
    os.kill(writer.pid, signal.SIGKILL)
    codes = [run.wait() for run in runs]
    assert sorted(codes) == [-signal.SIGKILL, 0]
    check(folder, records)


def check(folder: Path, records: tuple[Record, ...]) -> None:
    """All images are there, and every hundredth is that of its file."""
    rows = PixelStore(256, 128, parent=folder / "stores").rows([record.path for record in records])
    assert (np.sort(rows.places) == np.arange(len(records))).all()
    for row in range(0, len(records), 100):
        found = rows.take([row])
        assert found is not None
        assert np.array_equal(found[0], read_image(records[row].path, 256, 128).transpose(2, 0, 1))
