"""ResNet trunks of IBN-Net."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck

from vireid.errors import SettingsError
from vireid.models.trunks.resnet import ResNetTrunk, build_resnet
from vireid.nn.norm.instance_batch_norm import InstanceBatchNorm2d, instance_norm_from
from vireid.structures.resnet_sites import RESNETS

IBN_A_STAGES = ("layer1", "layer2", "layer3")
IBN_B_STAGES = ("layer1", "layer2")


class InstanceBottleneck(Bottleneck):  # type: ignore[misc]  # torchvision has no types
    """Bottleneck without projection whose residual sum is instance-normalised before the last ReLU.

    Args:
        channels: of input and output.
        planes: of the middle.
    """

    def __init__(self, channels: int, planes: int) -> None:
        super().__init__(channels, planes)
        self.IN = nn.InstanceNorm2d(channels, affine=True)

    @classmethod
    def from_bottleneck(cls, block: Bottleneck) -> InstanceBottleneck:
        """With the weights of ``block``; the instance normalisation starts at 1 and 0."""
        new = cls(block.conv3.out_channels, block.conv1.out_channels)
        new.load_state_dict({**new.state_dict(), **block.state_dict()})
        return new

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to the same shape."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn3(self.conv3(self.relu(self.bn2(self.conv2(out)))))
        return self.relu(self.IN(out + x))  # type: ignore[no-any-return]


def build_resnet_ibn(backbone: str, variant: Literal["a", "b"], weights: str | None = None, last_stride: int = 1) -> ResNetTrunk:
    """A ResNet trunk with IBN-Net's instance normalisations.

    ``a``: the first normalisation of every block of stages 1 to 3 is IN in the first half of the channels and BN in the second.
    ``b``: the stem is IN, and the residual sum of the last block of stages 1 and 2 is instance-normalised before its ReLU.
    :class:`~vireid.search.INPlacement` has ``a`` as the baseline ``ibn_a``, but ``b`` only approximately.

    Args:
        backbone: a ResNet of bottlenecks: ``resnet50``, ``resnet101`` or ``resnet152``.
        variant: ``a`` or ``b``.
        weights: torchvision's weights, such as ``IMAGENET1K_V1``, of the plain network: the halves of ``a`` take those of their
            channels. (The code that this departs from skips every entry whose name differs, so that the halves start at 1 and 0.)
        last_stride: 1 (usual in re-identification) or 2 (published counts).

    Raises:
        SettingsError: another variant, a ResNet of basic blocks, and see :func:`build_resnet`.

    Example::

        trunk = build_resnet_ibn("resnet50", "a", weights="IMAGENET1K_V1")

    Reference:
        Pan, Luo, Shi, Tang: Two at Once: Enhancing Learning and Generalization Capacities via IBN-Net, ECCV 2018.
    """
    if variant not in ("a", "b"):
        raise SettingsError(f"`variant` of IBN-Net must be 'a' or 'b', got {variant!r}.")
    trunk = build_resnet(backbone, weights, last_stride)
    if RESNETS[backbone][0] != "bottleneck":
        raise SettingsError(f"IBN-Net needs a ResNet of bottlenecks (resnet50, resnet101, resnet152), got {backbone!r}.")
    (_place_a if variant == "a" else _place_b)(trunk)
    return trunk


def _place_a(trunk: ResNetTrunk) -> None:
    for stage in IBN_A_STAGES:
        for block in trunk.get_submodule(stage).children():
            block.bn1 = InstanceBatchNorm2d.from_batch_norm(block.bn1)


def _place_b(trunk: ResNetTrunk) -> None:
    trunk.set_submodule("bn1", instance_norm_from(trunk.bn1))
    for stage in IBN_B_STAGES:
        blocks = trunk.get_submodule(stage)
        assert isinstance(blocks, nn.Sequential)
        with torch.random.fork_rng(devices=[]):  # the weights that are replaced at once draw nothing from the caller's generator
            blocks[-1] = InstanceBottleneck.from_bottleneck(blocks[-1])
