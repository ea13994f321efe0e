"""The weight-sharing network of OSNet-AIN."""

from __future__ import annotations

import torch
from torch import nn

from vireid.models import Backbone
from vireid.search.supernet import Supernet
from vireid.structures import Genotype


class OSNetSupernet(Supernet):
    """An OSNet trunk without affine normalisations, whose blocks hold every placement."""

    def derive_child(self, genotype: Genotype) -> Backbone:
        """The plain network of ``genotype``; its normalisations get weights of 1 and biases of 0, which changes no output.

        Raises:
            GenotypeError: see :meth:`set_genotype`.
        """
        child = super().derive_child(genotype)
        add_affine(child)
        return child


def add_affine(network: nn.Module) -> None:
    """Give every normalisation without weight and bias ones and zeros, on the device and in the dtype of the first parameter."""
    like = next(network.parameters())
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.InstanceNorm2d)) and getattr(module, "weight") is None:  # noqa: B009  # typed as always there
            module.affine = True
            module.weight = nn.Parameter(torch.ones(module.num_features, device=like.device, dtype=like.dtype))
            module.bias = nn.Parameter(torch.zeros(module.num_features, device=like.device, dtype=like.dtype))
