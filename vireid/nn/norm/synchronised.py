"""Statistics of batches that several processes share, for layers that mix normalisations."""

from __future__ import annotations

import torch
from torch import Tensor, distributed as dist

from vireid.nn.norm.mixture import Synchronised
from vireid.nn.norm.moments import Moments


def across_processes() -> Synchronised | None:
    """How the processes of the default group share statistics; ``None`` when there is one process."""
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return None
    return Synchronised(_gather, _reduce)


def _gather(own: Moments) -> Moments:
    """Moments of the rows of all processes; one exchange of ``(G, 2C + 1)`` numbers."""
    counts = own.mean.new_tensor(own.counts)[:, None]
    packed = torch.cat((own.mean.nan_to_num(), own.var.nan_to_num(), counts), dim=1)
    gathered = [torch.empty_like(packed) for _ in range(dist.get_world_size())]
    dist.all_gather(gathered, packed)
    channels = own.mean.shape[1]
    everyone = torch.stack(gathered)
    mean = everyone[..., :channels]
    var = everyone[..., channels : 2 * channels]
    counts = everyone[..., 2 * channels :]
    totals = counts.sum(0)
    share = counts / totals.clamp_min(1)
    centre = (share * mean).sum(0)
    spread = (share * (var + (mean - centre).square())).sum(0)
    return Moments(centre, spread, tuple(int(total) for total in totals.flatten().tolist()))


def _reduce(gradient: Tensor) -> Tensor:
    total = gradient.contiguous()
    dist.all_reduce(total)
    return total
