"""Building blocks of CNet and CDNet: two chains of cheap convolutions of different depth, fused by one gate."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from vireid.errors import SettingsError

KERNELS = (3, 5, 7, 9)
SQUEEZE = 4


class ConvNorm(nn.Module):
    """Convolution without bias that keeps the size at stride 1, batch normalisation and, unless it is switched off, ReLU.

    Args:
        in_channels, out_channels: of the convolution.
        kernel: its size, odd.
        stride: its stride.
        relu: whether it ends in a ReLU.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int = 1, stride: int = 1, relu: bool = True) -> None:
        super().__init__()
        convolution = nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, bias=False)
        self.op = nn.Sequential(convolution, nn.BatchNorm2d(out_channels), *([nn.ReLU(inplace=True)] if relu else []))

    def forward(self, x: Tensor) -> Tensor:
        """``(B, in_channels, H, W)`` to ``(B, out_channels, H / stride, W / stride)``."""
        return self.op(x)  # type: ignore[no-any-return]  # nn.Module.__call__ is untyped


class DepthwiseBlock(nn.Module):
    """1 x 1 convolution, depthwise 3 x 3 convolution, one batch normalisation, ReLU; the channels stay."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.op = nn.Sequential(
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        return self.op(x)  # type: ignore[no-any-return]


class AdaptiveFuse(nn.Module):
    """Channel gate ``x * sigmoid(fc2(relu(fc1(mean(x)))))`` with a bottleneck of a quarter of the channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // SQUEEZE, 1)
        self.fc2 = nn.Conv2d(channels // SQUEEZE, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        gate = self.fc2(self.fc1(x.mean(dim=(2, 3), keepdim=True)).relu()).sigmoid()
        return x * gate  # type: ignore[no-any-return]


class CombinedBlock(nn.Module):
    """Residual bottleneck with two branches of depth ``k // 2``: a chain of 3 x 3 depthwise blocks stands for a kernel of size k.

    One gate serves both branches; what it lets through of each is added.

    Args:
        in_channels, out_channels: channels of the block; its inside has a quarter of ``out_channels``.
        kernels: sizes of both branches, odd, 3 to 9.
        fuse: whether branches pass the gate before they are added; off for the ablation without it.

    Raises:
        SettingsError: other kernels, or too few channels for the gate.

    Reference:
        Li, Wu, Zheng: Combined Depth Space based Architecture Search for Person Re-identification, CVPR 2021.
    """

    def __init__(self, in_channels: int, out_channels: int, kernels: Sequence[int], fuse: bool = True) -> None:
        super().__init__()
        if len(kernels) != 2 or any(kernel not in KERNELS for kernel in kernels):
            raise SettingsError(f"`kernels` must be two of {', '.join(map(str, KERNELS))}, got {list(kernels)}.")
        if out_channels < SQUEEZE**2:
            raise SettingsError(f"`out_channels` must be at least {SQUEEZE**2}, or nothing is left inside the gate; got {out_channels}.")
        middle = out_channels // SQUEEZE
        self.squeeze = ConvNorm(in_channels, middle)
        self.conv1, self.conv2 = (nn.Sequential(*(DepthwiseBlock(middle) for _ in range(kernel // 2))) for kernel in kernels)
        self.adaption = AdaptiveFuse(middle) if fuse else nn.Identity()
        self.restore = ConvNorm(middle, out_channels, relu=False)
        self.expand = ConvNorm(in_channels, out_channels, relu=False) if in_channels != out_channels else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """``(B, in_channels, H, W)`` to ``(B, out_channels, H, W)``."""
        squeezed = self.squeeze(x)
        fused = self.adaption(self.conv1(squeezed)) + self.adaption(self.conv2(squeezed))
        return (self.restore(fused) + self.expand(x)).relu()  # type: ignore[no-any-return]


class CombinedDepthBlock(nn.Module):
    """``repeats`` combined blocks of one kind in a row; the first changes the channels.

    Args:
        in_channels, out_channels, kernels, fuse: see :class:`CombinedBlock`.
        repeats: at least 1.

    Raises:
        SettingsError: see :class:`CombinedBlock`; no repeats.
    """

    def __init__(self, in_channels: int, out_channels: int, kernels: Sequence[int], repeats: int, fuse: bool = True) -> None:
        super().__init__()
        if repeats < 1:
            raise SettingsError(f"`repeats` must be at least 1, got {repeats}.")
        inputs = [in_channels, *[out_channels] * (repeats - 1)]
        self.ops = nn.Sequential(*(CombinedBlock(channels, out_channels, kernels, fuse) for channels in inputs))

    def forward(self, x: Tensor) -> Tensor:
        """``(B, in_channels, H, W)`` to ``(B, out_channels, H, W)``."""
        return self.ops(x)  # type: ignore[no-any-return]


class ConvStem(nn.Module):
    """First layer: convolution, batch normalisation, ReLU and, for photographs, pooling.

    Args:
        channels: outputs.
        small: 3 x 3 convolution of stride 1 and no pooling, for images of 32 x 32; otherwise 7 x 7 of stride 2 and 3 x 3 max pooling
            of stride 2.
    """

    def __init__(self, channels: int, small: bool = False) -> None:
        super().__init__()
        kernel, stride = (3, 1) if small else (7, 2)
        self.conv1 = ConvNorm(3, channels, kernel, stride)
        self.pool = nn.Identity() if small else nn.MaxPool2d(3, 2, 1)

    def forward(self, images: Tensor) -> Tensor:
        """``(B, 3, H, W)`` to ``(B, channels, H / 4, W / 4)``, or ``(B, channels, H, W)``."""
        return self.pool(self.conv1(images))  # type: ignore[no-any-return]


class DownSample(nn.Module):
    """1 x 1 convolution, batch normalisation and ReLU, then 2 x 2 average pooling that drops an odd last row or column."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1x1 = ConvNorm(channels, channels)
        self.pool = nn.AvgPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to ``(B, C, H // 2, W // 2)``."""
        return self.pool(self.conv1x1(x))  # type: ignore[no-any-return]


def initialise(module: nn.Module) -> None:
    """Initial weights of the published code, in place.

    Convolutions: Kaiming normal by fan-in, biases 0. Linear layers: N(0, 0.001), biases 0. Normalisations keep PyTorch's 1 and 0.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_in", nonlinearity="relu")
        elif isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, 0.0, 0.001)
        if isinstance(layer, (nn.Conv2d, nn.Linear)) and layer.bias is not None:
            nn.init.zeros_(layer.bias)
