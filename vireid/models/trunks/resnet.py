"""ResNet trunks: torchvision's own classes, without pooling and classifier, and with the stride of the last stage to choose."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor, nn
from torchvision.models import resnet as torchvision_resnet
from torchvision.models.resnet import BasicBlock, Bottleneck

from vireid.errors import SettingsError
from vireid.models.trunks.base import Placement, Trunk
from vireid.models.trunks.pretrained import load_pretrained
from vireid.structures.resnet_sites import RESNETS
from vireid.structures.sites import Site

BLOCKS: dict[str, type[nn.Module]] = {"basic": BasicBlock, "bottleneck": Bottleneck}
FULL_WIDTH = 64
LARGEST_WIDTH = 256  # channels of the stem: a file may name any number, and weights grow with its square


class ResNetTrunk(torchvision_resnet.ResNet):  # type: ignore[misc]  # torchvision has no types
    """Convolutional part of a torchvision ResNet: ``(B, 3, H, W)`` to ``(B, out_channels, H', W')``.

    Module names, and at width 64 the initialisation, are torchvision's.

    Args:
        kind: ``basic`` or ``bottleneck``.
        depths: blocks per stage.
        last_stride: stride of stage 4; it sits where torchvision puts it (conv1 of a basic block, conv2 of a bottleneck).
        width: channels of the stem; stages have 1, 2, 4 and 8 times as many (times 4 for bottlenecks).

    Example:
        >>> import torch
        >>> trunk = ResNetTrunk("basic", (1, 1, 1, 1), width=8)
        >>> trunk(torch.zeros(1, 3, 32, 16)).shape
        torch.Size([1, 64, 2, 1])
    """

    def __init__(self, kind: str, depths: tuple[int, int, int, int], last_stride: int = 1, width: int = FULL_WIDTH) -> None:
        self._last_stride, self._width = last_stride, width
        super().__init__(BLOCKS[kind], list(depths))
        if width != FULL_WIDTH:
            self.conv1 = nn.Conv2d(3, width, kernel_size=7, stride=2, padding=3, bias=False)
            self.bn1 = nn.BatchNorm2d(width)
            nn.init.kaiming_normal_(self.conv1.weight, mode="fan_out", nonlinearity="relu")
        self.out_channels = int(self.inplanes)
        del self.fc, self.avgpool

    def _make_layer(self, block: Any, planes: int, blocks: int, stride: int = 1, dilate: bool = False) -> nn.Sequential:
        stage = {64: 1, 128: 2, 256: 3, 512: 4}[planes]
        if stage == 1:
            self.inplanes = self._width
        stride = self._last_stride if stage == 4 else stride
        layers: nn.Sequential = super()._make_layer(block, self._width * 2 ** (stage - 1), blocks, stride, dilate)
        return layers

    def forward(self, x: Tensor) -> Tensor:
        """Feature map of a batch of images."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))  # type: ignore[no-any-return]  # torchvision has no types


def build_resnet(backbone: str, weights: str | None = None, last_stride: int = 1, width: int = FULL_WIDTH) -> ResNetTrunk:
    """A ResNet trunk, with torchvision's initialisation, torchvision's ImageNet weights or those of a file.

    Args:
        backbone: ``resnet18``, ``resnet34``, ``resnet50``, ``resnet101``, ``resnet152``, or ``resnet10`` (one basic block per stage).
        weights: name of torchvision's weights for that backbone, such as ``IMAGENET1K_V1``, or a file, see :func:`load_weights`; ``None``
            for random weights.
        last_stride: 1 (usual in re-identification) or 2 (torchvision's).
        width: channels of the stem; other values than 64 only for basic blocks, and then torchvision has no weights.

    Raises:
        SettingsError: unknown backbone or weights, arguments that do not fit together, or weights that cannot be fetched or do not fit.
        CheckpointError: a file that holds no tensors, or more than tensors and plain values.

    Example:
        >>> import torch
        >>> build_resnet("resnet18", width=32)(torch.zeros(1, 3, 64, 32)).shape
        torch.Size([1, 256, 4, 2])
    """
    check_resnet(backbone, last_stride, width)
    if weights is not None and width != FULL_WIDTH and not Path(weights).is_file():
        raise SettingsError(
            f"torchvision has weights for width 64 alone, got width={width}, and there is no file {weights!r}. "
            "Give a file of weights (`vireid pretrain` makes one), or set `weights: null`."
        )
    kind, depths = RESNETS[backbone]
    trunk = ResNetTrunk(kind, depths, last_stride, width)
    if weights is not None:
        load_pretrained(trunk, backbone, weights)
    return trunk


def check_resnet(backbone: str, last_stride: int, width: int) -> None:
    """Refuse arguments that no trunk fits.

    Raises:
        SettingsError: naming the argument.
    """
    if backbone not in RESNETS:
        raise SettingsError(f"`backbone` must be one of {', '.join(RESNETS)}, got {backbone!r}.")
    if last_stride not in (1, 2):
        raise SettingsError(f"`last_stride` must be 1 or 2, got {last_stride!r}.")
    if not 1 <= width <= LARGEST_WIDTH or (width != FULL_WIDTH and RESNETS[backbone][0] != "basic"):
        raise SettingsError(f"`width` must be 64 for {backbone}; only basic blocks take others, 1 to {LARGEST_WIDTH}, got {width!r}.")


class ResNet(Trunk):
    """A ResNet of torchvision, with the stride of its last stage and its width to choose.

    Its normalisations have torchvision's names. Stages are 1 to 4 behind the stem; roles are ``stem``, ``bn1``, ``bn2``, ``bn3`` and
    ``downsample``. IBN-Net's ``ibn_a`` and ``ibn_b`` are hand-made points.

    Args:
        name: ``resnet10`` (one basic block a stage), ``resnet18``, ``resnet34``, ``resnet50``, ``resnet101`` or ``resnet152``.
        last_stride: stride of stage 4: 1 (usual in re-identification) or 2 (torchvision's).
        width: channels of the stem, 1 to 256; 64 except for networks of basic blocks (resnet10, resnet18, resnet34).

    Raises:
        SettingsError: an unknown name, or arguments that do not fit it.

    Example:
        >>> ResNet("resnet18", width=32).settings()["init_args"]
        {'name': 'resnet18', 'last_stride': 1, 'width': 32}

    Reference:
        He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, CVPR 2016.
    """

    own_weights = "IMAGENET1K_V1"
    builds_on_meta: ClassVar[bool] = True

    def __init__(self, name: str, last_stride: int = 1, width: int = FULL_WIDTH) -> None:
        check_resnet(name, last_stride, width)
        self.name = name
        self.last_stride = last_stride
        self.width = width

    def build(self, weights: str | None = None) -> ResNetTrunk:
        """See :func:`build_resnet`.

        Args:
            weights: torchvision's name, such as ``IMAGENET1K_V1``, or a file of weights.
        """
        return build_resnet(self.name, weights, self.last_stride, self.width)

    def stage(self, site: Site) -> int:
        return int(site.name[len("layer")]) if site.name.startswith("layer") else 0

    def block(self, site: Site) -> str:
        return ".".join(site.name.split(".")[:2]) if self.stage(site) else "stem"

    def role(self, site: Site) -> str:
        return site.name.split(".")[2] if self.stage(site) else "stem"

    def placements(self) -> Mapping[str, Placement]:
        """IBN-Net's networks, see :meth:`vireid.search.JointNorm.baselines`."""
        return {"ibn_a": _ibn_a, "ibn_b": _ibn_b(self.name)}


def _ibn_a(site: Site) -> str:
    return "ibn" if site.role == "bn1" and site.stage <= 3 else "shared_bn"


def _ibn_b(name: str) -> Placement:
    kind, depths = RESNETS[name]
    last = "bn2" if kind == "basic" else "bn3"
    places = {"bn1", *(f"layer{stage}.{depths[stage - 1] - 1}.{last}" for stage in (1, 2))}
    return lambda site: "in" if site.name in places else "shared_bn"
