"""The block of OSNet with its four placements of instance normalisation."""

from __future__ import annotations

from torch import Tensor, nn

from vireid.errors import SettingsError
from vireid.models.trunks.osnet_layers import ChannelGate, ConvLayer, LightConvStream, LinearConv1x1

STREAMS = 4
EXPANSION = 4


class OSBlock(nn.Module):
    """Bottleneck of four streams with receptive fields of 3, 5, 7 and 9 pixels: ``ReLU(BN(r) + identity)``.

    All streams share one gate. The shortcut is projected (with batch normalisation) where the number of channels changes.

    Args:
        in_channels: of the input.
        out_channels: of the output; a multiple of 4, and at least 64 for the gate.
        affine: whether normalisations have weights and biases (children) or not (OSNet-AIN's search).

    Raises:
        SettingsError: ``out_channels`` that does not fit.

    Reference:
        Zhou, Yang, Cavallaro, Xiang: Omni-Scale Feature Learning for Person Re-Identification, ICCV 2019.
    """

    keeps_bn = True  # whether `conv3` is followed by its batch normalisation

    def __init__(self, in_channels: int, out_channels: int, affine: bool = True) -> None:
        super().__init__()
        if out_channels % EXPANSION:
            raise SettingsError(f"`out_channels` of an OSNet block must be a multiple of {EXPANSION}, got {out_channels}.")
        middle = out_channels // EXPANSION
        self.conv1 = ConvLayer(in_channels, middle, 1, lambda channels: nn.BatchNorm2d(channels, affine=affine))
        self.conv2 = nn.ModuleList(LightConvStream(middle, depth, affine) for depth in range(1, STREAMS + 1))
        self.gate = ChannelGate(middle)
        self.conv3 = LinearConv1x1(middle, out_channels, affine if self.keeps_bn else None)
        self.downsample = LinearConv1x1(in_channels, out_channels, affine) if in_channels != out_channels else None
        self.add_norms(out_channels, affine)

    def add_norms(self, channels: int, affine: bool) -> None:
        """Instance normalisations of the placement, at the end of registration as published."""

    def streams(self, x: Tensor) -> Tensor:
        """Gated sum of the streams, ``(B, out / 4, H, W)``."""
        x = self.conv1(x)
        total: Tensor = self.gate(self.conv2[0](x))
        for stream in list(self.conv2)[1:]:
            total = total + self.gate(stream(x))
        return total

    def shortcut(self, x: Tensor) -> Tensor:
        """``(B, out, H, W)``: the input, projected where channels differ."""
        return x if self.downsample is None else self.downsample(x)

    def join(self, residual: Tensor, identity: Tensor) -> Tensor:
        """The sum before the last ReLU; ``residual`` comes from ``conv3``."""
        return residual + identity

    def forward(self, x: Tensor) -> Tensor:
        """``(B, in, H, W)`` to ``(B, out, H, W)``."""
        return self.join(self.conv3(self.streams(x)), self.shortcut(x)).relu()


class OSBlockIn(OSBlock):
    """Instance inside: ``ReLU(IN(r) + identity)``; IN replaces BN."""

    keeps_bn = False

    def add_norms(self, channels: int, affine: bool) -> None:
        self.IN = nn.InstanceNorm2d(channels, affine=affine)

    def join(self, residual: Tensor, identity: Tensor) -> Tensor:
        return self.IN(residual) + identity  # type: ignore[no-any-return]


class OSBlockOut(OSBlock):
    """Instance outside: ``ReLU(IN(BN(r) + identity))``; BN is kept."""

    def add_norms(self, channels: int, affine: bool) -> None:
        self.IN = nn.InstanceNorm2d(channels, affine=affine)

    def join(self, residual: Tensor, identity: Tensor) -> Tensor:
        return self.IN(residual + identity)  # type: ignore[no-any-return]


class OSBlockInOut(OSBlock):
    """Both: ``ReLU(IN_out(IN_in(r) + identity))``; two INs, BN replaced."""

    keeps_bn = False

    def add_norms(self, channels: int, affine: bool) -> None:
        self.IN_in = nn.InstanceNorm2d(channels, affine=affine)
        self.IN_out = nn.InstanceNorm2d(channels, affine=affine)

    def join(self, residual: Tensor, identity: Tensor) -> Tensor:
        return self.IN_out(self.IN_in(residual) + identity)  # type: ignore[no-any-return]


OSBLOCKS: dict[str, type[OSBlock]] = {"none": OSBlock, "in": OSBlockIn, "out": OSBlockOut, "inout": OSBlockInOut}
"""Placement id to block, in the order of OSNet-AIN's architecture weights; ties go to the first.

Reference:
    Zhou, Yang, Cavallaro, Xiang: Learning Generalisable Omni-Scale Representations for Person Re-Identification, TPAMI 2021.
"""
