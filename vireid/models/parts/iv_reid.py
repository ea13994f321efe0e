"""Two properties of a published training: a stem without its activation, and a bias for every convolution."""

from __future__ import annotations

import math

from torch import nn

from vireid.errors import SettingsError
from vireid.models.parts.base import TrunkPart


class LinearStem(TrunkPart):
    """Remove the ReLU between the batch norm of the stem and its pooling, so that negative values reach the first stage.

    ImageNet weights were trained with that ReLU. This part reproduces published training; it is no improvement.

    Raises:
        SettingsError: the trunk has no ReLU behind its stem.

    Reference:
        Public code "Cross-Modality Infrared-Visible Re-ID", in which the call is commented out.
    """

    def attach(self, trunk: nn.Module) -> None:
        if not isinstance(getattr(trunk, "relu", None), nn.ReLU):
            raise SettingsError(
                f"LinearStem needs a trunk whose stem has a ReLU named `relu`, such as a ResNet's; {type(trunk).__name__} has none."
            )
        trunk.relu = nn.Identity()


class ConvolutionBias(TrunkPart):
    """Give every convolution of the trunk a bias, although the batch norm after it subtracts the bias again in training.

    Biases start uniform in +-1/sqrt(fan in), as torch's do. ImageNet weights have none. In evaluation the trunk therefore differs from
    ImageNet's until running statistics have followed. This part reproduces published training; it is no improvement.

    Raises:
        SettingsError: every convolution of the trunk has a bias already.

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
