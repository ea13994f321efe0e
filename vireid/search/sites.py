"""The places of a network where an architecture makes a choice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vireid.structures.resnet_sites import RESNETS


@dataclass(frozen=True)
class Site:
    """One choice of a search space.

    Attributes:
        name: stable name; for a normalisation, the module name in the trunk.
        candidates: ids, in the order of architecture parameters; ties go to the first.
        stage: 0 for the stem, 1..4 for the stages of a ResNet.
        role: ``stem``, ``bn1``, ``bn2``, ``bn3`` or ``downsample``.
        channels: channels that the site normalises.
        group: sites of one group are tied: they share one row of architecture parameters. Empty for a group of its own.
    """

    name: str
    candidates: tuple[str, ...]
    stage: int = 0
    role: str = ""
    channels: int | None = None
    group: str = ""


def groups(sites: Sequence[Site]) -> list[tuple[Site, ...]]:
    """Sites by free choice, in the order of their first members; a site without a group is alone.

    Example:
        >>> sites = [Site("a", ("x", "y")), Site("b", ("x", "y"), group="tied"), Site("c", ("x", "y"), group="tied")]
        >>> [len(members) for members in groups(sites)]
        [1, 2]
    """
    found: dict[tuple[str, str], list[Site]] = {}
    for site in sites:
        found.setdefault((site.group, "" if site.group else site.name), []).append(site)
    return [tuple(members) for members in found.values()]


def resnet_norm_sites(backbone: str, candidates: tuple[str, ...], width: int = 64) -> Iterator[Site]:
    """Every normalisation of a torchvision ResNet trunk, from its plan alone.

    The order is that of execution, which is also that of registration in torchvision: the stem, then in every block bn1,
    bn2(, bn3), and after them the downsample branch where there is one. (A CM-NAS list has another order, see
    :func:`~vireid.structures.resnet_sites.cmnas_order`.)

    Args:
        backbone: a key of :data:`~vireid.structures.resnet_sites.RESNETS`.
        candidates: of every site.
        width: channels of the stem.

    Example:
        >>> [(site.name, site.channels) for site in resnet_norm_sites("resnet50", ("shared_bn",))][3:5]
        [('layer1.0.bn3', 256), ('layer1.0.downsample.1', 256)]
    """
    kind, depths = RESNETS[backbone]
    expansion = 1 if kind == "basic" else 4
    yield Site("bn1", candidates, 0, "stem", width)
    for stage, depth in enumerate(depths, start=1):
        planes = width * 2 ** (stage - 1)
        for block in range(depth):
            prefix = f"layer{stage}.{block}"
            yield Site(f"{prefix}.bn1", candidates, stage, "bn1", planes)
            yield Site(f"{prefix}.bn2", candidates, stage, "bn2", planes)
            if kind == "bottleneck":
                yield Site(f"{prefix}.bn3", candidates, stage, "bn3", planes * expansion)
            if block == 0 and (stage > 1 or kind == "bottleneck"):
                yield Site(f"{prefix}.downsample.1", candidates, stage, "downsample", planes * expansion)
