"""Several proposers name points, and forks decide: a fork is a short training from the initial weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from vireid.errors import SettingsError
from vireid.search.derivation.base import Derivation, DerivationResult, Probabilities, Scored, Scorer, require_at_least
from vireid.search.derivation.child_trainings import Fork
from vireid.search.derivation.constants import Constant, default_constants, given_constants, most_constants
from vireid.search.derivation.heldout_ap_score import HeldoutAPScore
from vireid.search.derivation.proposers import MostProbable, Proposals, Proposer
from vireid.search.derivation.retrieval_score import RetrievalScore
from vireid.search.derivation.scores import ChildScore, check_heldout
from vireid.search.derivation.shortlist import Entry, Shortlist, key, row
from vireid.search.derivation.zero_cost import ZeroCost
from vireid.search.space import SearchSpace
from vireid.structures import Genotype
from vireid.structures.sites import Site

PRICE = "modality_specific_sites"


class Confirm(Derivation):
    """The point of a shortlist that learns best in a short training of its own.

    Cheap scores disagree about where modalities should be separate, and none of them is right everywhere. A quarter of a training, scored
    by mAP on held-out people, is right. A fork of every point would cost too much. So several proposers name a few points each, and the
    constants (both ends, the first and the last stage, IBN early) are always added to them. This is the shortlist. All its points are
    forked for ``first_fork``, and the best few again for ``fork``. All forks begin at the initial weights and see the same batches, so
    two forks differ only by their points.

    The price for ``n`` points is ``n * first_fork + finalists * fork`` trainings, which is 2.1 for 11 points at the defaults. The forward
    passes of all scores are added to it. Where trainings are short these weigh more; ``first_images`` and fewer
    ``recalibration_batches`` lower them.

    Args:
        proposers: who names points; default the logits (:class:`MostProbable`) and scores of the initial weights (:class:`ZeroCost`).
        constants: points that are always tried: names of baselines, or choices of every site. Default: all sites shared, all separate, the
            first stage separate, the last stage separate, and IBN early, as far as the space has them. An empty list for none.
        fork: length of the deciding forks, as a fraction of a training of ``trainer.max_epochs`` epochs; above 0, at most 1.
        finalists: points of the deciding round, at least 1: the best of the first round. Null for one round, in which all points are
            forked for ``fork``.
        first_fork: length of the forks of the first round; above 0, below ``fork``. Default: half of ``fork``.
        first_images: score the first round by average precision in one batch with so many images of every held-out person and modality,
            at least 1, see :class:`HeldoutAPScore`. Null to score it as the deciding round, by mAP of all held-out images.
        recalibration_batches: training batches from which the statistics of a fork are re-estimated before it is scored, at least 1.
        cheapest: take the point with the fewest modality-specific sites among those that are at most one standard error behind the best.
            The error is that of the difference, paired by person.

    Raises:
        SettingsError: a number out of range.

    Reference:
        This project's. The race is one round of successive halving: Jamieson, Talwalkar, AISTATS 2016.
    """

    def __init__(
        self,
        proposers: list[Proposer] | None = None,
        constants: list[Constant] | None = None,
        fork: float = 0.25,
        finalists: int | None = 3,
        first_fork: float | None = None,
        first_images: int | None = None,
        recalibration_batches: int = 20,
        cheapest: bool = False,
    ) -> None:
        self.proposers = [MostProbable(), ZeroCost()] if proposers is None else proposers
        self.constants = constants
        Fork(fork)  # refuses a fraction out of range
        if first_fork is not None and not 0 < first_fork < fork:
            raise SettingsError(f"`first_fork` must be above 0 and below `fork`, which is {fork}, got {first_fork}.")
        if first_images is not None:
            require_at_least("first_images", first_images)
        require_at_least("recalibration_batches", recalibration_batches)
        if finalists is not None:
            require_at_least("finalists", finalists)
        self.fork, self.finalists = fork, finalists
        self.first_fork, self.first_images = first_fork, first_images
        self.recalibration_batches = recalibration_batches
        self.cheapest = cheapest
        self.record(proposers=self.proposers)

    @property
    def uses_probabilities(self) -> bool:  # type: ignore[override]  # of an instance here
        """Whether a proposer reads the logits."""
        return any(proposer.uses_probabilities for proposer in self.proposers)

    @property
    def rounds(self) -> tuple[float, ...]:
        """Length of the forks of every round, as a fraction of a training."""
        return (self.fork,) if self.finalists is None else (self.first_fork or self.fork / 2, self.fork)

    def forked(self, fraction: float) -> ChildScore:
        """The score of a round. What decides is mAP on held-out people after a fork, with re-estimated running statistics."""
        if fraction < self.fork and self.first_images is not None:
            return HeldoutAPScore("embeddings", self.first_images, temperature=None, training=Fork(fraction))
        return RetrievalScore(recalibration_batches=self.recalibration_batches, training=Fork(fraction))

    def scores(self) -> Sequence[ChildScore]:
        return [*(score for proposer in self.proposers for score in proposer.scores()), *map(self.forked, self.rounds)]

    def check(self, datamodule: Any) -> None:
        super().check(datamodule)
        check_heldout(datamodule, "Confirm")

    def evaluations(self, sites: Sequence[Site]) -> int:
        known = most_constants(sites) if self.constants is None else len(self.constants)
        asked = sum(proposer.evaluations(sites, known) + proposer.most_points(sites) for proposer in self.proposers)
        again = 0 if self.finalists is None else self.finalists + self.cheapest
        return known + asked + again

    def __call__(self, space: SearchSpace, probabilities: Probabilities, scorer: Scorer, generator: torch.Generator) -> DerivationResult:  # noqa: ARG002
        known = default_constants(space) if self.constants is None else given_constants(space, self.constants)
        shortlist, details = self._shortlist(space, probabilities, scorer, known)
        entries = shortlist.entries
        if not entries:
            raise SettingsError(
                f"Nothing to confirm: no proposer names a point of {type(space).__name__}, and `constants` is empty. Leave `constants` "
                "out, or name points there."
            )
        for number, fraction in enumerate(self.rounds):
            score = scorer(self.forked(fraction))
            for entry in entries if number == 0 else self._finalists(space, entries):
                entry.forks[fraction] = score.measured(entry.genotype)
        finalists = [entry for entry in entries if self.fork in entry.forks]
        best = _best(finalists, self.fork)
        answer = self._cheapest(space, finalists, self.fork) if self.cheapest else best
        rows = [row(entry, _price(space, entry.genotype), best, entry is answer) for entry in entries]
        price = {"points": len(entries), "forks": {f"{fraction:g}": sum(fraction in e.forks for e in entries) for fraction in self.rounds}}
        trainings = sum(fraction for entry in entries for fraction in entry.forks)
        history = [Scored(entry.genotype, entry.forks[max(entry.forks)].value) for entry in entries]
        about = {"shortlist": rows, "price": {**price, "trainings": trainings}, **details}
        return DerivationResult(answer.genotype, tuple(history), about)

    def _shortlist(
        self, space: SearchSpace, probabilities: Probabilities, scorer: Scorer, known: Mapping[str, Genotype]
    ) -> tuple[Shortlist, dict[str, Any]]:
        shortlist = Shortlist()
        for name, point in known.items():
            shortlist.add(point, name)
        found = list[Proposals]()
        for proposer in self.proposers:
            found.append(proposer(space, probabilities, scorer, known).renamed({name for one in found for name in one.scores}))
        for proposals in found:
            for point, name in proposals.points:
                shortlist.add(point, name)
        for proposals in found:
            for name, values in proposals.scores.items():
                for entry in shortlist.entries:
                    if (value := values.get(key(entry.genotype))) is not None:
                        entry.scores[name] = value
        gains = {name: table for one in found for name, table in one.gains.items()}
        gaps = next((one.gaps for one in found if one.gaps), {})
        return shortlist, {"gains": gains, "gaps": gaps} if gains else {}

    def _finalists(self, space: SearchSpace, entries: Sequence[Entry]) -> list[Entry]:
        """The entries that are forked again: the best ones and, with ``cheapest``, the cheapest that is as good. Keeps the order."""
        first = self.rounds[0]
        chosen = sorted(entries, key=lambda entry: -entry.forks[first].value)[: self.finalists]
        if self.cheapest:
            chosen.append(self._cheapest(space, entries, first))
        return [entry for entry in entries if entry in chosen]

    def _cheapest(self, space: SearchSpace, entries: Sequence[Entry], fraction: float) -> Entry:
        """The entry with the fewest modality-specific sites within one standard error of the best; of equals, the better one."""
        best = _best(entries, fraction)

        def within(entry: Entry) -> bool:
            behind = best.forks[fraction].value - entry.forks[fraction].value
            return behind <= best.forks[fraction].error_of_difference(entry.forks[fraction]) or entry is best

        near = [entry for entry in entries if within(entry)]
        return min(near, key=lambda entry: (_price(space, entry.genotype), -entry.forks[fraction].value))


def _best(entries: Sequence[Entry], fraction: float) -> Entry:
    """The entry with the largest value, the first of equals."""
    return max(entries, key=lambda entry: entry.forks[fraction].value)


def _price(space: SearchSpace, genotype: Genotype) -> float:
    return float(space.cost(genotype).get(PRICE, 0.0))
