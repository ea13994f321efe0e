"""Clipping of gradients when they are complete: after the backward pass and unscaling, and before the update."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class Clipping:
    """Hook of an optimiser's steps that scales its gradients so that their norm, over all parameters, is at most ``largest``.

    Gradients are there when a step begins, or come with the closure that the step calls (Lightning's automatic optimisation). Under
    ``16-mixed`` the step begins after unscaling.
    """

    def __init__(self, largest: float) -> None:
        self.largest = largest

    def __call__(self, optimizer: torch.optim.Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        closure = args[1] if len(args) > 1 else kwargs.get("closure")
        if closure is None:
            self.clip(optimizer)
            return None

        def clipped() -> Any:
            loss = closure()
            self.clip(optimizer)
            return loss

        return args[:1], {**kwargs, "closure": clipped}

    def clip(self, optimizer: torch.optim.Optimizer) -> None:
        """Scale the gradients of all groups together."""
        nn.utils.clip_grad_norm_([parameter for group in optimizer.param_groups for parameter in group["params"]], self.largest)
