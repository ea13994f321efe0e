"""A bias for every convolution of a trunk."""

from __future__ import annotations

import math

from torch import nn

from vireid.errors import SettingsError
from vireid.models.parts.base import TrunkPart


class ConvolutionBias(TrunkPart):
    """Every convolution of the trunk has a bias, although a batch norm follows that takes it away again in training.

    Biases start uniform in +-1/sqrt(fan in), as torch's do. ImageNet weights have none, so a trunk with them is not ImageNet's in
    evaluation until running statistics have followed: this is here to reproduce published training, not to improve any.

    Reference:
        Public code "Cross-Modality Infrared-Visible Re-ID".
    """

    def attach(self, trunk: nn.Module) -> None:
        bare = [layer for layer in trunk.modules() if isinstance(layer, nn.Conv2d) and layer.bias is None]
        if not bare:
            raise SettingsError("ConvolutionBias finds no convolution without a bias in this trunk; leave it out of `trunk_parts`.")
        for layer in bare:
            bound = 1 / math.sqrt(layer.weight[0].numel())
            layer.bias = nn.Parameter(layer.weight.new_empty(layer.out_channels).uniform_(-bound, bound))
