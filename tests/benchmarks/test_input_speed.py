"""Time until a batch of images is in memory; ``pytest -n 0 tests/benchmarks/test_input_speed.py``.

JPEG files of 288 x 144 pixels become 256 x 128, as those of SYSU-MM01 about do. Batches of 64 images, CPU time of one thread.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture

from tests.benchmarks.conftest import Ratio
from vireid.data.images import ImageBatches
from vireid.data.pixel_store import PixelStore
from vireid.structures import Modality, Record

IMAGES, BATCH, ROUNDS = 1024, 64, 15


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    folder, generator = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    found = []
    for number in range(IMAGES):
        coarse = Image.fromarray(generator.integers(0, 256, (18, 9, 3), dtype=np.uint8))
        path = folder / f"{number}.jpg"
        coarse.resize((144, 288), Image.Resampling.BICUBIC).save(path, quality=95)
        found.append(Record(str(path), number // 4, 1, Modality.VISIBLE))
    return found


def test_batches(records: list[Record], tmp_path: Path, benchmark: BenchmarkFixture, ratio: Ratio) -> None:
    """Decoding a batch is the unit."""
    files, memory, disk = (ImageBatches(records) for _ in range(3))
    store = PixelStore(256, 128, parent=tmp_path)
    store.fill(record.path for record in records)
    memory.cache()
    disk.keep(store)
    draws = torch.randint(0, IMAGES, (ROUNDS, BATCH), generator=torch.Generator().manual_seed(0)).tolist()
    for images in (memory, disk):
        assert torch.equal(images[draws[0]].images, files[draws[0]].images)
    took: dict[str, list[float]] = {"files": [], "memory": [], "disk": []}
    for rows in draws:
        for name, images in (("files", files), ("memory", memory), ("disk", disk)):
            took[name].append(seconds(lambda images=images, rows=rows: images[rows]))
    benchmark.pedantic(lambda: disk[draws[0]], rounds=3)
    found = {name: statistics.median(times) for name, times in took.items()}
    print("\nimages per CPU second: " + ", ".join(f"{name} {BATCH / value:,.0f}" for name, value in found.items()))
    ratio("input: images kept on disk / decoded", found["disk"] / found["files"], 0.2)
    ratio("input: images kept in memory / decoded", found["memory"] / found["files"], 0.2)


def seconds(function: Callable[[], object]) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start
