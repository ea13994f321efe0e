"""Time of a gallery relative to what it is made of; ``pytest -n 0 tests/benchmarks/test_gallery_speed.py -s``.

Both sides of a ratio take turns, so that other work on the machine meets both.
"""

from __future__ import annotations

import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from vireid import Gallery
from vireid.deploy import Where

ROWS, WIDTH, TURNS = 100_000, 512, 31


def seconds(function: Callable[[], object], clock: Callable[[], float]) -> float:
    start = clock()
    function()
    return clock() - start


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    found = np.random.default_rng(0).standard_normal((ROWS, WIDTH), dtype=np.float32)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


@pytest.fixture(scope="module")
def path(rows: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("gallery") / "people.gallery"
    with Gallery(file) as gallery:
        for start in range(0, ROWS, 10_000):
            part = rows[start : start + 10_000]
            gallery.add_embeddings(part, "visible", [f"p{n // 20}" for n in range(start, start + len(part))], model="example")
    return file


def test_search(path: Path, rows: np.ndarray, benchmark: BenchmarkFixture) -> None:
    """CPU time of a whole search against that of one product of the matrix and a vector; everybody is found."""
    queries = rows[:: ROWS // TURNS][:TURNS]
    with Gallery.open(path) as gallery:
        searched = benchmark.pedantic(lambda: gallery.search_embedding(queries[0], "visible"), rounds=3, warmup_rounds=1)
        assert len(searched.candidates) == 10
        ratios = []
        for query in queries:
            bare = seconds(lambda query=query: rows @ query, time.process_time)
            ours = seconds(lambda query=query: gallery.search_embedding(query, "infrared"), time.process_time)
            ratios.append(ours / bare)
            best = np.argsort(-(rows @ query), kind="stable")[:10] + 1
            assert [found.entry.id for found in gallery.search_embedding(query, "infrared").candidates] == best.tolist()
    print(f"\n{ROWS} x {WIDTH}: search / matrix-vector product {statistics.median(ratios):.2f}, CPU time")
    assert statistics.median(ratios) <= 1.3


def test_delete(path: Path, benchmark: BenchmarkFixture) -> None:
    """Wall time of a durable removal against a bare DELETE and commit in a copy of the file, and its part in memory.

    A disk answers after very different times, so that medians of many turns are compared; each side is the first of every second turn.
    """
    copy = path.with_name("copy.gallery")
    with Gallery.open(path) as gallery:
        gallery.backup(copy)
    connection = sqlite3.connect(copy, isolation_level=None)
    for setting in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"):
        connection.execute(f"PRAGMA {setting}")

    def bare(number: int) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DELETE FROM images WHERE id = ?", (number,))
        connection.execute("COMMIT")

    with Gallery.open(path) as gallery:
        benchmark.pedantic(lambda: gallery.remove(Where(ids=[1])), rounds=1)
        bare(1)
        took: dict[Callable[[int], object], list[float]] = {bare: [], lambda number: gallery.remove(Where(ids=[number])): []}
        for number in np.random.default_rng(1).permutation(np.arange(2, ROWS))[: 10 * TURNS].tolist():
            for function in list(took)[:: 1 if number % 2 else -1]:
                took[function].append(seconds(lambda function=function, number=number: function(number), time.perf_counter))
        rows, index = gallery._derived.current()
        memory = [
            seconds(lambda row=row: (rows.remove(row), index.remove(row)), time.perf_counter) for row in np.arange(5000, 5100)[:, None]
        ]
    connection.close()
    theirs, ours = map(statistics.median, took.values())
    print(f"\nDELETE and commit {1e3 * theirs:.2f} ms, removal {1e3 * ours:.2f} ms, ratio {ours / theirs:.2f}")
    print(f"part in memory {1e6 * statistics.median(memory):.0f} microseconds")
    assert statistics.median(memory) <= 1e-3
    assert ours / theirs <= 1.5


OPEN = """
import sys
from pathlib import Path
import numpy as np
from vireid import Gallery
def resident(name):
    return int(Path("/proc/self/status").read_text().split(name)[1].split()[0]) / 2**20
query = np.ones(int(sys.argv[2]), np.float32)
import faiss
before = resident("VmRSS:")
Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
with Gallery.open(sys.argv[1], quantised=True) as gallery:
    assert len(gallery.search_embedding(query, "infrared").candidates) == 10
    searched = resident("VmHWM:")
print(searched - before, resident("VmHWM:") - before)
"""


def test_memory_of_a_million(tmp_path: Path) -> None:
    """GiB that a process takes more to search 10^6 x 512 embeddings and to save their index; first made anew, then from its file."""
    pytest.importorskip("faiss")
    path, chance = tmp_path / "people.gallery", np.random.default_rng(0)
    with Gallery(path) as gallery:
        for start in range(0, 10 * ROWS, 10_000):
            part = chance.standard_normal((10_000, WIDTH), dtype=np.float32)
            gallery.add_embeddings(part, "visible", [f"p{n // 20}" for n in range(start, start + len(part))], model="example")
    for kind in ("made anew", "from its file"):
        words = [sys.executable, "-c", OPEN, str(path), str(WIDTH)]
        searched, closed = map(float, subprocess.run(words, check=True, capture_output=True, text=True).stdout.split())
        print(f"\nindex {kind}: {searched:.3f} GiB to search, {closed:.3f} GiB when it is closed")
        assert max(searched, closed) <= 0.7
    assert path.with_name("people.gallery.index").is_file()
