"""The sites of our trunks, by hand from the plans of the networks, in the order of execution."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from vireid.models.trunks.cdnet import PLANES, scaled_planes
from vireid.models.trunks.osnet_blocks import OSBLOCKS
from vireid.structures.osnet_sites import OSNET_SITES
from vireid.structures.resnet_sites import RESNETS
from vireid.structures.sites import Site


def resnet_sites(name: str, width: int = 64) -> Iterator[Site]:
    """The stem, then in every block bn1, bn2(, bn3), and after them the downsample branch where there is one."""
    kind, depths = RESNETS[name]
    expansion = 1 if kind == "basic" else 4
    yield Site("bn1", (), 0, "stem", width, block="stem")
    for stage, depth in enumerate(depths, start=1):
        planes = width * 2 ** (stage - 1)
        for number in range(depth):
            block = f"layer{stage}.{number}"
            yield Site(f"{block}.bn1", (), stage, "bn1", planes, block=block)
            yield Site(f"{block}.bn2", (), stage, "bn2", planes, block=block)
            if kind == "bottleneck":
                yield Site(f"{block}.bn3", (), stage, "bn3", planes * expansion, block=block)
            if number == 0 and (stage > 1 or kind == "bottleneck"):
                yield Site(f"{block}.downsample.1", (), stage, "downsample", planes * expansion, block=block)


def osnet_sites(channels: Sequence[int], stem: str, placements: Sequence[str]) -> Iterator[Site]:
    """Stages count from 2, as the names of modules; what is IN already is no site."""
    placed = dict(zip(OSNET_SITES, placements, strict=True))
    if stem == "bn":
        yield Site("conv1.bn", (), 0, "stem", channels[0], block="stem")
    for stage, (before, after) in enumerate(pairwise(channels), start=2):
        yield from _osnet_block(f"conv{stage}.0", placed[f"conv{stage}.0"], before, after)
        yield from _osnet_block(f"conv{stage}.1", placed[f"conv{stage}.1"], after, after)
        if stage < 4:
            yield Site(f"pool{stage}.0.bn", (), stage, "transition", after, block=f"pool{stage}.0")
    yield Site("conv5.bn", (), 5, "transition", channels[-1], block="conv5.bn")


def _osnet_block(name: str, placement: str, before: int, after: int) -> Iterator[Site]:
    stage, middle = int(name[4]), after // 4
    yield Site(f"{name}.conv1.bn", (), stage, "conv1", middle, block=name)
    for stream in range(4):
        for layer in range(stream + 1):
            yield Site(f"{name}.conv2.{stream}.layers.{layer}.bn", (), stage, "stream", middle, block=name)
    if OSBLOCKS[placement].keeps_bn:
        yield Site(f"{name}.conv3.bn", (), stage, "conv3", after, block=name)
    if before != after:
        yield Site(f"{name}.downsample.bn", (), stage, "downsample", after, block=name)


def cdnet_sites(operations: Sequence[str], width: float) -> Iterator[Site]:
    """Of two blocks a stage, with a halving behind the first two stages."""
    planes = scaled_planes(PLANES, width)
    yield Site("stem.conv1.op.1", (), 0, "stem", planes[0], block="stem")
    for number, operation in enumerate(operations):
        stage, cell = number // 2 + 1, f"cells.{number + number // 2}"
        kernels, _, repeats = operation.partition("-")
        before = planes[stage - 1] if number % 2 == 0 else planes[stage]
        for repeat in range(int(repeats or 1)):
            inside = f"{cell}.ops.{repeat}" if repeats else cell
            channels = planes[stage] if repeat else before, planes[stage]
            yield from _cdnet_block(inside, cell, stage, [int(kernel) for kernel in kernels.split("x")], *channels)
        if number in (1, 3):
            halving = f"cells.{number + number // 2 + 1}"
            yield Site(f"{halving}.conv1x1.op.1", (), stage, "transition", planes[stage], block=halving)


def _cdnet_block(name: str, cell: str, stage: int, kernels: Sequence[int], before: int, after: int) -> Iterator[Site]:
    middle = after // 4
    yield Site(f"{name}.squeeze.op.1", (), stage, "squeeze", middle, block=cell)
    for branch, kernel in enumerate(kernels, start=1):
        for layer in range(kernel // 2):
            yield Site(f"{name}.conv{branch}.{layer}.op.2", (), stage, "depthwise", middle, block=cell)
    yield Site(f"{name}.restore.op.1", (), stage, "restore", after, block=cell)
    if before != after:
        yield Site(f"{name}.expand.op.1", (), stage, "downsample", after, block=cell)
