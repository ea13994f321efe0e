"""What a space over normalisations knows of a backbone before it builds one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import nn

from vireid.errors import SettingsError
from vireid.models.trunks.resnet import FULL_WIDTH
from vireid.structures.sites import Site

Placement = Callable[[Site], str]
"""Candidate of every normalisation of a hand-made network."""


@dataclass(frozen=True)
class NormPlan:
    """A backbone's normalisations, and how to build it.

    Attributes:
        norms: every ``BatchNorm2d`` of the trunk, named by its module, in the order of execution; without candidates.
        build: the trunk, given the name or file of its pretrained weights, or ``None`` for random ones.
        placements: networks that people made by hand, by name.
    """

    norms: tuple[Site, ...]
    build: Callable[[str | None], nn.Module]
    placements: Mapping[str, Placement] = field(default_factory=dict)


def refuse_resnet_settings(backbone: str, last_stride: int, width: int) -> None:
    """For backbones whose name says everything.

    Raises:
        SettingsError: ``last_stride`` or ``width`` are not their defaults.
    """
    if (last_stride, width) != (1, FULL_WIDTH):
        raise SettingsError(f"`last_stride` and `width` are settings of ResNets; {backbone} has none. Leave them out.")
