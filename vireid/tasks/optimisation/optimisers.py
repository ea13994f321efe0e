"""Optimisers as plain settings: readable from a checkpoint without running anything, built when training starts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from vireid.settings import Recorded


class OptimizerSettings(Recorded):
    """Which optimiser to build over given parameter groups. Derive from it to bring your own."""

    lr: float

    def build(self, groups: Iterable[dict[str, Any]]) -> torch.optim.Optimizer:
        """The optimiser over ``groups``; each group carries its own ``lr``."""
        raise NotImplementedError


class Adam(OptimizerSettings):
    """Adam with L2-coupled weight decay (``torch.optim.Adam``); the defaults are CM-NAS's.

    Args:
        lr: learning rate of neck and classifier; the trunk's is this times the task's ``trunk_lr_factor``.
        betas: decay of the first and second moment.
        eps: added to the denominator.
        weight_decay: added to the gradient as ``weight_decay * parameter`` (not AdamW).
        amsgrad: keep the maximum of the second moments.
    """

    def __init__(
        self,
        lr: float = 0.01,
        betas: tuple[float, float] = (0.5, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 5e-4,
        amsgrad: bool = False,
    ) -> None:
        self.lr, self.betas, self.eps, self.weight_decay, self.amsgrad = lr, (betas[0], betas[1]), eps, weight_decay, amsgrad

    def build(self, groups: Iterable[dict[str, Any]]) -> torch.optim.Optimizer:
        return torch.optim.Adam(groups, self.lr, self.betas, self.eps, self.weight_decay, self.amsgrad)


class AdamW(OptimizerSettings):
    """Adam with decoupled weight decay (``torch.optim.AdamW``).

    Args:
        lr: as for :class:`Adam`.
        betas: decay of the first and second moment.
        eps: added to the denominator.
        weight_decay: fraction of the parameter, times ``lr``, taken off per step.
    """

    def __init__(self, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0.01) -> None:
        self.lr, self.betas, self.eps, self.weight_decay = lr, (betas[0], betas[1]), eps, weight_decay

    def build(self, groups: Iterable[dict[str, Any]]) -> torch.optim.Optimizer:
        return torch.optim.AdamW(groups, self.lr, self.betas, self.eps, self.weight_decay)


class SGD(OptimizerSettings):
    """Stochastic gradient descent with momentum (``torch.optim.SGD``).

    Args:
        lr: as for :class:`Adam`.
        momentum: fraction of the last update that is kept.
        nesterov: look-ahead form.
        weight_decay: added to the gradient as ``weight_decay * parameter``.
    """

    def __init__(self, lr: float = 0.1, momentum: float = 0.9, nesterov: bool = True, weight_decay: float = 5e-4) -> None:
        self.lr, self.momentum, self.nesterov, self.weight_decay = lr, momentum, nesterov, weight_decay

    def build(self, groups: Iterable[dict[str, Any]]) -> torch.optim.Optimizer:
        return torch.optim.SGD(groups, self.lr, self.momentum, weight_decay=self.weight_decay, nesterov=self.nesterov)
