"""What normalisations cost: parameters, statistics, separate weights per modality, and work that is left at inference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import nn

from vireid.models.trunks.discovery import TrunkFacts
from vireid.nn import SeparateBatchNorm2d
from vireid.nn.norm.norm_candidates import norm_candidate
from vireid.search.space import CostKind
from vireid.structures.sites import Site

ELEMENT = 120  # multiply-adds in the time of one element normalised at inference, see `latency`


@dataclass(frozen=True)
class Price:
    """One candidate at one site.

    Attributes:
        parameters: more than the plain layer has.
        statistics: values of running means and variances.
        modality_specific: whether each modality has weights of its own.
        elements: values per image that are left to normalise at inference. Batch normalisation folds into the convolution
            before it (once per modality where it is separate); instance normalisation does not. ``ibn`` and ``separate_ibn``
            count in full: they normalise half of the channels, and copy all of them to split and join the halves.
    """

    parameters: int
    statistics: int
    modality_specific: bool
    elements: int


def latency(elements: int, multiply_adds: int) -> float:
    """Estimated time of inference over that of a trunk whose normalisations are all folded.

    ``1 + 120 elements / multiply_adds``. The 120 was fitted to one measurement: ResNet-50 at 256 x 128 on one CPU core in float32
    took 1.23 times as long with 53 IN as with no normalisation, and 1.25 times with 53 IBN; the formula gives 1.25 for both, and
    1.03 for IBN-Net a, which took 1.06. Other machines have another factor: the number ranks genotypes of one backbone roughly
    and is not a time.
    """
    return 1.0 + ELEMENT * elements / multiply_adds


def price(site: Site, candidate: str, facts: TrunkFacts) -> Price:
    """What ``candidate`` costs at ``site``."""
    one = _layer_price(candidate, site.channels or 0)
    return replace(one, elements=one.elements * facts.pixels[site.name])


PRICES: dict[CostKind, Callable[[Price], int]] = {
    "modality_specific_sites": lambda one: int(one.modality_specific),
    "unfoldable_sites": lambda one: int(one.elements > 0),
    "parameters": lambda one: one.parameters,
    "latency": lambda one: one.elements,
}


def total_cost(norms: Sequence[Site], sites: Sequence[Site], choices: Mapping[str, str], facts: TrunkFacts) -> dict[str, float]:
    """What a point costs, see :meth:`vireid.search.JointNorm.cost`.

    Args:
        norms: every normalisation of the trunk; those that are no sites stay shared.
        sites: those that are choices.
        choices: candidate of every site.
        facts: of the trunk.
    """
    prices = {site.name: price(site, choices.get(site.name, "shared_bn"), facts) for site in norms}
    at_sites = [prices[site.name] for site in sites]
    extra, elements = sum(one.parameters for one in at_sites), sum(one.elements for one in at_sites)
    unfoldable = sum(one.elements > 0 for one in at_sites)
    return {
        "parameters": facts.parameters + extra,
        "extra_parameters": extra,
        "running_statistics": sum(one.statistics for one in prices.values()),
        "modality_specific_sites": sum(one.modality_specific for one in at_sites),
        "foldable_sites": len(at_sites) - unfoldable,
        "unfoldable_sites": unfoldable,
        "runtime_elements": elements,
        "latency": latency(elements, facts.multiply_adds),
    }


def site_cost(one: Price) -> dict[str, float]:
    """What a site adds to :func:`total_cost`."""
    return {
        "extra_parameters": one.parameters,
        "modality_specific_sites": int(one.modality_specific),
        "unfoldable_sites": int(one.elements > 0),
        "runtime_elements": one.elements,
    }


def cost_table(sites: Sequence[Site], kind: CostKind, facts: TrunkFacts) -> torch.Tensor:
    """``(S, K)`` prices relative to the dearest, see :meth:`vireid.search.SearchSpace.cost_table`."""
    rows = [[float(PRICES[kind](price(site, candidate, facts))) for candidate in site.candidates] for site in sites]
    table = torch.zeros(len(rows), max(map(len, rows)))
    for row, values in zip(table, rows, strict=True):
        row[: len(values)] = torch.tensor(values)
    return table / max(float(table.max()), 1.0)


@lru_cache(maxsize=256)
def _layer_price(candidate: str, channels: int) -> Price:
    """For one pixel."""
    with torch.device("meta"):
        layer = norm_candidate(candidate)(nn.BatchNorm2d(channels))
    parts = list(layer.modules())
    return Price(
        sum(parameter.numel() for parameter in layer.parameters()) - 2 * channels,
        sum(buffer.numel() for buffer in layer.buffers() if buffer.is_floating_point()),
        any(isinstance(part, SeparateBatchNorm2d) for part in parts),
        channels if any(isinstance(part, nn.InstanceNorm2d) for part in parts) else 0,
    )
