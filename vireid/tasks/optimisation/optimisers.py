"""Optimisers as plain settings: readable from a checkpoint without running anything, built when training starts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from vireid.errors import SettingsError
from vireid.settings import Recorded
from vireid.tasks.optimisation.clipping import Clipping
from vireid.tasks.optimisation.schedules import Schedule
from vireid.tasks.optimisation.torch_schedule import SchedulerClass, TorchSchedule, as_schedule


class OptimizerSettings(Recorded, ABC):
    """An optimiser with its learning rates, by part of the network and by epoch, and its clipping.

    To bring your own, derive from it: take your own arguments and ``**shared``, hand ``lr`` and ``**shared`` to this constructor, and
    say in :meth:`create` what is built.

    Args:
        lr: base learning rate, at least 0.
        schedule: learning rates by epoch, as factors on those of epoch 0; or a scheduler of ``torch.optim.lr_scheduler``, see
            :class:`TorchSchedule`. Null for the same rates in all epochs.
        lr_factors: factors on the learning rate by part of the network, such as ``{trunk: 0.1}``, each at least 0. Parts are ``trunk``,
            ``neck``, ``classifier`` and those that a head adds; a part that is not named has 1. Null for 1 everywhere.
        gradient_clip_val: largest norm of the gradient over all parts together, after unscaling, above 0; null to clip nothing.

    Raises:
        SettingsError: a number out of range, or a schedule that does not go with ``lr_factors``.
    """

    def __init__(
        self,
        lr: float,
        schedule: Schedule | TorchSchedule | SchedulerClass | None = None,
        lr_factors: dict[str, float] | None = None,
        gradient_clip_val: float | None = None,
    ) -> None:
        if not lr >= 0:
            raise SettingsError(f"`lr` must be at least 0, got {lr}.")
        if gradient_clip_val is not None and not gradient_clip_val > 0:
            raise SettingsError(f"`gradient_clip_val` must be above 0, got {gradient_clip_val}. Leave it out to clip nothing.")
        if wrong := {part: factor for part, factor in (lr_factors or {}).items() if not factor >= 0}:
            raise SettingsError(f"`lr_factors` must be at least 0, got {wrong}.")
        self.lr, self.schedule = lr, as_schedule(schedule)
        self.lr_factors, self.gradient_clip_val = dict(lr_factors or {}), gradient_clip_val
        if self.lr_factors and isinstance(self.schedule, TorchSchedule) and self.schedule.sets_rates:
            raise SettingsError(f"{self.schedule.choice.path} brings rates of its own, without `lr_factors`. Leave one of the two out.")
        self.record(schedule=self.schedule)

    @abstractmethod
    def create(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        """The optimiser over ``groups``, which carry their own ``lr``."""

    def build(self, parts: Mapping[str, Iterable[nn.Parameter]]) -> torch.optim.Optimizer:
        """The optimiser over the parts of a network: one group for each, with its learning rate in epoch 0 before the schedule.

        Args:
            parts: parameters by the name of their part.

        Raises:
            SettingsError: see :meth:`check_parts`; or a fused step that torch does not have on the device of the parameters.
        """
        self.check_parts(parts)
        optimizer = self.create(
            [
                {"params": list(parameters), "lr": self.lr * self.lr_factors.get(name, 1.0), "name": name}
                for name, parameters in parts.items()
            ]
        )
        if optimizer.defaults.get("fused"):
            self._check_fused({parameter.device for group in optimizer.param_groups for parameter in group["params"]})
            optimizer.register_load_state_dict_post_hook(_as_parameters_lie)
        if self.gradient_clip_val is not None:
            optimizer.register_step_pre_hook(Clipping(self.gradient_clip_val))
        return optimizer

    def _check_fused(self, devices: set[torch.device]) -> None:
        """A step of one number on each device, for torch looks at the device in a step alone."""
        for device in devices:
            number = nn.Parameter(torch.zeros(1, device=device))
            number.grad = torch.zeros_like(number)
            try:
                self.create([{"params": [number], "lr": 0.0}]).step()
            except RuntimeError as error:
                raise SettingsError(f"`fused` does not work on {device.type}: {error}. Leave `fused` out.") from error

    def check_parts(self, parts: Iterable[str]) -> None:
        """Refuse factors of parts that are not there.

        Raises:
            SettingsError: naming them and the parts that there are.
        """
        known = sorted(parts)
        if unknown := sorted(set(self.lr_factors) - set(known)):
            raise SettingsError(f"`lr_factors` names {', '.join(unknown)}; the parts of this network are {', '.join(known)}.")

    def scheduler(self, optimizer: torch.optim.Optimizer, epochs: int) -> LRScheduler | None:
        """What moves the rates of ``optimizer`` when an epoch ends, in a run of ``epochs`` epochs; ``None`` without a schedule."""
        return None if self.schedule is None else self.schedule.scheduler(optimizer, epochs)


def _as_parameters_lie(optimizer: torch.optim.Optimizer) -> None:
    """Lay out what was loaded as the parameters: a fused step pairs numbers by their place in memory, and `channels_last` may be new."""
    for parameter, state in optimizer.state.items():
        for name, value in state.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                state[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


class Fusable(OptimizerSettings, ABC):
    """An optimiser of torch that has a fused step.

    Args:
        fused: whether one kernel steps all numbers of a tensor, instead of several operations for all tensors. The last digits differ. It
            takes gradients before they are unscaled, so it does not go with ``gradient_clip_val``.
        shared: see :class:`OptimizerSettings`.

    Raises:
        SettingsError: ``fused`` with ``gradient_clip_val``.
    """

    def __init__(self, lr: float, fused: bool = False, **shared: Any) -> None:
        super().__init__(lr, **shared)
        self.fused = fused
        if fused and self.gradient_clip_val is not None:
            raise SettingsError("`fused: true` takes gradients before they are unscaled, so they cannot be clipped. Leave one out.")


class Adam(Fusable):
    """Adam with L2-coupled weight decay (``torch.optim.Adam``); the defaults are CM-NAS's.

    Args:
        lr: base learning rate, at least 0.
        betas: decay of the first and second moment.
        eps: added to the denominator.
        weight_decay: added to the gradient as ``weight_decay * parameter`` (not AdamW).
        amsgrad: keep the maximum of the second moments.
        shared: ``schedule``, ``lr_factors`` and ``gradient_clip_val`` of :class:`OptimizerSettings`, and ``fused`` of :class:`Fusable`.
    """

    def __init__(
        self,
        lr: float = 0.01,
        betas: tuple[float, float] = (0.5, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 5e-4,
        amsgrad: bool = False,
        **shared: Any,
    ) -> None:
        super().__init__(lr, **shared)
        self.betas = (betas[0], betas[1])
        self.eps = eps
        self.weight_decay = weight_decay
        self.amsgrad = amsgrad

    def create(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        return torch.optim.Adam(groups, self.lr, self.betas, self.eps, self.weight_decay, self.amsgrad, fused=self.fused or None)


class AdamW(Fusable):
    """Adam with decoupled weight decay (``torch.optim.AdamW``).

    Args:
        lr: base learning rate, at least 0.
        betas: decay of the first and second moment.
        eps: added to the denominator.
        weight_decay: fraction of the parameter, times ``lr``, taken off per step.
        shared: ``schedule``, ``lr_factors`` and ``gradient_clip_val`` of :class:`OptimizerSettings`, and ``fused`` of :class:`Fusable`.
    """

    def __init__(
        self,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        **shared: Any,
    ) -> None:
        super().__init__(lr, **shared)
        self.betas = (betas[0], betas[1])
        self.eps = eps
        self.weight_decay = weight_decay

    def create(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        return torch.optim.AdamW(groups, self.lr, self.betas, self.eps, self.weight_decay, fused=self.fused or None)


class SGD(Fusable):
    """Stochastic gradient descent with momentum (``torch.optim.SGD``).

    Args:
        lr: base learning rate, at least 0.
        momentum: fraction of the last update that is kept.
        nesterov: whether the gradient is taken ahead of the step (Nesterov's momentum).
        weight_decay: added to the gradient as ``weight_decay * parameter``.
        shared: ``schedule``, ``lr_factors`` and ``gradient_clip_val`` of :class:`OptimizerSettings`, and ``fused`` of :class:`Fusable`.
    """

    def __init__(self, lr: float = 0.1, momentum: float = 0.9, nesterov: bool = True, weight_decay: float = 5e-4, **shared: Any) -> None:
        super().__init__(lr, **shared)
        self.momentum = momentum
        self.nesterov = nesterov
        self.weight_decay = weight_decay

    def create(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        settings = {"momentum": self.momentum, "weight_decay": self.weight_decay, "nesterov": self.nesterov}
        return torch.optim.SGD(groups, self.lr, **settings, fused=self.fused or None)  # type: ignore[arg-type]  # one dictionary of both
