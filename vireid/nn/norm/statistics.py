"""Forward passes that leave running statistics alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def frozen_statistics(module: nn.Module) -> Iterator[None]:
    """Inside, batch normalisations in training mode use the statistics of the batch, and do not update their running statistics.

    Args:
        module: ``track_running_stats`` of every submodule that has it is switched off, and restored at the end.

    Example:
        >>> import torch
        >>> bn = nn.BatchNorm1d(2)
        >>> with frozen_statistics(bn):
        ...     _ = bn(torch.randn(4, 2))
        >>> int(bn.num_batches_tracked)
        0
    """
    switches = [(part, part.track_running_stats) for part in module.modules() if hasattr(part, "track_running_stats")]
    for part, _ in switches:
        setattr(part, "track_running_stats", False)  # noqa: B010  # typed as a submodule otherwise
    try:
        yield
    finally:
        for part, before in switches:
            setattr(part, "track_running_stats", before)  # noqa: B010
