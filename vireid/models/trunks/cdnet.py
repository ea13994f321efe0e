"""CNet and CDNet trunks: a stem, then stages of combined blocks with a halving of the map between them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import ClassVar, NamedTuple

from torch import Tensor, nn

from vireid.errors import SettingsError
from vireid.models.backbone import Backbone
from vireid.models.published.cdnet import load_reported
from vireid.models.trunks.base import Trunk
from vireid.models.trunks.cdnet_blocks import CombinedBlock, CombinedDepthBlock, ConvStem, DownSample, initialise
from vireid.structures.cdnet_sites import OPERATIONS, PUBLISHED, STAGES, Layer, Operations, block_stages, candidate_name, cell_stage
from vireid.structures.sites import Site

PLANES = (64, 256, 384, 512)


class Place(NamedTuple):
    """Where a searched layer sits.

    Attributes:
        name: of the module in the trunk, such as ``cells.3``.
        stage: 1 for the first.
        in_channels, out_channels: of the block.
    """

    name: str
    stage: int
    in_channels: int
    out_channels: int


def scaled_planes(planes: Sequence[int] = PLANES, width: float = 1.0) -> tuple[int, ...]:
    """Channels times ``width``, rounded down to a multiple of 4.

    Example:
        >>> scaled_planes(width=0.75)
        (48, 192, 288, 384)
    """
    return tuple(4 * int(channels * width / 4) for channels in planes)


def places(planes: Sequence[int], stages: Sequence[int]) -> list[Place]:
    """Every block in order; each stage but the last is followed by a cell that halves the map.

    Raises:
        SettingsError: not one number of channels for the stem and each stage, or a stage without blocks.

    Example:
        >>> [(place.name, place.stage, place.in_channels) for place in places(PLANES, STAGES)][1:3]
        [('cells.1', 1, 256), ('cells.3', 2, 256)]
    """
    if len(planes) != len(stages) + 1 or min(stages, default=0) < 1:
        raise SettingsError(
            f"`planes` must hold the channels of the stem and of each of the {len(stages)} `stages`, and a stage at least one block; "
            f"got planes {list(planes)} and stages {list(stages)}."
        )
    found, before = [], planes[0]
    for name, stage in block_stages(stages).items():
        found.append(Place(name, stage, before, planes[stage]))
        before = planes[stage]
    return found


def combined_block(in_channels: int, out_channels: int, layer: Layer, fuse: bool = True) -> nn.Module:
    """The block that a genotype's entry describes, with initial weights.

    Raises:
        SettingsError: see ``CombinedBlock``.
    """
    block: nn.Module
    if len(layer) == 3:
        block = CombinedDepthBlock(in_channels, out_channels, layer[:2], layer[2], fuse)
    else:
        block = CombinedBlock(in_channels, out_channels, layer, fuse)
    initialise(block)
    return block


class CDNetTrunk(nn.Module):
    """Convolutional part of a CNet or CDNet: ``(B, 3, H, W)`` to ``(B, planes[-1], H / 16, W / 16)``.

    Module names are those of the published checkpoints behind ``base.``. The genotype is cut by the running sum of ``stages``; the
    published code takes layers 2i and 2i + 1, which is the same for its two blocks per stage.

    Args:
        layers: one entry for each block.
        planes: channels of the stem and of each stage.
        stages: blocks of each stage.
        small: stem for images of 32 x 32, see ``ConvStem``. The published CNet has none, ours does.
        fuse: whether branches pass the gate.

    Raises:
        SettingsError: another number of layers, or arguments that do not fit.

    Example:
        >>> import torch
        >>> trunk = CDNetTrunk([(3, 5)] * 6, planes=(8, 16, 16, 16))
        >>> [tuple(level.shape) for level in trunk.maps(torch.zeros(2, 3, 64, 32))]
        [(2, 16, 8, 4), (2, 16, 4, 2), (2, 16, 4, 2)]

    Reference:
        Li, Wu, Zheng: Combined Depth Space based Architecture Search for Person Re-identification, CVPR 2021.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        planes: Sequence[int] = PLANES,
        stages: Sequence[int] = STAGES,
        small: bool = False,
        fuse: bool = True,
    ) -> None:
        super().__init__()
        plan = places(planes, stages)
        if len(layers) != len(plan):
            raise SettingsError(f"`layers` must hold one entry for each of the {len(plan)} blocks, got {len(layers)}.")
        self.stem = ConvStem(planes[0], small)
        initialise(self.stem)
        cells: list[nn.Module] = []
        for place, layer in zip(plan, layers, strict=True):
            if len(cells) < int(place.name.rpartition(".")[2]):
                cells.append(_downsample(place.in_channels))
            cells.append(combined_block(place.in_channels, place.out_channels, tuple(layer), fuse))
        self.cells = nn.Sequential(*cells)
        self.channels, self.out_channels = tuple(planes[1:]), planes[-1]
        self._ends = {total + stage for stage, total in enumerate(accumulate(stages))} - {sum(stages) + len(stages) - 1}

    def forward(self, images: Tensor) -> Tensor:
        """The last feature map."""
        return self.cells(self.stem(images))  # type: ignore[no-any-return]  # nn.Module.__call__ is untyped

    def maps(self, images: Tensor) -> tuple[Tensor, ...]:
        """The maps at the end of every stage, those before the last after their halving."""
        x, found, number = self.stem(images), {}, 0
        for name, cell in self.cells.named_children():
            x, head = cell(x), name.partition("_")[0]
            number = int(head) if head.isdigit() else number  # a layer inserted after a cell belongs to it
            if number in self._ends:
                found[number] = x
        return (*found.values(), x)


def _downsample(channels: int) -> nn.Module:
    cell = DownSample(channels)
    initialise(cell)
    return cell


WIDTHS = {"x1_0": 1.0, "x0_75": 0.75, "x0_5": 0.5, "x0_25": 0.25}
CDNETS: dict[str, tuple[Operations, float]] = {
    f"{operations}_{name}": (operations, width) for operations in PUBLISHED for name, width in WIDTHS.items()
}
"""Name of a network to its operations and its factor on all channels."""
ROLES = {"squeeze": "squeeze", "conv1": "depthwise", "conv2": "depthwise", "restore": "restore", "expand": "downsample"}


class CDNet(Trunk):
    """A published CDNet or CNet, or one with other operations.

    Its normalisations have the names of published checkpoints behind ``base.``. Stages are 0 for the stem and 1 to 3, a halving
    belonging to the stage before it; roles are ``stem``, ``squeeze``, ``depthwise``, ``restore``, ``downsample`` and ``transition``.

    Args:
        name: ``cdnet_x1_0`` or ``cnet_x1_0``, both also as ``x0_75``, ``x0_5`` and ``x0_25``.
        operations: kernels and repeats of each of the six blocks in order, such as ``3x5-1`` (of a CNet ``3x5``); ``None`` for the
            published ones.

    Raises:
        SettingsError: an unknown name, or operations that are none.

    Example:
        >>> CDNet("cnet_x1_0").settings()["init_args"]["operations"]
        ['5x7', '7x9', '7x9', '7x9', '7x9', '3x5']

    Reference:
        Li, Wu, Zheng: Combined Depth Space based Architecture Search for Person Re-identification, CVPR 2021.
    """

    builds_on_meta: ClassVar[bool] = True

    def __init__(self, name: str, operations: list[str] | None = None) -> None:
        if name not in CDNETS:
            raise SettingsError(f"`name` of a CDNet must be one of {', '.join(CDNETS)}, got {name!r}.")
        kind, self.width = CDNETS[name]
        known = {candidate_name(layer): layer for layer in OPERATIONS[kind]}
        chosen = list(PUBLISHED[kind] if operations is None else operations)
        if len(chosen) != sum(STAGES) or not set(chosen) <= set(known):
            raise SettingsError(f"`operations` of {name} must name {sum(STAGES)} of {', '.join(known)}, got {', '.join(map(str, chosen))}.")
        self.name, self.layers = name, [known[operation] for operation in chosen]
        self.record(operations=chosen)

    def build(self, weights: str | None = None) -> CDNetTrunk:
        """The network, with published initial weights.

        Args:
            weights: file of a published checkpoint of this network; what does not match is logged.

        Raises:
            MissingFileError, CheckpointError: no such file, or nothing of it fits.
        """
        trunk = CDNetTrunk(self.layers, scaled_planes(PLANES, self.width))
        if weights is not None:
            load_reported(Backbone(trunk), weights)
        return trunk

    def stage(self, site: Site) -> int:
        first, number = site.name.split(".")[:2]
        return cell_stage(int(number)) if first == "cells" else 0

    def block(self, site: Site) -> str:
        return ".".join(site.name.split(".")[:2]) if self.stage(site) else "stem"

    def role(self, site: Site) -> str:
        if not self.stage(site):
            return "stem"
        return next((ROLES[part] for part in site.name.split(".") if part in ROLES), "transition")
