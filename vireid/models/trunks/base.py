"""A trunk: a network from images to a feature map, with the facts of its normalisations."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar

from torch import nn

from vireid.errors import SettingsError
from vireid.settings import Recorded
from vireid.structures.sites import Site

IMAGE_SIZE = (256, 128)
Placement = Callable[[Site], str]
"""Candidate of every normalisation of a hand-made network."""


class Trunk(Recorded, ABC):
    """A network without pooling and classifier. It knows nothing of search.

    Derive from it, give it :meth:`build`, and name it by ``class_path``; every ``nn.BatchNorm2d`` that the network calls can then be
    searched. Its sites are found by one pass over two images, see ``discover``.

    Attributes:
        image_size: height and width of the images of that pass, in pixels. Costs are counted for one such image.
        own_weights: what ``weights: default`` means: a name or file for :meth:`build`; ``None`` for random weights.
        builds_on_meta: whether :meth:`build` without weights works on the meta device, where nothing is computed, so it is quicker.

    Example:
        >>> class Small(Trunk):
        ...     def build(self, weights: str | None = None) -> nn.Module:
        ...         return nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU())
        >>> from vireid.search import BNSeparation
        >>> [(site.name, site.channels) for site in BNSeparation(Small()).sites()]
        [('1', 8)]
    """

    image_size: tuple[int, int] = IMAGE_SIZE
    own_weights: str | None = None
    builds_on_meta: ClassVar[bool] = False

    @abstractmethod
    def build(self, weights: str | None = None) -> nn.Module:
        """The network, ``(B, 3, H, W)`` to ``(B, C, H', W')``.

        Args:
            weights: pretrained weights that this trunk knows by this name, or a file of them; ``None`` for random weights.
        """

    def stage(self, site: Site) -> int:
        """Number of the stage of a normalisation, 0 for the first; by default a stage ends where the map shrinks.

        Args:
            site: with the stage, block and role that were found.
        """
        return site.stage

    def block(self, site: Site) -> str:
        """Name of the module whose normalisations are tied by ``tie: block``; by default the nearest container that is repeated.

        Args:
            site: with the stage, block and role that were found; an empty block stands alone.
        """
        return site.block

    def role(self, site: Site) -> str:
        """What a normalisation is for in its block; by default the end of its name, after that of the block.

        Args:
            site: with the stage, block and role that were found.
        """
        return site.role

    def placements(self) -> Mapping[str, Placement]:
        """Hand-made variants of this network: name to the candidate of every normalisation."""
        return {}

    def __str__(self) -> str:
        name = getattr(self, "name", None)
        return f"{type(self).__name__}({'' if name is None else repr(name)})"


def checked_size(image_size: object) -> tuple[int, int]:
    """Height and width, as given or from a file.

    Raises:
        SettingsError: not two positive whole numbers.
    """
    values = tuple(image_size) if isinstance(image_size, (tuple, list)) else ()
    if len(values) != 2 or not all(type(value) is int and value > 0 for value in values):
        raise SettingsError(f"`image_size` must be height and width in pixels, such as [256, 128]; got {image_size!r}.")
    return values
