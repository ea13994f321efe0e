"""Time of OSNet-AIN's search step by its options, relative to the full mixture; ``pytest -n 0 tests/benchmarks/test_osnet_speed.py -s``.

Median of paired ratios, see ``test_norm_speed``. Forward and backward of 4 images of 128 x 64 at width ``x1_0``.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from pytest_benchmark.fixture import BenchmarkFixture

from tests.benchmarks.conftest import Ratio
from tests.benchmarks.test_norm_speed import one_thread, report  # noqa: F401  # a fixture
from vireid.models import Backbone
from vireid.search import GumbelHard, JointNorm, OSNetAIN, RectifiedGumbel, Relaxation, Supernet

IMAGES = torch.randn(4, 3, 128, 64)


def search_step(net: Supernet, relaxation: Relaxation) -> Callable[[], None]:
    w, generator = torch.ones(6, 4, requires_grad=True), torch.Generator().manual_seed(0)

    def once() -> None:
        net.set_mixture(relaxation(w, 1.0, generator))
        net(IMAGES.to(next(net.parameters()).device), 4).square().mean().backward()
        net.zero_grad(set_to_none=True)

    return once


def training_step(net: Backbone) -> Callable[[], None]:
    def once() -> None:
        net(IMAGES.to(next(net.parameters()).device), 4).square().mean().backward()
        net.zero_grad(set_to_none=True)

    return once


def test_search_step(benchmark: BenchmarkFixture, ratio: Ratio) -> None:
    """Goals: 0.40 for the single path, 0.45 for the shared trunk."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    full, space = OSNetAIN().supernet().to(device), OSNetAIN()
    supernets = {
        "shared": OSNetAIN(shared_trunk=True),
        "candidates": OSNetAIN(checkpointing="candidates"),
        "sites": OSNetAIN(checkpointing="sites"),
    }
    steps = {"full": search_step(full, RectifiedGumbel()), "single": search_step(full, GumbelHard())}
    steps |= {name: search_step(other.supernet().to(device), RectifiedGumbel()) for name, other in supernets.items()}
    steps["child"] = training_step(space.materialise(space.baseline("osnet_ain")).to(device))
    ratios = report(benchmark, "OSNet-AIN", steps, rounds=6, timed="single")
    ratio("search step: OSNet-AIN, single path / full mixture", ratios["single"], 0.40)
    ratio("search step: OSNet-AIN, shared trunk / full mixture", ratios["shared"], 0.45)


def test_joint_norm_step(benchmark: BenchmarkFixture, ratio: Ratio) -> None:
    """All five candidates at all 79 batch norms of an OSNet, whose convolutions are light: goal 3 of the plain network."""
    space = JointNorm(backbone="osnet_x1_0")
    supernet = space.supernet()
    supernet.set_mixture(torch.full((len(space.sites()), 5), 0.2, requires_grad=True))
    steps = {"plain": training_step(space.materialise(space.baseline("all_shared"))), "joint": training_step(supernet)}
    joint = report(benchmark, "JointNorm of osnet_x1_0", steps, rounds=6, timed="joint")["joint"]
    ratio("search step: joint mixture of OSNet / plain", joint, 3)
