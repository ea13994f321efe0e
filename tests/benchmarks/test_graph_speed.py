"""CPU time of exported graphs relative to that of the plain network; ``pytest -n 0 tests/benchmarks/test_graph_speed.py -s``.

One thread of onnxruntime. Both graphs of a ratio take turns, so that other work on the machine meets both.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from vireid import RetrainModule
from vireid.deploy import Card, Preparation
from vireid.deploy.card import INPUT
from vireid.deploy.onnx_embedder import session
from vireid.deploy.onnx_graph import onnx_graph
from vireid.deploy.tracing import traced
from vireid.search import JointNorm
from vireid.structures import Modality

HEIGHT, WIDTH, PAIRS = 128, 64, 31
LIMITS = {"all_separate": 1.02, "ibn_a": 1.05, "ibn_b": 1.05, "random-3": 1.05}


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Graphs of infrared images, by name of the genotype."""
    folder = tmp_path_factory.mktemp("graphs")
    space, found = JointNorm("resnet18"), {}
    card = Card("", 512, {modality: Preparation(HEIGHT, WIDTH) for modality in Modality})
    for name in ("all_shared", *LIMITS):
        network = RetrainModule(4, name, space, weights=None).network.eval()
        path = Path(folder / f"{name}.onnx")
        path.write_bytes(onnx_graph(traced(network, card, Modality.INFRARED), card, Modality.INFRARED))
        found[name] = session(path, threads=1)
    return found


@pytest.mark.parametrize("batch", [1, 16])
def test_children(graphs: dict[str, Any], batch: int, benchmark: BenchmarkFixture) -> None:
    images = np.random.default_rng(0).standard_normal((batch, 3, HEIGHT, WIDTH)).astype(np.float32)

    def run(name: str) -> float:
        start = time.process_time()
        for _ in range(16 // batch):  # the clock is coarse
            graphs[name].run(None, {INPUT: images})
        return time.process_time() - start

    benchmark.pedantic(lambda: run("all_shared"), rounds=3, warmup_rounds=1)
    for name, limit in LIMITS.items():
        run(name)
        pairs = [(run("all_shared"), run(name)) if turn % 2 else (run(name), run("all_shared"))[::-1] for turn in range(PAIRS)]
        ratio = statistics.median(ours / shared for shared, ours in pairs)
        print(f"\nbatch {batch}: {name} / all_shared {ratio:.3f}, CPU time")
        assert ratio <= limit
