"""What every search space can do. A space knows no optimiser."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch

from vireid.errors import CheckpointError, GenotypeError
from vireid.models import Backbone
from vireid.search.problems import choice_problems, space_problem
from vireid.search.sites import Site
from vireid.search.supernet import Supernet
from vireid.structures import Genotype, Recorded, instantiate

__all__ = ["SearchSpace", "Site", "space_of"]


class SearchSpace(Recorded, ABC):
    """Named sites with ordered candidates, and the networks that they span."""

    @abstractmethod
    def sites(self) -> list[Site]:
        """Every choice, in the order of architecture parameters. Builds no network."""

    @abstractmethod
    def baselines(self) -> dict[str, Genotype]:
        """Hand-made points of the space, by name."""

    @abstractmethod
    def cost(self, genotype: Genotype) -> dict[str, int]:
        """What a point costs: ``parameters`` of the trunk, ``extra_parameters`` over the plain trunk, ``modality_specific_sites``."""

    @abstractmethod
    def supernet(self, weights: str | None = None) -> Supernet:
        """The network that holds every candidate, see :class:`~vireid.search.supernet.Supernet`.

        Args:
            weights: name of pretrained weights of the backbone; ``None`` for random weights.
        """

    @abstractmethod
    def materialise(self, genotype: Genotype, weights: str | None = None) -> Backbone:
        """The plain network of one point, without search code.

        Raises:
            GenotypeError: see :meth:`validate`.
        """

    def genotype(self, choices: Mapping[str, str], provenance: Mapping[str, Any] | None = None) -> Genotype:
        """A point of this space, its choices in the order of the sites.

        Raises:
            GenotypeError: see :meth:`validate`.
        """
        problems = choice_problems(choices, self.sites())
        if problems:
            raise GenotypeError(f"These choices are not a point of {type(self).__name__}: {'; '.join(problems)}.")
        ordered = {site.name: choices[site.name] for site in self.sites()}
        return Genotype(self.settings(), ordered, dict(provenance or {}))

    def validate(self, genotype: Genotype) -> None:
        """Check that a genotype is a point of this space. Settings that it leaves out count as their defaults.

        Raises:
            GenotypeError: listing everything that is wrong.
        """
        problems = [*space_problem(genotype, self), *choice_problems(genotype.choices, self.sites())]
        if problems:
            raise GenotypeError(f"The genotype does not fit {type(self).__name__}: {'; '.join(problems)}.")

    def sample(self, generator: torch.Generator) -> Genotype:
        """A uniformly random point; the same state of ``generator`` gives the same point."""
        choices = {site.name: site.candidates[_draw(len(site.candidates), generator)] for site in self.sites()}
        return self.genotype(choices)

    def mutate(self, genotype: Genotype, generator: torch.Generator) -> Genotype:
        """A neighbour: one random site takes another random candidate.

        Raises:
            GenotypeError: see :meth:`validate`, or no site has two candidates.
        """
        self.validate(genotype)
        free = [site for site in self.sites() if len(site.candidates) > 1]
        if not free:
            raise GenotypeError(f"{type(self).__name__} has a single point: no site has two candidates.")
        site = free[_draw(len(free), generator)]
        others = [candidate for candidate in site.candidates if candidate != genotype.choices[site.name]]
        return self.genotype({**genotype.choices, site.name: others[_draw(len(others), generator)]})


def space_of(genotype: Genotype) -> SearchSpace:
    """The search space that a genotype names; only classes of ``vireid`` are imported.

    Raises:
        GenotypeError: the genotype names something else, or settings that do not fit.
    """
    try:
        space = instantiate(dict(genotype.space))
    except (CheckpointError, ValueError) as error:
        raise GenotypeError(f"The genotype's space cannot be built: {error}") from error
    if not isinstance(space, SearchSpace):
        raise GenotypeError(f"{genotype.space.get('class_path')!r} is not a search space.")
    return space


def _draw(n: int, generator: torch.Generator) -> int:
    return int(torch.randint(n, (1,), generator=generator, device=generator.device))
