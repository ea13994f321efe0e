"""Time until a batch of images is in memory; ``pytest -n 0 tests/benchmarks/test_input_speed.py``.

JPEG files of 288 x 144 pixels become 256 x 128, as those of SYSU-MM01 about do. Batches of 64 images, CPU time of one thread.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture
from torchvision import transforms
from torchvision.io import decode_jpeg, read_file

import vireid
from tests.benchmarks.conftest import Ratio
from vireid.data import CMNASAugmentation
from vireid.data.augmentation.base import IMAGENET_MEAN, IMAGENET_STD
from vireid.data.augmentation.geometry import sample_rectangle
from vireid.data.image_files import read_image
from vireid.data.images import ImageBatches
from vireid.data.pixel_store import PixelStore
from vireid.search import BNSeparation
from vireid.structures import Modality, Record

IMAGES, BATCH, ROUNDS = 1024, 64, 15
INTERVAL = slice(3, 12)  # of 15 sorted ratios: the ends enclose the median with a probability of 0.96


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


class OfficialRow:
    """One image of the public code of CM-NAS, from its array to a tensor."""

    def __init__(self) -> None:
        size, mean = (256, 128), IMAGENET_MEAN
        steps = [transforms.ToPILImage(), transforms.Pad(10), transforms.RandomCrop(size), transforms.RandomHorizontalFlip()]
        self.steps = transforms.Compose([*steps, transforms.ToTensor(), transforms.Normalize(mean, IMAGENET_STD)])
        self.random = random.Random(0)

    def __call__(self, image: np.ndarray[Any, Any]) -> torch.Tensor:
        found: torch.Tensor = self.steps(image)
        rectangle = sample_rectangle(self.random, *found.shape[1:])
        if rectangle is not None:
            top, left, tall, wide = rectangle
            for channel, value in enumerate(IMAGENET_MEAN):
                found[channel, top : top + tall, left : left + wide] = value
        return found


def test_augmented_batches(records: list[Record], benchmark: BenchmarkFixture, ratio: Ratio) -> None:
    """From images to what a network takes. The unit is the public code, which has all images in memory as arrays of the right size."""
    records, row, augmentation = records[: 4 * BATCH], OfficialRow(), CMNASAugmentation()
    files, memory = ImageBatches(records), ImageBatches(records).cache()
    arrays = [memory[[place]].images[0].permute(1, 2, 0).contiguous().numpy() for place in range(len(records))]
    draws = torch.randint(0, len(records), (ROUNDS, BATCH), generator=torch.Generator().manual_seed(0)).tolist()
    runs: dict[str, Callable[[list[int]], object]] = {
        "official": lambda rows: torch.stack([row(arrays[place]) for place in rows]),
        "files": lambda rows: augmentation(files[rows].images, tuple(rows), BATCH),
        "memory": lambda rows: augmentation(memory[rows].images, tuple(rows), BATCH),
    }
    took: dict[str, list[float]] = {name: [] for name in runs}
    for rows in draws:
        for name, run in runs.items():
            took[name].append(seconds(lambda run=run, rows=rows: run(rows)))
    benchmark.pedantic(lambda: runs["memory"](draws[0]), rounds=3)
    found = {name: statistics.median(times) for name, times in took.items()}
    print("\naugmented images per CPU second: " + ", ".join(f"{name} {BATCH / value:,.0f}" for name, value in found.items()))
    pairs = {name: sorted(ours / theirs for ours, theirs in zip(took[name], took["official"], strict=True)) for name in ("memory", "files")}
    for name, of_pairs in pairs.items():
        print(f"{name} / official {statistics.median(of_pairs):.3f} ({of_pairs[INTERVAL][0]:.3f} to {of_pairs[INTERVAL][-1]:.3f})")
    ratio("input: cached and augmented / public code from arrays in memory", statistics.median(pairs["memory"]), 0.3)
    ratio("input: decoded and augmented / public code from arrays in memory", statistics.median(pairs["files"]), 0.6)


def pillow(path: str) -> Image.Image:
    with Image.open(path) as image:
        image.load()
    return image


def test_parts_of_decoding(records: list[Record]) -> None:
    """Printed alone: what a file takes before it is augmented. Two decoders give the same bytes here."""
    paths, row = [record.path for record in records[:BATCH]], OfficialRow()
    arrays = [read_image(path, 256, 128) for path in paths]
    contents, whole = [read_file(path) for path in paths], [pillow(path) for path in paths]
    runs: dict[str, Callable[[], object]] = {
        "official": lambda: torch.stack([row(array) for array in arrays]),
        "JPEG alone, Pillow": lambda: [pillow(path) for path in paths],
        "JPEG alone, torchvision": lambda: [decode_jpeg(content) for content in contents],
        "Lanczos filter alone": lambda: [image.resize((128, 256), Image.Resampling.LANCZOS) for image in whole],
    }
    took: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(9):
        for name, run in runs.items():
            took[name].append(seconds(run))
    print("\nmilliseconds: " + ", ".join(f"{name} {1000 * statistics.median(times) / BATCH:.3f}" for name, times in took.items()))
    for content, image in zip(contents, whole, strict=True):
        assert np.array_equal(decode_jpeg(content).permute(1, 2, 0).numpy(), np.asarray(image))


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_epochs(workers: int, tmp_path: Path, benchmark: BenchmarkFixture) -> None:
    """Printed alone: images a second of an epoch without a network, and the share of a fit that waits for them, in wall time."""
    people = {"identities": 40, "test_identities": 8, "images": 3, "num_workers": workers, "cache_images": True}
    data = vireid.SyntheticDataModule(tmp_path / "people", **people)
    data.prepare_data()
    loader, began = data.train_dataloader(), time.perf_counter()
    count = sum(len(batch) for batch in loader)
    print(f"\n{workers} workers: {count / (time.perf_counter() - began):,.0f} images a second, cached, of one epoch with its start")
    module, waits = vireid.RetrainModule(32, "all_shared", BNSeparation("resnet10", width=32), weights=None), Waiting()
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = pl.Trainer(max_epochs=1, accelerator="cpu", callbacks=[waits], limit_train_batches=8, **quiet)  # type: ignore[arg-type]
    benchmark.pedantic(lambda: trainer.fit(module, datamodule=data), rounds=1)
    print(f"{workers} workers: {waits.waiting / (waits.waiting + waits.working):.1%} of a small network's epoch waits for data")


class Waiting(pl.Callback):
    """Seconds between steps and in them, the first batch aside."""

    def __init__(self) -> None:
        self.waiting = self.working = 0.0
        self.mark = 0.0

    def on_train_batch_start(self, *_: Any) -> None:
        now = time.perf_counter()
        self.waiting += now - self.mark if self.mark else 0.0
        self.mark = now

    def on_train_batch_end(self, *_: Any) -> None:
        now = time.perf_counter()
        self.working += now - self.mark
        self.mark = now


def seconds(function: Callable[[], object]) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start
