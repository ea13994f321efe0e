"""Architecture steps of second order, as in DARTS. Their gradient is that of the loss after a trial weight step, which is undone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor

from vireid.errors import SettingsError
from vireid.nn import frozen_statistics
from vireid.structures import SearchBatch
from vireid.tasks.search.run import WEIGHT_STEP, SearchRun, Terms
from vireid.tasks.search.two_levels import TwoLevels

RADIUS = 0.01  # of the finite difference, in the space of the weights


class Unrolled(TwoLevels):
    """As :class:`~vireid.tasks.TwoLevels`, with architecture steps of second order, DARTS's default.

    An architecture step takes four passes instead of one (``unrolled_gradient``). The optimiser of the
    weights must be a plain ``SGD``, and the search must run on one device.

    Raises:
        SettingsError: several processes, or half precision.

    Reference:
        Liu, Simonyan, Yang: DARTS: Differentiable Architecture Search, ICLR 2019.
    """

    architecture_passes = 4

    def prepare(self, run: SearchRun) -> None:
        super().prepare(run)
        check_unrolled(run.optimizer.create([{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": run.optimizer.lr}]))

    def check(self, run: SearchRun) -> None:
        super().check(run)
        if run.trainer.world_size > 1 or run.trainer.precision == "16-mixed":
            raise SettingsError(
                "Unrolled works on one device and not in `16-mixed`: set `trainer.devices` to 1, or choose the strategy "
                "vireid.tasks.TwoLevels."
            )

    def architecture_step(self, run: SearchRun, batch: SearchBatch, batch_idx: int) -> None:
        logits, found = run.architecture.logits, Terms()

        def weight_loss() -> Tensor:
            weights = self.mixture(run, self.weight_relaxation, run.architecture.masked(), WEIGHT_STEP, batch_idx)
            run.supernet.set_mixture(weights, self.weight_relaxation.dense)
            return run.loss(run.losses, batch.weights)[0]

        def architecture_loss() -> Tensor:
            loss, terms = self.mixed_architecture_loss(run, batch.architecture, batch_idx)
            found.update(terms)
            return loss

        with nullcontext() if self.architecture_statistics else frozen_statistics(run.network):
            gradient = unrolled_gradient(logits, run.weights_optimizer(), weight_loss, architecture_loss)
        gradient = gradient / run.accumulate_grad_batches
        logits.grad = gradient if logits.grad is None else logits.grad + gradient
        self.end_architecture_step(run, batch, batch_idx, found)


def unrolled_gradient(
    logits: Tensor, optimizer: torch.optim.Optimizer, weight_loss: Callable[[], Tensor], architecture_loss: Callable[[], Tensor]
) -> Tensor:
    """``d L_arch(w', a) / d a`` with ``w' = w - lr (momentum v + dL_weight/dw + decay w)``, the product with the Hessian by differences.

    Afterwards weights and gradients are as before. Running statistics see four more batches, unless they are frozen.

    Args:
        logits: parameter that both losses depend on.
        optimizer: ``torch.optim.SGD`` of the weights, without Nesterov; ``v`` are its momentum buffers, 0 before its first step.
        weight_loss, architecture_loss: functions that run the network under a mixture made of the present ``logits``.

    Raises:
        SettingsError: another optimiser.

    Reference:
        Liu, Simonyan, Yang: DARTS: Differentiable Architecture Search, ICLR 2019, eq. 7 and 8; momentum and decay as in its public code.
    """
    check_unrolled(optimizer)
    groups = [(group, p) for group in optimizer.param_groups for p in group["params"] if p.requires_grad]
    weights = [p for _, p in groups]
    before = [p.detach().clone() for p in weights]
    step = _gradients(weight_loss(), weights)
    with torch.no_grad():
        for (group, p), gradient in zip(groups, step, strict=True):
            buffer = optimizer.state.get(p, {}).get("momentum_buffer")
            velocity = 0.0 if buffer is None else group["momentum"] * buffer
            p.sub_(group["lr"] * (velocity + gradient + group["weight_decay"] * p))
    direct, *towards = _gradients(architecture_loss(), [logits, *weights])
    directions = [group["lr"] * u for (group, _), u in zip(groups, towards, strict=True)]
    norm = torch.sqrt(sum((d.square().sum() for d in directions), torch.zeros_like(directions[0].sum())))
    eps = RADIUS / norm.clamp_min(torch.finfo(norm.dtype).tiny)
    sides = []
    for sign in (1.0, -1.0):
        _place(weights, before, directions, sign * eps)
        sides.append(_gradients(weight_loss(), [logits])[0])
    with torch.no_grad():
        for p, origin in zip(weights, before, strict=True):
            p.copy_(origin)  # to the bit, even where a direction is not finite
    return direct - (sides[0] - sides[1]) / (2 * eps)


def check_unrolled(optimizer: torch.optim.Optimizer) -> None:
    """Refuse an optimiser whose step is not that of the formula.

    Raises:
        SettingsError: it is not plain SGD.
    """
    others = ("nesterov", "dampening", "maximize")
    if not isinstance(optimizer, torch.optim.SGD) or any(group[name] for group in optimizer.param_groups for name in others):
        raise SettingsError(
            "The strategy Unrolled needs `optimizer` to be vireid.tasks.SGD with `nesterov: false`, whose step it looks ahead to."
        )


def _gradients(loss: Tensor, inputs: list[Tensor]) -> list[Tensor]:
    found = torch.autograd.grad(loss, inputs, allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for x, g in zip(inputs, found, strict=True)]


@torch.no_grad()
def _place(weights: list[Tensor], before: list[Tensor], directions: list[Tensor], factor: Tensor) -> None:
    for p, origin, direction in zip(weights, before, directions, strict=True):
        p.copy_(origin + factor * direction)
