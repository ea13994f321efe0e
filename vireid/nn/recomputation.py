"""Activation checkpointing that updates running statistics once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any, TypeVar

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

T = TypeVar("T")
LISTS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
LAYERS = (nn.modules.conv._ConvNd, nn.Linear)


def recomputed(module: nn.Module, run: Callable[..., T], *inputs: Any, **named: Any) -> T:
    """``run(*inputs)``, whose activations are computed again in the backward pass instead of being kept.

    Batch normalisations of ``module`` move their running statistics in the first pass only (plain checkpointing moves them twice).
    """

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _resting_statistics(module)

    return checkpoint(run, *inputs, use_reentrant=False, context_fn=contexts, **named)


class RecomputedForward:
    """The forward pass of a module in training, whose activations are :func:`recomputed`. Put in place of ``module.forward``.

    A copy of the module has a copy of this.

    Args:
        module: whose pass it is.

    Attributes:
        own: a forward pass that was put in place of that of the class before; ``None`` if there is none.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.own: Callable[..., Any] | None = vars(module).get("forward")

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """What the module gives."""
        run = self.own or partial(type(self.module).forward, self.module)
        if self.module.training and torch.is_grad_enabled():
            return recomputed(self.module, run, *inputs, **named)
        return run(*inputs, **named)


def blocks(network: nn.Module) -> list[nn.Module]:
    """The parts of a network that are run one after the other and hold several layers: those of its lists, or of the network itself.

    Example:
        >>> from torchvision.models import resnet18
        >>> len(blocks(resnet18()))
        8
    """
    found = []
    for child in network.children():
        if type(child) in LISTS:
            found += blocks(child)
        elif any(isinstance(part, LAYERS) for part in child.modules() if part is not child):
            found.append(child)
    return found


@contextmanager
def _resting_statistics(module: nn.Module) -> Iterator[None]:
    """Inside, momentum is 0. The same kernels run and save the same tensors, as checkpointing requires."""
    norms = [part for part in module.modules() if isinstance(part, _BatchNorm)]
    before = [(norm, norm.momentum, None if norm.num_batches_tracked is None else norm.num_batches_tracked.clone()) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum, batches in before:
            norm.momentum = momentum
            if norm.num_batches_tracked is not None and batches is not None:
                norm.num_batches_tracked.copy_(batches)
