"""The batch normalisations of a torchvision ResNet."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from vireid.models.trunks.resnet import FULL_WIDTH, build_resnet, check_resnet
from vireid.search.norm_plan import NormPlan, Placement
from vireid.structures.resnet_sites import RESNETS
from vireid.structures.sites import Site


def resnet_plan(backbone: str, last_stride: int, width: int) -> NormPlan:
    """Plan of a key of :data:`~vireid.structures.resnet_sites.RESNETS`, with IBN-Net's networks.

    Raises:
        SettingsError: see :func:`~vireid.models.trunks.resnet.check_resnet`.
    """
    check_resnet(backbone, last_stride, width)
    build = partial(build_resnet, backbone, last_stride=last_stride, width=width)
    return NormPlan(tuple(resnet_norm_sites(backbone, width)), build, {"ibn_a": _ibn_a, "ibn_b": _ibn_b(backbone)})


def resnet_norm_sites(backbone: str, width: int = FULL_WIDTH) -> Iterator[Site]:
    """Every normalisation of a torchvision ResNet trunk, from its plan alone.

    The order is that of execution, which is also that of registration in torchvision: the stem, then in every block bn1,
    bn2(, bn3), and after them the downsample branch where there is one. (A CM-NAS list has another order, see
    :func:`~vireid.structures.resnet_sites.cmnas_order`.)

    Args:
        backbone: a key of :data:`~vireid.structures.resnet_sites.RESNETS`.
        width: channels of the stem.

    Example:
        >>> [(site.name, site.channels) for site in resnet_norm_sites("resnet50")][3:5]
        [('layer1.0.bn3', 256), ('layer1.0.downsample.1', 256)]
    """
    kind, depths = RESNETS[backbone]
    expansion = 1 if kind == "basic" else 4
    yield Site("bn1", (), 0, "stem", width)
    for stage, depth in enumerate(depths, start=1):
        planes = width * 2 ** (stage - 1)
        for block in range(depth):
            prefix = f"layer{stage}.{block}"
            yield Site(f"{prefix}.bn1", (), stage, "bn1", planes)
            yield Site(f"{prefix}.bn2", (), stage, "bn2", planes)
            if kind == "bottleneck":
                yield Site(f"{prefix}.bn3", (), stage, "bn3", planes * expansion)
            if block == 0 and (stage > 1 or kind == "bottleneck"):
                yield Site(f"{prefix}.downsample.1", (), stage, "downsample", planes * expansion)


def _ibn_a(site: Site) -> str:
    return "ibn" if site.role == "bn1" and site.stage <= 3 else "shared_bn"


def _ibn_b(backbone: str) -> Placement:
    kind, depths = RESNETS[backbone]
    last = "bn2" if kind == "basic" else "bn3"
    places = {"bn1", *(f"layer{stage}.{depths[stage - 1] - 1}.{last}" for stage in (1, 2))}
    return lambda site: "in" if site.name in places else "shared_bn"
