"""The bookkeeping of ``torch.nn.BatchNorm2d``, for layers that compute several of them at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vireid.errors import SettingsError


def uses_batch_statistics(bn: nn.BatchNorm2d) -> bool:
    """Whether the layer would now normalise by the batch, not by running statistics (torch's rule)."""
    return bn.training or (bn.running_mean is None and bn.running_var is None)


def updates_statistics(bn: nn.BatchNorm2d) -> bool:
    """Whether the layer would now update its running statistics; ``track_running_stats`` may be switched at run time."""
    return bn.training and bn.track_running_stats and bn.running_mean is not None


def count_batch(bn: nn.BatchNorm2d, share: Tensor | None = None) -> float:
    """Count one more batch and give the momentum of its update; ``momentum=None`` means a cumulative average."""
    if bn.num_batches_tracked is None or not updates_statistics(bn):
        return 0.0
    bn.num_batches_tracked.add_(1 if share is None else share.to(bn.num_batches_tracked.dtype))
    if bn.momentum is not None:
        return float(bn.momentum)
    return 1.0 / max(1.0, float(bn.num_batches_tracked))  # 0 while no batch had a share


class Followed(NamedTuple):
    """A layer and the statistics that its running ones follow.

    Attributes:
        norm: the layer.
        mean, var: ``(C,)`` mean and *biased* variance of a batch.
        values: per channel behind them, at least 2.
    """

    norm: nn.BatchNorm2d
    mean: Tensor
    var: Tensor
    values: int


@torch.no_grad()
def update_all(found: Iterable[Followed]) -> None:
    """What :func:`update_running` does, for many different layers by a few operations."""
    counters, groups = list[Tensor](), dict[float, list[Followed]]()
    for step in found:
        norm = step.norm
        if not updates_statistics(norm):
            continue
        if norm.momentum is None or norm.num_batches_tracked is None:
            update_running(*step)
            continue
        counters.append(norm.num_batches_tracked)
        groups.setdefault(float(norm.momentum), []).append(step)
    if counters:
        torch._foreach_add_(counters, 1)
    for momentum, steps in groups.items():
        means, variances = zip(*((step.norm.running_mean, step.norm.running_var) for step in steps), strict=True)
        unbiased = torch._foreach_mul([step.var for step in steps], [step.values / (step.values - 1) for step in steps])
        for running, new in ((means, [step.mean for step in steps]), (variances, unbiased)):
            torch._foreach_lerp_(running, [value.to(old.dtype) for old, value in zip(running, new, strict=True)], momentum)


@torch.no_grad()
def update_running(bn: nn.BatchNorm2d, mean: Tensor, var: Tensor, count: int, share: Tensor | None = None) -> None:
    """Move the running statistics towards those of a batch, if the layer would do so now.

    Args:
        mean, var: ``(C,)`` batch mean and *biased* batch variance.
        count: values per channel behind them, at least 2; running variances are unbiased.
        share: scalar tensor, 1 to update and 0 not to, for graphs that must not depend on it; ``None`` updates.
    """
    if bn.running_mean is None or bn.running_var is None or not updates_statistics(bn):
        return
    momentum = count_batch(bn, share)
    step = momentum if share is None else share.to(bn.running_mean.dtype) * momentum
    bn.running_mean.lerp_(mean.to(bn.running_mean.dtype), step)
    bn.running_var.lerp_(var.to(bn.running_var.dtype) * (count / (count - 1)), step)


def check_rows(x: Tensor, n_visible: int | None, layer: str) -> int:
    """Number of visible rows of a batch, checked.

    Raises:
        SettingsError: the network has not said yet how many rows are visible, or more than there are.
        ValueError: not ``(B, C, H, W)``.
    """
    if x.dim() != 4:
        raise ValueError(f"{layer} expects (B, C, H, W), got {tuple(x.shape)}.")
    if n_visible is None:
        raise SettingsError(f"{layer} does not know which rows are visible: set its `n_visible` first (a Backbone's forward does it).")
    if not 0 <= n_visible <= x.shape[0]:
        raise SettingsError(f"`n_visible` of {layer} must be 0 to {x.shape[0]} (rows of the batch), got {n_visible}.")
    return n_visible


def check_count(count: int) -> None:
    """Refuse one value per channel, as torch does: it has no variance.

    Raises:
        ValueError: one row of one pixel.
    """
    if count < 2:
        raise ValueError("Expected more than 1 value per channel of each modality when training; got one row of one pixel.")
