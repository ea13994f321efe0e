"""Activation checkpointing that updates running statistics once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


def recomputed(module: nn.Module, run: Callable[..., Tensor], *inputs: Any) -> Tensor:
    """``run(*inputs)``, whose activations are computed again in the backward pass instead of being kept.

    Batch normalisations of ``module`` move their running statistics in the first pass only (plain checkpointing moves them twice).
    """

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _resting_statistics(module)

    return checkpoint(run, *inputs, use_reentrant=False, context_fn=contexts)


@contextmanager
def _resting_statistics(module: nn.Module) -> Iterator[None]:
    """Inside, momentum is 0. The same kernels run and save the same tensors, as checkpointing requires."""
    norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)]
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
