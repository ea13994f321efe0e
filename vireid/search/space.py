"""The interface of every search space. A space knows no optimiser."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Literal

import torch

from vireid.errors import CheckpointError, GenotypeError
from vireid.importable import importable, may_import
from vireid.models import Backbone
from vireid.models.allocations import Bounded
from vireid.search.choices import choice_problems
from vireid.search.spaces.supernet_norms import SupernetNorms
from vireid.search.supernet import Supernet
from vireid.settings import Recorded, class_paths, differences, import_class, instantiate
from vireid.structures import Genotype
from vireid.structures.sites import Site, groups

__all__ = ["CostKind", "SearchSpace", "Site", "space_of"]

CostKind = Literal["modality_specific_sites", "unfoldable_sites", "parameters", "latency"]


class SearchSpace(Recorded, ABC):
    """Named sites with ordered candidates, and the networks that they span.

    Attributes:
        own_weights: what ``weights: default`` means for its networks: a name or a file; ``None`` for random weights.
    """

    own_weights: str | None = None

    @abstractmethod
    def sites(self) -> list[Site]:
        """Every choice, in the order of architecture parameters. Builds no network."""

    @abstractmethod
    def baselines(self) -> dict[str, Genotype]:
        """Hand-made points of the space, by name."""

    @abstractmethod
    def cost(self, genotype: Genotype) -> dict[str, float]:
        """What a point costs, as numbers by name; among them ``parameters`` and ``modality_specific_sites``.

        Raises:
            GenotypeError: see :meth:`validate`.
        """

    def site_costs(self, genotype: Genotype) -> dict[str, dict[str, float]]:
        """What each site adds to :meth:`cost`, under the same names; empty for a space that does not tell.

        Raises:
            GenotypeError: see :meth:`validate`.
        """
        self.validate(genotype)
        return {}

    @abstractmethod
    def cost_table(self, kind: CostKind) -> torch.Tensor:
        """What every candidate costs at every site, for a penalty on mixture weights.

        Args:
            kind: ``modality_specific_sites``, ``unfoldable_sites`` (those that still normalise at inference, all at one price),
                ``parameters`` (beyond the plain layer) or ``latency`` (work left at inference, which is large at early sites).

        Returns:
            ``(S, K)`` float32, 0..1: relative to the most expensive candidate of the table. Sites with fewer than K candidates are
            filled up with 0. All 0 if no candidate costs anything.
        """

    @abstractmethod
    def supernet(self, weights: str | None = None, norms: SupernetNorms | None = None) -> Supernet:
        """The network that holds every candidate, see :class:`~vireid.search.supernet.Supernet`.

        Args:
            weights: name of pretrained weights of the backbone; ``None`` for random weights.
            norms: settings of the normalisation sites; ``None`` to give each candidate parameters of its own.
        """

    @abstractmethod
    def materialise(self, genotype: Genotype, weights: str | None = None) -> Backbone:
        """The plain network of one point, without search code.

        Raises:
            GenotypeError: see :meth:`validate`.
        """

    def named_weights(self, weights: str | None) -> str | None:
        """``weights``, with the space's own for ``default``."""
        return self.own_weights if weights == "default" else weights

    def identity(self) -> dict[str, Any]:
        """Settings that define the points of the space. Genotypes hold them. By default all; a space leaves out those of the search."""
        return self.settings()

    def genotype(self, choices: Mapping[str, str], provenance: Mapping[str, Any] | None = None) -> Genotype:
        """A point of this space, its choices in the order of the sites.

        Raises:
            GenotypeError: see :meth:`validate`.
        """
        problems = choice_problems(choices, self.sites())
        if problems:
            raise GenotypeError(f"These choices are not a point of {type(self).__name__}: {'; '.join(problems)}.")
        ordered = {site.name: choices[site.name] for site in self.sites()}
        return Genotype(self.identity(), ordered, dict(provenance or {}))

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
        return self.decode([_draw(len(members[0].candidates), generator) for members in groups(self.sites())])

    def mutate(self, genotype: Genotype, generator: torch.Generator) -> Genotype:
        """A neighbour: one random site, with those tied to it, takes another random candidate.

        Raises:
            GenotypeError: see :meth:`validate`, or no site has two candidates.
        """
        self.validate(genotype)
        free = [members for members in groups(self.sites()) if len(members[0].candidates) > 1]
        if not free:
            raise GenotypeError(f"{type(self).__name__} has a single point: no site has two candidates.")
        members = free[_draw(len(free), generator)]
        others = _others(members, genotype)
        return self._changed(genotype, members, others[_draw(len(others), generator)])

    def neighbours(self, genotype: Genotype) -> list[Genotype]:
        """Every point that differs in one site, or one group of tied sites: by site, then by candidate.

        Raises:
            GenotypeError: see :meth:`validate`.
        """
        self.validate(genotype)
        pairs = [(members, other) for members in groups(self.sites()) for other in _others(members, genotype)]
        return [self._changed(genotype, members, other) for members, other in pairs]

    def encode(self, genotype: Genotype) -> list[int]:
        """Canonical form: for every site, or group of tied sites, the index of its candidate.

        Raises:
            GenotypeError: see :meth:`validate`.
        """
        self.validate(genotype)
        return [members[0].candidates.index(genotype.choices[members[0].name]) for members in groups(self.sites())]

    def decode(self, code: Sequence[int]) -> Genotype:
        """The point whose :meth:`encode` is ``code``.

        Raises:
            GenotypeError: a wrong length, or indices without a candidate.
        """
        free = groups(self.sites())
        if len(code) != len(free):
            raise GenotypeError(f"A code of {type(self).__name__} has {len(free)} numbers, got {len(code)}.")
        for members, index in zip(free, code, strict=True):
            if not 0 <= index < len(members[0].candidates):
                last = len(members[0].candidates) - 1
                raise GenotypeError(f"The number of {members[0].group or members[0].name} must be 0 to {last}, got {index}.")
        pairs = zip(free, code, strict=True)
        return self.genotype({site.name: site.candidates[index] for members, index in pairs for site in members})

    def baseline(self, name: str) -> Genotype:
        """A point by name: one of :meth:`baselines`, or ``random-SEED``, which is :meth:`sample` with that seed.

        Raises:
            GenotypeError: no such point.
        """
        points = self.baselines()
        if name in points:
            return points[name]
        if found := re.fullmatch(r"random-(\d{1,18})", name):
            return self.sample(torch.Generator().manual_seed(int(found[1])))
        close = get_close_matches(name, points, n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        raise GenotypeError(f"There is no baseline {name!r}{hint}; choose from {', '.join(points)} or random-SEED, such as random-0.")

    def _changed(self, genotype: Genotype, members: Sequence[Site], candidate: str) -> Genotype:
        return self.genotype({**genotype.choices, **{site.name: candidate for site in members}})


def space_problem(genotype: Genotype, space: SearchSpace) -> list[str]:
    """Difference between the space that a genotype names and ``space``; empty if there is none.

    Settings that the genotype leaves out count as their defaults.
    """
    mine = space.identity()
    if genotype.space == mine:
        return []
    if genotype.space.get("class_path") != mine["class_path"]:
        return [f"it belongs to {genotype.space.get('class_path')!r}, not to {mine['class_path']!r}"]
    try:
        theirs = _built(genotype, (*importable(), *class_paths(mine))).identity()
    except (CheckpointError, ValueError) as error:
        return [f"its space cannot be built ({str(error).rstrip('.')})"]
    return list(differences(theirs["init_args"], mine["init_args"]))


def space_of(genotype: Genotype) -> SearchSpace:
    """The search space that a genotype names; only classes of ``vireid`` and those of ``--allow`` are imported.

    Raises:
        GenotypeError: the genotype names something else, or settings that do not fit.

    Example:
        >>> from vireid.search import BNSeparation
        >>> type(space_of(BNSeparation("resnet18").baseline("all_shared"))).__name__
        'BNSeparation'
    """
    own = sorted({path for path in class_paths(dict(genotype.space)) if not may_import(path, importable())})
    if own:
        raise GenotypeError(
            f"The genotype's space cannot be built: its file asks to import {', '.join(map(repr, own))}, and only classes of vireid are "
            f"imported from a file. Give the space itself (`space=` in Python, `model.space` in YAML), or add --allow {','.join(own)}."
        )
    try:
        if not issubclass(import_class(genotype.space.get("class_path"), importable()), SearchSpace):
            raise GenotypeError(f"{genotype.space.get('class_path')!r} is not a search space.")
        return _built(genotype, importable())
    except GenotypeError:
        raise
    except (CheckpointError, ValueError) as error:
        raise GenotypeError(f"The genotype's space cannot be built: {error}") from error


def _built(genotype: Genotype, allowed: tuple[str, ...]) -> SearchSpace:
    with Bounded(GenotypeError, "The genotype's space"):
        space: SearchSpace = instantiate(dict(genotype.space), allowed, of_kind=SearchSpace)
        space.sites()
    return space


def _draw(n: int, generator: torch.Generator) -> int:
    return int(torch.randint(n, (1,), generator=generator, device=generator.device))


def _others(members: Sequence[Site], genotype: Genotype) -> list[str]:
    return [candidate for candidate in members[0].candidates if candidate != genotype.choices[members[0].name]]
