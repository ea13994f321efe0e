"""The weight-sharing network of a normalisation space, and the settings of its sites."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from vireid.errors import SettingsError
from vireid.nn import NormChoice
from vireid.nn.norm.norm_choice import Affine
from vireid.nn.norm.norm_sites import NormSites
from vireid.search.supernet import Supernet
from vireid.settings import Recorded
from vireid.structures.sites import Site


class SupernetNorms(Recorded):
    """Settings of every :class:`~vireid.nn.NormChoice` of a supernet.

    They belong to the search and not to its space. A point stays the same point, and its child always has weights and biases of its own.

    In a configuration::

        model:
          init_args:
            norms:
              class_path: vireid.search.SupernetNorms
              init_args: {affine: common}

    Args:
        affine: ``per_candidate``: each candidate has a weight and bias of its own; ``common``: one for all, after the mixture, so that
            candidates differ by their statistics alone; ``none``: no weight and bias while searching, as OSNet-AIN does.
        update_skipped: whether running statistics of candidates that a batch does not use follow that batch too. Then the statistics of
            rarely drawn candidates are as recent as those of the others, but they are not those of their own child.
        synchronise: whether statistics of batches are those of all processes. This costs an exchange at every site.

    Example:
        >>> SupernetNorms(affine="common").settings()["init_args"]
        {'affine': 'common', 'update_skipped': False, 'synchronise': False}

    Reference:
        Zhou, Yang, Cavallaro, Xiang: Learning Generalisable Omni-Scale Representations for Person Re-Identification, TPAMI 2021
        (``affine="none"``).
    """

    def __init__(self, affine: Affine = "per_candidate", update_skipped: bool = False, synchronise: bool = False) -> None:
        self.affine: Affine = affine
        self.update_skipped, self.synchronise = update_skipped, synchronise

    def choice(self, bn: nn.BatchNorm2d, candidates: Sequence[str]) -> NormChoice:
        """The site that takes the place of ``bn``.

        Raises:
            SettingsError: see :class:`~vireid.nn.NormChoice`.
        """
        return NormChoice(bn, candidates, self.affine, self.update_skipped, self.synchronise)


class NormSupernet(Supernet):
    """A trunk with a :class:`~vireid.nn.NormChoice` at every site.

    Args:
        trunk: pretrained trunk with a ``BatchNorm2d`` at every site; it is changed in place.
        sites: choices to open, in the order of architecture parameters.
        norms: settings of every site.
        out_channels: of the feature map; ``None`` takes the trunk's attribute of this name.

    Raises:
        SettingsError: a site is not a ``BatchNorm2d`` of the trunk, or ``norms`` that no site can have.
    """

    def __init__(
        self, trunk: nn.Module, sites: Sequence[Site], norms: SupernetNorms | None = None, out_channels: int | None = None
    ) -> None:
        norms = norms or SupernetNorms()
        choices = {site.name: norms.choice(batch_norm_at(trunk, site.name), site.candidates) for site in sites}
        super().__init__(trunk, sites, choices, out_channels)
        self._norms = NormSites(list(choices.values()))

    def forward(self, images: Tensor, n_visible: int) -> Tensor:
        with self._norms.together(images, n_visible):
            return super().forward(images, n_visible)

    def maps(self, images: Tensor, n_visible: int) -> tuple[Tensor, ...]:
        with self._norms.together(images, n_visible):
            return super().maps(images, n_visible)


def batch_norm_at(trunk: nn.Module, name: str) -> nn.BatchNorm2d:
    """The ``BatchNorm2d`` of a trunk with this module name.

    Raises:
        SettingsError: no module of this name, or another kind.
    """
    try:
        found = trunk.get_submodule(name)
    except AttributeError:
        raise SettingsError(
            f"The trunk has no module {name!r} now, but had it when its sites were found. It must build the same network each time."
        ) from None
    if type(found) is not nn.BatchNorm2d:
        raise SettingsError(f"{name!r} must be a BatchNorm2d to become a choice, it is a {type(found).__name__}.")
    return found
