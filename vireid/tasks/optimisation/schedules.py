"""Learning-rate factors as pure functions of the epoch, so that a resumed run needs no saved state of them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from vireid.errors import SettingsError
from vireid.settings import Recorded


class Schedule(Recorded, ABC):
    """Factor on every group's learning rate in a given epoch (0-based)."""

    @abstractmethod
    def __call__(self, epoch: int) -> float: ...

    @property
    def length(self) -> int:
        """Number of epochs that a run must have to reach the whole schedule; 0 if any number will do."""
        return 0

    def over(self, epochs: int) -> Schedule:  # noqa: ARG002 (some depend on it)
        """The schedule of a run of ``epochs`` epochs: itself, unless it left its length open."""
        return self

    def scheduler(self, optimizer: torch.optim.Optimizer, epochs: int) -> LRScheduler:
        """What sets the rates of ``optimizer`` at the start of every epoch of a run of ``epochs`` epochs."""
        bound = self.over(epochs)
        return LambdaLR(optimizer, lambda epoch: bound(epoch))


class Constant(Schedule):
    """1 in every epoch."""

    def __call__(self, epoch: int) -> float:  # noqa: ARG002 (the same for all)
        return 1.0


class WarmupMultiStep(Schedule):
    """Linear warm-up, then a drop by ``gamma`` at each milestone.

    ``factor(e) = (w (1 - e/E) + e/E if e < E else 1) * gamma ** #{milestones <= e}`` with ``w`` the warm-up factor and ``E`` its epochs.

    Args:
        milestones: epochs (0-based) from which another ``gamma`` applies.
        gamma: factor per milestone, in (0, 1].
        warmup_epochs: length of the warm-up, 0 for none.
        warmup_factor: factor in epoch 0, in (0, 1].

    Raises:
        SettingsError: ``milestones`` in another order than ascending.

    Example:
        >>> schedule = WarmupMultiStep()
        >>> [round(schedule(epoch), 3) for epoch in (0, 1, 10, 40, 70)]
        [0.01, 0.109, 1.0, 0.1, 0.01]

    Reference:
        CM-NAS (Fu et al., ICCV 2021), public training code.
    """

    def __init__(
        self, milestones: tuple[int, ...] = (40, 70), gamma: float = 0.1, warmup_epochs: int = 10, warmup_factor: float = 0.01
    ) -> None:
        self.milestones, self.gamma = tuple(milestones), gamma
        self.warmup_epochs, self.warmup_factor = warmup_epochs, warmup_factor
        if list(self.milestones) != sorted(self.milestones):
            raise SettingsError(f"`milestones` must be in ascending order, got {list(milestones)}.")

    def __call__(self, epoch: int) -> float:
        factor = 1.0
        if epoch < self.warmup_epochs:
            done = epoch / self.warmup_epochs
            factor = self.warmup_factor * (1 - done) + done
        return factor * self.gamma ** sum(milestone <= epoch for milestone in self.milestones)

    @property
    def length(self) -> int:
        """The end of the warm-up, or the first epoch after the last milestone, whichever is later."""
        return max([self.warmup_epochs, *(milestone + 1 for milestone in self.milestones)])


class WarmupCosine(Schedule):
    """Linear warm-up, then half a cosine down to ``floor`` after the last epoch.

    Args:
        epochs: length of the run, at least 1; ``None`` for as long as the run is (``trainer.max_epochs``).
        warmup_epochs: epochs of linear warm-up, less than ``epochs``.
        floor: lowest factor, in [0, 1]; a published lowest rate (``eta_min``) is this times the base rate.

    Raises:
        SettingsError: a warm-up that fills the run, or a floor out of range; also when called for an epoch while the length is open,
            see :meth:`over`.

    Example:
        >>> [round(WarmupCosine(4)(epoch), 3) for epoch in range(4)]
        [1.0, 0.854, 0.5, 0.146]
    """

    def __init__(self, epochs: int | None = None, warmup_epochs: int = 0, floor: float = 0.0) -> None:
        if epochs is not None and not 0 <= warmup_epochs < epochs:
            raise SettingsError(f"`warmup_epochs` must be in 0..{epochs - 1} for {epochs} epochs, got {warmup_epochs}.")
        if not 0 <= floor <= 1:
            raise SettingsError(f"`floor` must be 0 to 1, a share of the base rate, got {floor}.")
        self.epochs = epochs
        self.warmup_epochs = warmup_epochs
        self.floor = floor

    def __call__(self, epoch: int) -> float:
        if epoch < self.warmup_epochs:
            return (epoch + 1) / (self.warmup_epochs + 1)
        if self.epochs is None:
            raise SettingsError("`WarmupCosine` without `epochs` needs the length of the run: set `epochs`, or call `over(epochs)` first.")
        done = (epoch - self.warmup_epochs) / (self.epochs - self.warmup_epochs)
        return self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))

    @property
    def length(self) -> int:
        """``epochs``, or none but the warm-up."""
        return self.warmup_epochs if self.epochs is None else self.epochs

    def over(self, epochs: int) -> Schedule:
        """With ``epochs`` as the length, where it was open.

        Raises:
            SettingsError: the run has no length in epochs, or none beyond the warm-up.
        """
        if self.epochs is not None:
            return self
        if epochs <= self.warmup_epochs:
            raise SettingsError(
                f"`WarmupCosine` goes over the whole run, whose `trainer.max_epochs` is {epochs}: set it above the `warmup_epochs` of the "
                f"schedule, {self.warmup_epochs}, or give the schedule `epochs` of its own."
            )
        return WarmupCosine(epochs, self.warmup_epochs, self.floor)


class LinearWarmup(Schedule):
    """``factor * (epoch + 1) / warmup_epochs`` before ``warmup_epochs``, so that the last of them has ``factor``; then another schedule.

    The other schedule counts epochs from the start of the run: ``LinearWarmup(WarmupMultiStep((40, 70), warmup_epochs=0), 10)`` drops in
    epoch 40. For a cosine that begins after the warm-up, use ``WarmupCosine(warmup_epochs=10)``.

    Args:
        after: schedule of the epochs from ``warmup_epochs`` on.
        warmup_epochs: length of the warm-up in epochs, at least 1.
        factor: factor at the end of the warm-up, in (0, 1].

    Raises:
        SettingsError: a number out of range.

    Example:
        >>> schedule = LinearWarmup(WarmupMultiStep((3,), warmup_epochs=0), 2, factor=0.5)
        >>> [schedule(epoch) for epoch in range(4)]
        [0.25, 0.5, 1.0, 0.1]

    Reference:
        CDNet (Li, Wu, Zheng, CVPR 2021), public training code, which has it for both schedules and uses it for no recipe.
    """

    def __init__(self, after: Schedule, warmup_epochs: int = 10, factor: float = 1.0) -> None:
        if warmup_epochs < 1:
            raise SettingsError(f"`warmup_epochs` must be at least 1, got {warmup_epochs}. Without a warm-up give `after` alone.")
        if not 0 < factor <= 1:
            raise SettingsError(f"`factor` must be above 0 and at most 1, got {factor}.")
        self.after = after
        self.warmup_epochs = warmup_epochs
        self.factor = factor

    def __call__(self, epoch: int) -> float:
        if epoch < self.warmup_epochs:
            return self.factor * (epoch + 1) / self.warmup_epochs
        return self.after(epoch)

    @property
    def length(self) -> int:
        """That of the longer part."""
        return max(self.warmup_epochs, self.after.length)

    def over(self, epochs: int) -> Schedule:
        """With the other schedule bound to ``epochs``."""
        return LinearWarmup(self.after.over(epochs), self.warmup_epochs, self.factor)


class Exponential(Schedule):
    """``gamma ** epoch``.

    Args:
        gamma: factor per epoch, in (0, 1].

    Raises:
        SettingsError: ``gamma`` out of range.

    Reference:
        CDNet on ImageNet (Li, Wu, Zheng, CVPR 2021): 0.1 x 0.97 ** epoch.
    """

    def __init__(self, gamma: float = 0.97) -> None:
        if not 0 < gamma <= 1:
            raise SettingsError(f"`gamma` must be above 0 and at most 1, got {gamma}.")
        self.gamma = gamma

    def __call__(self, epoch: int) -> float:
        return float(self.gamma**epoch)


def set_rates(scheduler: object) -> None:
    """Set the learning rates that a schedule says for the epoch that it has come to, where they are functions of the epoch alone.

    A checkpoint brings rates of its own. They are other ones if the run is longer now and the schedule goes over the whole of it.
    """
    if not isinstance(scheduler, LambdaLR):
        return
    groups = zip(scheduler.optimizer.param_groups, scheduler.base_lrs, scheduler.lr_lambdas, strict=True)
    for group, rate, factor in groups:
        group["lr"] = rate * factor(scheduler.last_epoch)
