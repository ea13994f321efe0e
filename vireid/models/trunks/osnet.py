"""OSNet trunks: plain, with hand-made instance normalisation (IBN), and searched (AIN)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from torch import Tensor, nn

from vireid.errors import SettingsError
from vireid.models.published.osnet import load_reported
from vireid.models.trunks.base import Placement, Trunk
from vireid.models.trunks.osnet_blocks import OSBLOCKS
from vireid.models.trunks.osnet_layers import ConvLayer
from vireid.structures.osnet_sites import OSNET_CHANNELS, OSNET_SITES, Channels
from vireid.structures.sites import Site

NONE = ("none",) * 6
IBN = ("out", "out", "none", "none", "none", "none")
AIN = ("in", "in", "none", "in", "in", "none")

OSNETS: dict[str, tuple[Channels, str, tuple[str, ...]]] = {
    **{f"osnet_{width}": (channels, "bn", NONE) for width, channels in OSNET_CHANNELS.items()},
    "osnet_ibn_x1_0": (OSNET_CHANNELS["x1_0"], "in", IBN),
    **{f"osnet_ain_{width}": (channels, "in", AIN) for width, channels in OSNET_CHANNELS.items()},
}
"""Published networks: channels, normalisation of the stem, and the placement of every block."""

STEM_NORMS: dict[str, type[nn.BatchNorm2d | nn.InstanceNorm2d]] = {"bn": nn.BatchNorm2d, "in": nn.InstanceNorm2d}


class OSNetTrunk(nn.Module):
    """Convolutional part of OSNet: ``(B, 3, H, W)`` to ``(B, out_channels, H / 16, W / 16)``.

    Modules have the names of published OSNet-AIN checkpoints. Pooling, the fully connected embedding layer
    (:class:`~vireid.nn.FullyConnectedNeck`) and the classifier belong to :class:`~vireid.models.ReIDNetwork`.

    Args:
        channels: of the stem and of stages 2, 3 and 4.
        placements: a key of ``OSBLOCKS`` for each of the six blocks, in order.
        stem: normalisation of the stem, ``bn`` or ``in``.
        affine: whether normalisations have weights and biases.

    Raises:
        SettingsError: unknown placements or stem, or another number of placements.

    Example:
        >>> import torch
        >>> trunk = OSNetTrunk((16, 64, 96, 128))  # the width of osnet_x0_25
        >>> trunk(torch.zeros(1, 3, 32, 16)).shape
        torch.Size([1, 128, 2, 1])

    Reference:
        Zhou, Yang, Cavallaro, Xiang: Omni-Scale Feature Learning for Person Re-Identification, ICCV 2019; Learning Generalisable
        Omni-Scale Representations for Person Re-Identification, TPAMI 2021.
    """

    def __init__(self, channels: Channels, placements: Sequence[str] = NONE, stem: str = "bn", affine: bool = True) -> None:
        super().__init__()
        _check(placements, stem)
        blocks = [OSBLOCKS[placement] for placement in placements]
        self.conv1 = ConvLayer(3, channels[0], 7, lambda count: STEM_NORMS[stem](count, affine=affine), stride=2, padding=3)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.conv2 = nn.Sequential(blocks[0](channels[0], channels[1], affine), blocks[1](channels[1], channels[1], affine))
        self.pool2 = nn.Sequential(_conv1x1(channels[1], affine), nn.AvgPool2d(2, stride=2))
        self.conv3 = nn.Sequential(blocks[2](channels[1], channels[2], affine), blocks[3](channels[2], channels[2], affine))
        self.pool3 = nn.Sequential(_conv1x1(channels[2], affine), nn.AvgPool2d(2, stride=2))
        self.conv4 = nn.Sequential(blocks[4](channels[2], channels[3], affine), blocks[5](channels[3], channels[3], affine))
        self.conv5 = _conv1x1(channels[3], affine)
        self.out_channels = channels[3]

    def forward(self, x: Tensor) -> Tensor:
        """Feature map of a batch of images."""
        x = self.pool2(self.conv2(self.maxpool(self.conv1(x))))
        return self.conv5(self.conv4(self.pool3(self.conv3(x))))  # type: ignore[no-any-return]  # nn.Module.__call__ is untyped


def build_osnet(backbone: str, weights: str | Path | None = None) -> OSNetTrunk:
    """A published OSNet trunk.

    Args:
        backbone: a key of :data:`OSNETS`, such as ``osnet_x1_0``, ``osnet_ibn_x1_0`` or ``osnet_ain_x0_5``.
        weights: file of a published checkpoint, of either naming; what does not match, of both sides, is logged. ``None`` for random
            weights: convolutions Kaiming-normal by fan-out, normalisations 1 and 0.

    Raises:
        SettingsError: unknown backbone, or a file without a single entry that fits.
        MissingFileError, CheckpointError: no such file, or one that holds more than tensors.

    Example:
        >>> build_osnet("osnet_x0_25").out_channels
        128
    """
    if backbone not in OSNETS:
        raise SettingsError(f"`backbone` must be one of {', '.join(OSNETS)}, got {backbone!r}.")
    channels, stem, placements = OSNETS[backbone]
    return build_trunk(channels, placements, stem, weights)


def build_trunk(channels: Channels, placements: Sequence[str], stem: str, weights: str | Path | None = None) -> OSNetTrunk:
    """Any OSNet trunk with published initial weights, or with those of a file; see :class:`OSNetTrunk` and :func:`build_osnet`."""
    trunk = OSNetTrunk(channels, placements, stem)
    initialise(trunk)
    if weights is not None:
        load_reported(trunk, weights)
    return trunk


def initialise(trunk: nn.Module) -> None:
    """Published initial weights of children: convolutions Kaiming-normal by fan-out, their biases 0; normalisations are left alone."""
    for module in trunk.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def _conv1x1(channels: int, affine: bool) -> ConvLayer:
    return ConvLayer(channels, channels, 1, lambda count: nn.BatchNorm2d(count, affine=affine))


def _check(placements: Sequence[str], stem: str) -> None:
    if len(placements) != len(OSNET_SITES) or not set(placements) <= set(OSBLOCKS):
        raise SettingsError(f"`placements` must name one of {', '.join(OSBLOCKS)} for each of 6 blocks, got {tuple(placements)}.")
    if stem not in STEM_NORMS:
        raise SettingsError(f"`stem` must be one of {', '.join(STEM_NORMS)}, got {stem!r}.")


class OSNet(Trunk):
    """A published OSNet, or one with other placements of instance normalisation.

    Its normalisations have the names of published OSNet-AIN checkpoints; what is IN already is no site. Stages are 0 for the stem, 2 to 4
    for those of blocks with the transition behind them, and 5 for ``conv5``; roles are ``stem``, ``conv1``, ``stream``, ``conv3`` and
    ``downsample`` in a block, and ``transition``. Plain networks have OSNet-AIN as the hand-made point ``osnet_ain``: IN at the stem, and
    in the blocks whose last batch normalisation it replaces.

    Args:
        name: ``osnet_x1_0`` or ``osnet_ain_x1_0``, both also as ``x0_75``, ``x0_5`` and ``x0_25``, or ``osnet_ibn_x1_0``.
        placements: ``none``, ``in``, ``out`` or ``inout`` for each of the six blocks in order; ``None`` for the published ones.

    Raises:
        SettingsError: an unknown name, or placements that are none.

    Example:
        >>> OSNet("osnet_ain_x0_25").settings()["init_args"]["placements"]
        ['in', 'in', 'none', 'in', 'in', 'none']

    Reference:
        Zhou, Yang, Cavallaro, Xiang: Omni-Scale Feature Learning for Person Re-Identification, ICCV 2019.
    """

    builds_on_meta: ClassVar[bool] = True

    def __init__(self, name: str, placements: list[str] | None = None) -> None:
        if name not in OSNETS:
            raise SettingsError(f"`name` of an OSNet must be one of {', '.join(OSNETS)}, got {name!r}.")
        self.name = name
        self.channels, self.stem, published = OSNETS[name]
        self.blocks = tuple(published if placements is None else placements)
        _check(self.blocks, self.stem)
        self.record(placements=list(self.blocks))

    def build(self, weights: str | Path | None = None) -> OSNetTrunk:
        """See :func:`build_osnet`.

        Args:
            weights: file of a published checkpoint.
        """
        return build_trunk(self.channels, self.blocks, self.stem, weights)

    def stage(self, site: Site) -> int:
        number = int(site.name[len("conv")])  # conv1 is the stem, pool2 stands behind conv2
        return 0 if number == 1 else number

    def block(self, site: Site) -> str:
        return ".".join(site.name.split(".")[:2]) if self.stage(site) else "stem"

    def role(self, site: Site) -> str:
        parts = site.name.split(".")
        if len(parts) < 4:
            return "transition" if self.stage(site) else "stem"
        return "stream" if parts[2] == "conv2" else parts[2]

    def placements(self) -> Mapping[str, Placement]:
        """``osnet_ain``, of a plain network."""
        return {"osnet_ain": _ain} if (self.stem, self.blocks) == ("bn", NONE) else {}


def _ain(site: Site) -> str:
    inside = {f"{name}.conv3.bn" for name, placement in zip(OSNET_SITES, AIN, strict=True) if placement == "in"}
    return "in" if site.role == "stem" or site.name in inside else "shared_bn"
