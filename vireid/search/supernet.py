"""The weight-sharing network of a search space."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from vireid.errors import GenotypeError
from vireid.models import Backbone
from vireid.nn import Choice
from vireid.search.choices import choice_problems
from vireid.structures import Genotype
from vireid.structures.sites import Site


class Supernet(Backbone):
    """A trunk whose sites hold every candidate, mixed by weights.

    Args:
        trunk: has a module at the name of every site; it is changed in place.
        sites: choices to open, in the order of architecture parameters.
        choices: site name to the layer with its candidates, in the order of ``sites``.
        out_channels: of the feature map; ``None`` takes the trunk's attribute of this name.

    Attributes:
        sites, choices: as given.

    Example::

        supernet = BNSeparation("resnet18").supernet()
        maps = supernet(images, n_visible)
    """

    def __init__(self, trunk: nn.Module, sites: Sequence[Site], choices: Mapping[str, Choice], out_channels: int | None = None) -> None:
        for name, choice in choices.items():
            trunk.set_submodule(name, choice)
        super().__init__(trunk, out_channels)
        self.sites = tuple(sites)
        self.choices: dict[str, Choice] = dict(choices)

    def set_mixture(self, weights: Tensor, dense: bool = False) -> None:
        """Mixture weights of the next batches.

        Args:
            weights: ``(S, K)``, one row for each site, on any device; may require gradients.
            dense: whether every candidate takes part, whatever its weight. Otherwise the weights are read from their device, once, because
                candidates with weight 0 are left out.

        Raises:
            ValueError: another shape.
        """
        expected = (len(self.sites), max(len(site.candidates) for site in self.sites))
        if tuple(weights.shape) != expected:
            raise ValueError(f"Mixture weights must have shape {expected} (sites x candidates), got {tuple(weights.shape)}.")
        values = None if dense else weights.detach().tolist()
        for place, (choice, row) in enumerate(zip(self.choices.values(), weights.unbind(0), strict=True)):
            count = len(choice.candidates)
            row = row if count == len(row) else row[:count]  # a slice costs its gradient two operations
            if values is None:
                choice.set_dense_mixture(row)
            else:
                choice.set_mixture(row, values[place][:count])

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
