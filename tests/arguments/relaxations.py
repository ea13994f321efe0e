"""Arguments of relaxations and pooling: weights, outputs and gradients."""

from __future__ import annotations

from unittest import mock

import torch
from torch import Tensor

from tests.arguments.table import Change, Table
from vireid.nn import GeMPooling, GlobalAveragePooling, Pooling
from vireid.search import DirichletSample, GumbelHard, GumbelSoft, RandomOneHot, RectifiedGumbel, Relaxation, Sigmoid, Softmax, TopK


def observe(relaxation: Relaxation) -> list[Tensor]:
    """Weights of two steps, the start of the logits, and preferences without noise."""
    logits = torch.tensor([[0.3, 1.0, -0.5], [0.1, 0.2, 0.9]])
    generator = torch.Generator().manual_seed(0)
    steps = [relaxation(logits, 0.7, generator).detach() for _ in range(2)]
    return [*steps, relaxation.initial(torch.ones(2, 3, dtype=torch.bool), generator), relaxation.probabilities(logits)]


def observe_second(relaxation: Relaxation) -> list[Tensor]:
    """As the second of several processes sees it."""
    with mock.patch("torch.distributed.is_initialized", return_value=True), mock.patch("torch.distributed.get_rank", return_value=1):
        return observe(relaxation)


def observe_pooling(pooling: Pooling) -> tuple[Tensor, list[bool], list[str]]:
    maps = torch.rand(2, 3, 4, 2, generator=torch.Generator().manual_seed(0))
    trained = [parameter.requires_grad for parameter in pooling.parameters()]
    return pooling(maps).detach(), trained, list(pooling.state_dict())


TABLES = [
    *(Table(cls, observe, {}) for cls in (DirichletSample, GumbelHard, GumbelSoft, RandomOneHot, Softmax)),
    Table(RectifiedGumbel, observe_second, {"per_process": Change(True)}),
    Table(Sigmoid, observe, {"normalise": Change(True)}),
    Table(TopK, observe, {"k": Change(1), "average": Change(True)}),
    Table(GlobalAveragePooling, observe_pooling, {}),
    Table(GeMPooling, observe_pooling, {"p": Change(2.0), "learn": Change(True)}),
]
