"""What the unrolled gradient leaves behind; its values are compared with the published code in test_golden_cdnet_search."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from vireid.tasks.search.unrolled import unrolled_gradient


def losses(logits: Tensor, weights: Tensor, scale: float) -> tuple[Callable[[], Tensor], Callable[[], Tensor]]:
    data = torch.linspace(-1, 1, len(weights))
    return lambda: (logits.exp() * (weights - data) ** 2).sum() * scale, lambda: (logits * (weights + data).sin()).sum() * scale


@pytest.mark.parametrize("scale", [1.0, 1e30])
def test_weights_and_gradients_are_as_before_to_the_bit(scale: float) -> None:
    """At 1e30 the norm of the direction is infinite: the gradient is of no use, but nothing else is hurt."""
    weights = torch.nn.Parameter(torch.tensor([-0.0, 0.0, 1e-42, 0.3, -7.0, 1e4]))
    logits = torch.nn.Parameter(torch.linspace(0, 1, 6))
    weights.grad = torch.arange(6.0)
    before = weights.detach().clone()
    gradient = unrolled_gradient(logits, torch.optim.SGD([weights], 0.1, momentum=0.9), *losses(logits, weights, scale))
    assert torch.equal(weights.detach().view(torch.int32), before.view(torch.int32))
    assert torch.equal(weights.grad, torch.arange(6.0))
    assert logits.grad is None
    assert bool(torch.isfinite(gradient).all()) == (scale == 1.0)
