"""Samples of their own for several processes."""

from __future__ import annotations

import pytest
import torch

from tests.search.contract import seeded
from vireid.search import RectifiedGumbel
from vireid.search.relaxations.base import uniform_noise
from vireid.search.relaxations.rectified_gumbel import rectified_gumbel

W = torch.rand(6, 4, generator=seeded(0), dtype=torch.float64)


def pretend(monkeypatch: pytest.MonkeyPatch, rank: int) -> None:
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: rank)


def test_each_process_has_the_next_sample_of_one_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = seeded(5)
    expected = [rectified_gumbel(W, uniform_noise(W, stream), 2.0) for _ in range(3)]
    for rank, wanted in enumerate(expected):
        pretend(monkeypatch, rank)
        assert torch.equal(RectifiedGumbel(per_process=True)(W, 2.0, seeded(5)), wanted)
        assert torch.equal(RectifiedGumbel()(W, 2.0, seeded(5)), expected[0])
    assert not torch.equal(expected[0], expected[1])


def test_alone_nothing_changes() -> None:
    assert torch.equal(RectifiedGumbel(per_process=True)(W, 2.0, seeded(5)), RectifiedGumbel()(W, 2.0, seeded(5)))
    assert RectifiedGumbel(per_process=True).settings()["init_args"] == {"per_process": True}
