"""Layers that the blocks of OSNet consist of. Names of submodules are those of published checkpoints."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from vireid.errors import SettingsError

NormBuilder = Callable[[int], nn.Module]
"""From a number of channels to a normalisation of ``(B, C, H, W)``."""

GATE_REDUCTION = 16


class ConvLayer(nn.Module):
    """Convolution without bias, normalisation, ReLU; the normalisation is called ``bn`` whatever it is.

    Args:
        in_channels, out_channels, kernel_size, stride, padding: of the convolution.
        norm: builds the normalisation of ``out_channels``.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, norm: NormBuilder, stride: int = 1, padding: int = 0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, bias=False)
        self.bn = norm(out_channels)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """``(B, in, H, W)`` to ``(B, out, H', W')``."""
        return self.relu(self.bn(self.conv(x)))  # type: ignore[no-any-return]  # nn.Module.__call__ is untyped


class LinearConv1x1(nn.Module):
    """1 x 1 convolution without bias or ReLU, with or without batch normalisation.

    Args:
        in_channels, out_channels: of the convolution.
        affine: whether the normalisation has weight and bias; ``None`` for no normalisation.
    """

    def __init__(self, in_channels: int, out_channels: int, affine: bool | None = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.bn = None if affine is None else nn.BatchNorm2d(out_channels, affine=affine)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, in, H, W)`` to ``(B, out, H, W)``."""
        x = self.conv(x)
        return x if self.bn is None else self.bn(x)


class LightConv3x3(nn.Module):
    """1 x 1 convolution, depthwise 3 x 3 convolution, batch normalisation, ReLU; no normalisation between the two convolutions."""

    def __init__(self, channels: int, affine: bool = True) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 1, bias=False)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False, groups=channels)
        self.bn = nn.BatchNorm2d(channels, affine=affine)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to the same shape."""
        return self.relu(self.bn(self.conv2(self.conv1(x))))  # type: ignore[no-any-return]


class LightConvStream(nn.Module):
    """``depth`` light convolutions in a row: a receptive field of ``2 depth + 1`` pixels."""

    def __init__(self, channels: int, depth: int, affine: bool = True) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(LightConv3x3(channels, affine) for _ in range(depth)))

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to the same shape."""
        return self.layers(x)  # type: ignore[no-any-return]


class ChannelGate(nn.Module):
    """Weights every channel by a sigmoid of the channels' means, through a hidden layer of ``C // 16``.

    Raises:
        SettingsError: fewer than 16 channels, which would leave no hidden unit.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = channels // GATE_REDUCTION
        if hidden < 1:
            raise SettingsError(f"A channel gate needs at least {GATE_REDUCTION} channels, got {channels}.")
        self.fc1 = nn.Conv2d(channels, hidden, 1)
        self.fc2 = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to the same shape."""
        weights = self.fc2(self.fc1(x.mean(dim=(2, 3), keepdim=True)).relu()).sigmoid()
        return x * weights  # type: ignore[no-any-return]
