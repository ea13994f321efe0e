"""Non-local blocks between the blocks of a trunk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import nn

from vireid.errors import SettingsError
from vireid.models.parts.base import TrunkPart, channels_after, insert_after
from vireid.nn.attention.non_local import NonLocal

LAST_BLOCKS = {"layer2": 2, "layer3": 3}  # AGW's in a ResNet-50


class NonLocalBlocks(TrunkPart):
    """A :class:`~vireid.nn.NonLocal` block after each of several places of the trunk, named ``<stage>.<block>_non_local``.

    Args:
        places: names of stages or blocks. ``None`` for AGW's: the last two blocks of ``layer2`` and the last three of ``layer3`` (all of
            them where there are fewer), which in a ResNet-50 are ``layer2.2``, ``layer2.3``, ``layer3.3``, ``layer3.4`` and ``layer3.5``.
        inner_channels: channels inside, see :class:`~vireid.nn.NonLocal`: ``"half"`` of those of the place, or a number; 1 is what
            the public code of AGW has.

    Raises:
        SettingsError: ``inner_channels`` below 1.

    Reference:
        Ye, Shen, Lin, Xiang, Shao, Hoi: Deep Learning for Person Re-identification: A Survey and Outlook, TPAMI 2021.
    """

    def __init__(self, places: Sequence[str] | None = None, inner_channels: int | Literal["half"] = "half") -> None:
        if inner_channels != "half" and inner_channels < 1:
            raise SettingsError(f"`inner_channels` must be half or at least 1, got {inner_channels}.")
        self.places, self.inner_channels = None if places is None else tuple(places), inner_channels

    def attach(self, trunk: nn.Module) -> None:
        """Insert the blocks.

        Raises:
            SettingsError: a place that the trunk does not have or that has no convolution, or no ``layer2`` and ``layer3`` to take the
                default from.
        """
        for place in default_places(trunk) if self.places is None else self.places:
            inner = None if self.inner_channels == "half" else self.inner_channels
            insert_after(trunk, place, "non_local", NonLocal(channels_after(trunk, place), inner))


def default_places(trunk: nn.Module) -> list[str]:
    """The last two blocks of ``layer2`` and the last three of ``layer3``.

    Raises:
        SettingsError: the trunk is not a ResNet.
    """
    places = []
    for stage, count in LAST_BLOCKS.items():
        blocks = getattr(trunk, stage, None)
        if not isinstance(blocks, nn.Sequential):
            raise SettingsError(f"{type(trunk).__name__} has no stage {stage}; name the `places` of NonLocalBlocks.")
        numbers = [name for name, _ in blocks.named_children() if name.isdigit()]
        places += [f"{stage}.{number}" for number in numbers[-count:]]
    return places
