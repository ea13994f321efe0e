"""The weight-sharing network of a normalisation space."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vireid.errors import GenotypeError, SettingsError
from vireid.models import Backbone
from vireid.nn import NormChoice
from vireid.search.problems import choice_problems
from vireid.search.sites import Site
from vireid.search.supernet_norms import SupernetNorms
from vireid.structures import Genotype


class Supernet(Backbone):
    """A trunk whose sites hold every candidate, mixed by weights.

    Args:
        trunk: pretrained trunk with a ``BatchNorm2d`` at every site; it is changed in place.
        sites: choices to open, in the order of architecture parameters.
        norms: how the candidates of a site live together.

    Attributes:
        choices: site name to :class:`~vireid.nn.NormChoice`, in the order of ``sites``.
        sites: as given.

    Raises:
        SettingsError: a site is not a ``BatchNorm2d`` of the trunk, or ``norms`` that no site can have.
    """

    def __init__(self, trunk: nn.Module, sites: Sequence[Site], norms: SupernetNorms | None = None) -> None:
        norms, choices = norms or SupernetNorms(), dict[str, NormChoice]()
        for site in sites:
            choices[site.name] = norms.choice(batch_norm_at(trunk, site.name), site.candidates)
            trunk.set_submodule(site.name, choices[site.name])
        super().__init__(trunk)
        self.sites = tuple(sites)
        self.choices = choices

    def set_mixture(self, weights: Tensor) -> None:
        """Mixture weights of the next batches.

        Args:
            weights: ``(S, K)``, one row for each site, on any device; may require gradients. Read from the device once.

        Raises:
            ValueError: another shape.
        """
        expected = (len(self.sites), max(len(site.candidates) for site in self.sites))
        if tuple(weights.shape) != expected:
            raise ValueError(f"Mixture weights must have shape {expected} (sites x candidates), got {tuple(weights.shape)}.")
        rows = zip(self.choices.values(), weights.unbind(0), weights.detach().tolist(), strict=True)
        for choice, row, values in rows:
            count = len(choice.candidates)
            choice.set_mixture(row[:count], values[:count])

    def set_genotype(self, genotype: Genotype) -> None:
        """Run the child of ``genotype`` with the supernet's weights: one candidate at each site.

        Raises:
            GenotypeError: unknown, missing or misspelt sites, or unknown candidates.
        """
        self._check(genotype)
        index = [site.candidates.index(genotype.choices[site.name]) for site in self.sites]
        count = max(len(site.candidates) for site in self.sites)
        self.set_mixture(nn.functional.one_hot(torch.tensor(index), count).to(torch.get_default_dtype()))

    def skipped_parameters(self) -> list[nn.Parameter]:
        """Parameters of the candidates with weight 0, which get no gradient from the next batch."""
        return [
            parameter
            for choice in self.choices.values()
            for k, active in enumerate(choice.active)
            if not active
            for parameter in choice.candidate_parameters(k)
        ]

    def derive_child(self, genotype: Genotype) -> Backbone:
        """The plain network of ``genotype`` with copies of the supernet's weights and statistics.

        Raises:
            GenotypeError: see :meth:`set_genotype`.
        """
        self._check(genotype)
        trunk = copy.deepcopy(self.trunk)
        for name, choice in self.choices.items():
            trunk.set_submodule(name, choice.resolve(genotype.choices[name]))
        return Backbone(trunk, self.out_channels)

    def _check(self, genotype: Genotype) -> None:
        problems = choice_problems(genotype.choices, self.sites)
        if problems:
            raise GenotypeError(f"The genotype does not fit this supernet: {'; '.join(problems)}.")


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
