"""Optimisers of torch beside those of published recipes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from vireid.errors import SettingsError
from vireid.tasks.optimisation.optimisers import OptimizerSettings
from vireid.tasks.optimisation.torch_choice import Kind

OptimizerClass = Callable[[Iterable[nn.Parameter]], Optimizer]  # a class, or a partial of one: the parser makes these of a class_path

OPTIMIZERS = Kind(
    "optimizer",
    "torch.optim",
    "Optimizer",
    "vireid.tasks.OptimizerSettings",
    {
        "LBFGS": "it computes the loss several times a step, and a training step computes it once.",
        "SparseAdam": "it takes sparse gradients alone, and those of a network are dense.",
        "Muon": "it takes matrices alone, and a network has kernels, scales and biases too.",
    },
)


class TorchOptimizer(OptimizerSettings):
    """An optimiser of ``torch.optim`` with a schedule, factors and clipping.

    In a configuration::

        optimizer:
          class_path: vireid.tasks.TorchOptimizer
          init_args:
            optimizer: {class_path: torch.optim.RMSprop, init_args: {lr: 0.001}}
            schedule: {class_path: torch.optim.lr_scheduler.CosineAnnealingLR, init_args: {T_max: 60}}
            lr_factors: {trunk: 0.1}

    Without schedule, factors and clipping, ``optimizer: {class_path: torch.optim.RMSprop, init_args: {lr: 0.001}}`` is enough.

    Args:
        optimizer: the class with its arguments, which must be plain values; its ``lr`` is the base learning rate. In Python the class or
            a ``functools.partial`` of it.
        shared: ``schedule``, ``lr_factors`` and ``gradient_clip_val`` of :class:`OptimizerSettings`.

    Raises:
        SettingsError: no public class of ``torch.optim``; one that needs more than the gradients of a step; or arguments that it does
            not take.

    Example:
        >>> from functools import partial
        >>> TorchOptimizer(partial(torch.optim.NAdam, lr=0.5), gradient_clip_val=1.0).lr
        0.5
    """

    def __init__(self, optimizer: OptimizerClass, **shared: Any) -> None:
        if "lr" in shared:
            raise SettingsError("`lr` is an argument of the optimiser itself: `functools.partial(torch.optim.RMSprop, lr=0.001)`.")
        sample = [nn.Parameter(torch.zeros(1, 1))]
        self.choice = OPTIMIZERS.choice(optimizer, sample)
        super().__init__(lr=float(self.choice(sample).defaults["lr"]), **shared)
        self.record(optimizer=self.choice)
        if self.gradient_clip_val is not None and self.choice.arguments.get("fused"):
            raise SettingsError("`fused: true` takes gradients before they are unscaled, so they cannot be clipped. Leave one out.")

    def create(self, groups: list[dict[str, Any]]) -> Optimizer:
        made: Optimizer = self.choice(groups)
        return made


def as_optimizer(optimizer: OptimizerSettings | OptimizerClass) -> OptimizerSettings:
    """``optimizer`` itself, or the :class:`TorchOptimizer` of a class or partial."""
    return optimizer if isinstance(optimizer, OptimizerSettings) else TorchOptimizer(optimizer)
