"""What names the points that are tried: the logits of a search, and cheap scores."""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

from vireid.errors import SettingsError
from vireid.search.derivation.base import Probabilities, Scorer
from vireid.search.derivation.measured import Measured
from vireid.search.derivation.scores import ChildScore
from vireid.search.space import SearchSpace
from vireid.settings import Recorded
from vireid.structures import Genotype
from vireid.structures.sites import Site, groups


@dataclass
class Proposals:
    """What a proposer gives.

    Attributes:
        points: the proposed points, each with the name of its proposer.
        scores: name of a score to its values. A value is found by the choices of its point, in the order of the sites.
        gains: name of a score to its table of gains, plain values for the provenance of the genotype.
        gaps: gap between the modalities by site, with all sites ``shared`` and with all ``separated``.
    """

    points: list[tuple[Genotype, str]]
    scores: dict[str, dict[tuple[str, ...], Measured]] = field(default_factory=dict)
    gains: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    gaps: dict[str, dict[str, float]] = field(default_factory=dict)

    def renamed(self, taken: Collection[str]) -> Proposals:
        """The same proposals. A score whose name is in ``taken`` gets the next free number behind its name."""
        names = {name: next(free for free in _numbered(name) if free not in taken) for name in self.scores}
        points = [(point, names.get(proposer, proposer)) for point, proposer in self.points]
        scores = {names[name]: values for name, values in self.scores.items()}
        gains = {names.get(name, name): table for name, table in self.gains.items()}
        return Proposals(points, scores, gains, self.gaps)


def _numbered(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name} {number}" for number in itertools.count(2))


class Proposer(Recorded, ABC):
    """Proposes a few points of a space at a low cost. Derive from it to bring your own."""

    uses_probabilities: bool = False

    @abstractmethod
    def __call__(self, space: SearchSpace, probabilities: Probabilities, scorer: Scorer, known: Mapping[str, Genotype]) -> Proposals:
        """Propose points.

        Args:
            space: the space of the points.
            probabilities: one row of probabilities per site.
            scorer: makes a score from its settings.
            known: points that are tried in any case, by name. They are scored too.
        """

    def scores(self) -> Sequence[ChildScore]:
        """Settings of the scores that will be asked for."""
        return ()

    @abstractmethod
    def most_points(self, sites: Sequence[Site]) -> int:
        """Largest number of points that it proposes."""

    def evaluations(self, sites: Sequence[Site], known: int) -> int:  # noqa: ARG002 (some depend on them)
        """Largest number of scores that are asked for, where ``known`` points are tried in any case."""
        return 0


class MostProbable(Proposer):
    """The points with the largest probability under the logits of a search: the argmax, and the next best ones.

    Where all probabilities are equal, the search learnt nothing. Then no point is proposed.

    Args:
        count: number of points to propose, at least 1.

    Raises:
        SettingsError: ``count`` below 1.
    """

    uses_probabilities = True

    def __init__(self, count: int = 3) -> None:
        if count < 1:
            raise SettingsError(f"`count` of MostProbable must be at least 1, got {count}.")
        self.count = count

    def __call__(self, space: SearchSpace, probabilities: Probabilities, scorer: Scorer, known: Mapping[str, Genotype]) -> Proposals:  # noqa: ARG002
        rows = [list(probabilities[members[0].name]) for members in groups(space.sites())]
        if all(len(set(row)) == 1 for row in rows):
            return Proposals([])
        return Proposals([(space.decode(code), "logits") for code in most_probable(rows, self.count)])

    def most_points(self, sites: Sequence[Site]) -> int:  # noqa: ARG002 (interface)
        return self.count


def most_probable(rows: Sequence[Sequence[float]], count: int) -> list[list[int]]:
    """The codes with the largest products of independent probabilities, the largest first.

    Of equal products, the code comes first whose earlier rows keep their more probable candidates.

    Args:
        rows: one row of probabilities per choice.
        count: largest number of codes.

    Example:
        >>> most_probable([[0.9, 0.1], [0.4, 0.6]], 3)
        [[0, 1], [0, 0], [1, 1]]
    """
    orders = [sorted(range(len(row)), key=lambda index, row=row: -row[index]) for row in rows]  # type: ignore[misc]
    start = (0,) * len(rows)  # places in `orders`
    heap, seen, found = [(-_product(rows, orders, start), start)], {start}, list[list[int]]()
    while heap and len(found) < count:
        _, places = heappop(heap)
        found.append([order[place] for order, place in zip(orders, places, strict=True)])
        for index, place in enumerate(places):
            following = (*places[:index], place + 1, *places[index + 1 :])
            if place + 1 < len(rows[index]) and following not in seen:
                seen.add(following)
                heappush(heap, (-_product(rows, orders, following), following))
    return found


def _product(rows: Sequence[Sequence[float]], orders: Sequence[Sequence[int]], places: Sequence[int]) -> float:
    """The product of the sorted factors. Points with the same factors then have the same product, whatever the order."""
    return math.prod(sorted(row[order[place]] for row, order, place in zip(rows, orders, places, strict=True)))
