"""Weights of the rectified Gumbel relaxation never vanish: a weight of 0 would skip a candidate on one process alone."""

import torch

from vireid.search import RectifiedGumbel


def test_a_dead_candidate_keeps_a_weight_at_low_temperatures() -> None:
    logits = torch.tensor([[1.0, -1.0, 0.0, -torch.inf]] * 50)
    for per_process in (False, True):
        weights = RectifiedGumbel(per_process).weights(logits, 0.05, torch.Generator().manual_seed(0))
        assert (weights[:, :3] > 0).all()
        assert (weights[:, 3] == 0).all()
        assert (weights.sum(1) < 1.00001).all()
