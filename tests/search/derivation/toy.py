"""A space without a network, and scores whose optimum is known."""

from __future__ import annotations

import torch

from vireid.models import Backbone
from vireid.search import SearchSpace, Site, Supernet, SupernetNorms
from vireid.search.derivation import Score, Scorer
from vireid.structures import Genotype

NAMES = "abcdefghijklmnopqrstuvwxyz"


class Toy(SearchSpace):
    """Sites a, b, c, ... with the given numbers of candidates 0, 1, 2, ...; sites with the same letter in ``groups`` are tied."""

    def __init__(self, counts: tuple[int, ...] = (3, 3), groups: str = "") -> None:
        self.counts, self.groups = tuple(counts), groups

    def sites(self) -> list[Site]:
        groups = self.groups or " " * len(self.counts)
        rows = zip(NAMES, self.counts, groups, strict=False)
        return [Site(name, tuple(map(str, range(count))), group=group.strip()) for name, count, group in rows]

    def point(self, digits: str) -> Genotype:
        return self.genotype(dict(zip(NAMES, digits, strict=False)))

    def baselines(self) -> dict[str, Genotype]:
        return {}

    def cost(self, genotype: Genotype) -> dict[str, int]:
        return {}

    def cost_table(self, kind: str) -> torch.Tensor:
        return torch.zeros(len(self.counts), max(self.counts))

    def supernet(self, weights: str | None = None, norms: SupernetNorms | None = None) -> Supernet:
        raise NotImplementedError

    def materialise(self, genotype: Genotype, weights: str | None = None) -> Backbone:
        raise NotImplementedError


class Additive:
    """Sum over sites of the value of the chosen candidate, and of the weighted values for a mixture; counts its calls."""

    def __init__(self, *values: tuple[float, ...]) -> None:
        self.values = values
        self.children: list[str] = []
        self.mixtures: list[torch.Tensor] = []

    def __call__(self, genotype: Genotype) -> float:
        self.children.append(digits(genotype))
        return sum(row[int(choice)] for row, choice in zip(self.values, genotype.choices.values(), strict=True))

    def mixture(self, weights: torch.Tensor) -> float:
        self.mixtures.append(weights)
        return sum(
            float(weight) * value
            for row, weights_of_row in zip(self.values, weights, strict=True)
            for value, weight in zip(row, weights_of_row, strict=False)
        )


def by(score: Score) -> Scorer:
    """Takes ``score`` whatever a derivation asks for."""
    return lambda asked: score


def digits(genotype: Genotype) -> str:
    return "".join(genotype.choices.values())


def uniform(space: Toy) -> dict[str, list[float]]:
    return {site.name: [1 / len(site.candidates)] * len(site.candidates) for site in space.sites()}
