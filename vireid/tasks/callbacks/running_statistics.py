"""Running statistics from training images, for a network that is now evaluated in another form than it was trained in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import compress
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from vireid.errors import SettingsError
from vireid.structures import Batch


@torch.no_grad()
def recalibrate(network: nn.Module, batches: Iterable[Batch], forward: Callable[[Batch], Any] | None = None) -> None:
    """Replace the running statistics of every batch normalisation by those of ``batches``.

    Means and (unbiased) variances become the plain averages over the batches that reach a layer, whatever its momentum. A layer that
    no batch reaches keeps its statistics: that of a modality without rows, or of a candidate with weight 0. Everything else of the
    network is in evaluation mode in these batches. Afterwards weights, modes, momenta and the random state are as before. Under several
    processes the averages are over the batches of all processes.

    Args:
        network: called ``network(images, n_visible)``, or by ``forward``.
        batches: training rows, normalised; both modalities in proportions as in training.
        forward: how the network is run on a batch; ``None`` for ``network(images, n_visible)``.

    Raises:
        SettingsError: no batch.

    Example::

        recalibrate(network, [batch for batch, _ in zip(batches, range(20))])

    Reference:
        Statistics of their own for children with inherited weights: Guo et al., Single Path One-Shot Neural Architecture Search with
        Uniform Sampling, ECCV 2020, arXiv 1904.00420.
    """
    norms = [part for part in network.modules() if isinstance(part, _BatchNorm) and part.running_mean is not None]
    before = [[buffer.clone() for buffer in norm.buffers()] for norm in norms]
    count = 0
    try:
        with _estimating(network, norms):
            for batch in batches:
                forward(batch) if forward is not None else network(batch.images, batch.n_visible)
                count += 1
        _average_over_ranks(norms)
    except BaseException:
        _restore(norms, before)
        raise
    unseen = [bool(norm.num_batches_tracked == 0) for norm in norms]
    _restore(compress(norms, unseen), compress(before, unseen))
    if not count:
        raise SettingsError("Statistics cannot be re-estimated from no batch: give at least one batch of training rows.")


@contextmanager
def _estimating(network: nn.Module, norms: Sequence[_BatchNorm]) -> Iterator[None]:
    """Inside, ``norms`` have no statistics yet and take the cumulative average of what they see; the rest is in evaluation mode."""
    momenta = [norm.momentum for norm in norms]
    modes = [(part, part.training) for part in network.modules()]
    network.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum, norm.training = None, True
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for part, mode in modes:
            part.training = mode


def _average_over_ranks(norms: list[_BatchNorm]) -> None:
    if not (torch.distributed.is_available() and torch.distributed.is_initialized() and torch.distributed.get_world_size() > 1):
        return
    for norm in norms:
        assert norm.running_mean is not None
        assert norm.running_var is not None
        assert norm.num_batches_tracked is not None
        total = norm.num_batches_tracked.clone()
        torch.distributed.all_reduce(total)
        share = norm.num_batches_tracked.to(norm.running_mean.dtype) / total.clamp_min(1)
        for statistic in (norm.running_mean, norm.running_var):
            statistic.mul_(share)
            torch.distributed.all_reduce(statistic)
        norm.num_batches_tracked.copy_(total)


def _restore(norms: Iterable[_BatchNorm], states: Iterable[Sequence[Tensor]]) -> None:
    for norm, state in zip(norms, states, strict=True):
        for buffer, old in zip(norm.buffers(), state, strict=True):
            buffer.copy_(old)


@contextmanager
def kept_statistics(network: nn.Module) -> Iterator[None]:
    """Afterwards, the running statistics of every batch normalisation are those from before, bit for bit."""
    norms = [part for part in network.modules() if isinstance(part, _BatchNorm)]
    before = [[buffer.clone() for buffer in norm.buffers()] for norm in norms]
    try:
        yield
    finally:
        with torch.no_grad():
            _restore(norms, before)
