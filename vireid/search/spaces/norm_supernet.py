"""The weight-sharing network of a normalisation space."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from vireid.errors import SettingsError
from vireid.search.spaces.supernet_norms import SupernetNorms
from vireid.search.supernet import Supernet
from vireid.structures.sites import Site


class NormSupernet(Supernet):
    """A trunk with a :class:`~vireid.nn.NormChoice` at every site.

    Args:
        trunk: pretrained trunk with a ``BatchNorm2d`` at every site; it is changed in place.
        sites: choices to open, in the order of architecture parameters.
        norms: how the candidates of a site live together.

    Raises:
        SettingsError: a site is not a ``BatchNorm2d`` of the trunk, or ``norms`` that no site can have.
    """

    def __init__(self, trunk: nn.Module, sites: Sequence[Site], norms: SupernetNorms | None = None) -> None:
        norms = norms or SupernetNorms()
        super().__init__(trunk, sites, {site.name: norms.choice(batch_norm_at(trunk, site.name), site.candidates) for site in sites})


def batch_norm_at(trunk: nn.Module, name: str) -> nn.BatchNorm2d:
    """The ``BatchNorm2d`` of a trunk with this module name.

    Raises:
        SettingsError: no module of this name, or another kind.
    """
    try:
        found = trunk.get_submodule(name)
    except AttributeError:
        raise SettingsError(f"The trunk has no module {name!r}.") from None
    if not isinstance(found, nn.BatchNorm2d):
        raise SettingsError(f"{name!r} must be a BatchNorm2d to become a choice, it is a {type(found).__name__}.")
    return found
