"""Images per second of the people generator; run with ``pytest -n 0 tests/benchmarks``."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from vireid.data.synthetic import Difficulty, write_dataset
from vireid.data.synthetic.materials import Sensor
from vireid.data.synthetic.people import BLOCK
from vireid.data.synthetic.render import Look, Unit, render


@pytest.mark.parametrize("sensor", ["visible", "near_infrared", "thermal"])
def test_render(benchmark: BenchmarkFixture, sensor: Sensor) -> None:
    """One unit of 48 images of 64 x 128 pixels, one thread, no encoding."""
    look, unit = Look(0, 128, 64, Difficulty()), Unit(1, sensor, 0, BLOCK, 0, 3)
    drawn = benchmark(render, look, unit)
    benchmark.extra_info["images_per_second"] = 48 / benchmark.stats["mean"]
    assert drawn.images.shape[:4] == (BLOCK, 3, 128, 64)


@pytest.mark.parametrize("workers", [0, 2])
def test_write(benchmark: BenchmarkFixture, tmp_path: Path, workers: int) -> None:
    """A tree of 64 people, 1152 files; with workers the start of the processes, which import the package, is most of the time."""
    number = count()
    benchmark.pedantic(lambda: write_dataset(tmp_path / str(next(number)), identities=64, workers=workers), rounds=2)
    speed = 1152 / benchmark.stats["mean"]
    benchmark.extra_info["images_per_second"] = speed
    assert speed > (0 if workers else 100)
