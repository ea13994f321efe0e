"""Pooling, neck, and the switch of running statistics."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from vireid.nn import BNNeck, GlobalAveragePooling, frozen_statistics


def test_pooling_is_the_mean_over_pixels() -> None:
    x = torch.arange(24.0).reshape(2, 3, 2, 2)
    assert GlobalAveragePooling()(x).tolist() == [[1.5, 5.5, 9.5], [13.5, 17.5, 21.5]]


def test_neck_initialisation_and_frozen_bias() -> None:
    torch.manual_seed(0)
    neck = BNNeck(4096)
    assert not neck.norm.bias.requires_grad
    assert neck.norm.bias.abs().max() == 0
    assert abs(float(neck.norm.weight.detach().mean()) - 1) < 1e-3  # N(1, 0.01): standard error 1.6e-4
    assert abs(float(neck.norm.weight.detach().std()) - 0.01) < 1e-3


def test_neck_is_batch_norm() -> None:
    neck = BNNeck(3).double()
    x = torch.randn(5, 3, dtype=torch.float64)
    expected = (x - x.mean(0)) / (x.var(0, correction=0) + 1e-5).sqrt() * neck.norm.weight
    torch.testing.assert_close(neck(x), expected)


def test_dropout_acts_in_training_only() -> None:
    neck = BNNeck(64, dropout=0.5)
    x = torch.randn(8, 64)
    assert (neck(x) == 0).any()
    assert not (neck.eval()(x) == 0).any()
    with pytest.raises(ValueError, match=r"`dropout` must lie in \[0, 1\), got 1.0"):
        BNNeck(3, dropout=1.0)


def test_frozen_statistics_restores_every_switch() -> None:
    module = nn.Sequential(nn.BatchNorm1d(2), nn.InstanceNorm1d(2), nn.BatchNorm1d(2, track_running_stats=False))
    before = [part.track_running_stats for part in module]
    with frozen_statistics(module):
        assert not any(part.track_running_stats for part in module)
    assert [part.track_running_stats for part in module] == before
    with pytest.raises(RuntimeError, match=r"channels|shape|number of elements|running_mean|weight"), frozen_statistics(module):
        module(torch.zeros(2, 3, 4))
    assert [part.track_running_stats for part in module] == before == [True, False, False]
