"""Arguments of derivations and scores: the points that are scored, what is asked of each child, and the answer."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from types import SimpleNamespace
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn

from tests.arguments.table import Change, Table
from vireid.models import ResNet
from vireid.search import (
    Argmax,
    BNSeparation,
    Derivation,
    Evolution,
    LossScore,
    MainEffects,
    Perturbation,
    RandomSearch,
    RetrievalScore,
    SampledTop,
    ShortTraining,
)
from vireid.search.derivation.scores import ChildScore
from vireid.structures import Genotype
from vireid.tasks.search.child_score import InheritedScore

Log = list[Any]


class Child:
    """A child that writes down what is asked of it; its worth is a number from 0 to 1."""

    def __init__(self, worth: float, log: Log) -> None:
        self.worth, self.log = worth, log

    def trained(self, training: ShortTraining | None) -> AbstractContextManager[None]:
        self.log.append(None if training is None else (training.steps, training.from_start))
        return nullcontext()

    def recalibrated(self, batches: int) -> AbstractContextManager[None]:
        self.log.append(batches)
        return nullcontext()

    def mean_ap(self) -> float:
        return self.worth

    def mean_loss(self, batches: int) -> float:
        self.log.append(batches)
        return self.worth


class Scorer:
    """Scores a point by the share of separate normalisations, a mixture by a fixed function of its weights."""

    def __init__(self, score: ChildScore) -> None:
        self.score, self.log = score, Log()

    def __call__(self, genotype: Genotype) -> float:
        choices = list(genotype.choices.values())
        return self.score(Child(choices.count("separate_bn") / len(choices), self.log))

    def mixture(self, weights: Tensor) -> float:
        return self.score(Child(float(weights.square().sum()) / len(weights), self.log))


def observe(derivation: Derivation) -> list[Any]:
    space = BNSeparation(ResNet("resnet10", width=8))
    probabilities = {site.name: [0.6, 0.4] for site in space.sites()}
    scorers: list[Scorer] = []

    def scorer(score: ChildScore) -> Scorer:
        scorers.append(Scorer(score))
        return scorers[-1]

    result = derivation(space, probabilities, scorer, torch.Generator().manual_seed(0))
    history = [(entry.genotype.choices, entry.score, entry.without) for entry in result.history]
    return [result.genotype.choices, history, [one.log for one in scorers], derivation.evaluations(space.sites())]


def observe_score(score: ChildScore) -> tuple[float, Log]:
    log = Log()
    return score(Child(0.3, log)), log


def observe_training(training: ShortTraining) -> list[Any]:
    """Steps, and the weight that they start from, of a run whose weight was 1 at first and is 0 now."""
    network = nn.Linear(1, 1, bias=False)
    nn.init.ones_(network.weight)
    start = {name: value.clone() for name, value in network.state_dict().items()}
    nn.init.zeros_(network.weight)
    run: Any = SimpleNamespace(network=network, initial_state=lambda: start)
    seen: list[Any] = []

    def train(run: Any, steps: int) -> None:
        seen.append((steps, run.network.weight.item()))

    with mock.patch("vireid.tasks.search.child_score.train_child", train), InheritedScore(run, RetrievalScore()).trained(training):
        return seen


SCORE = {"score": Change(LossScore())}
TABLES = [
    Table(Argmax, observe, {}),
    Table(
        Evolution,
        observe,
        {"budget": Change(9), "population": Change(3), "tournament": Change(1), **SCORE},
        {"budget": 8, "population": 4, "tournament": 3},
    ),
    Table(MainEffects, observe, {"budget": Change(6), **SCORE}, {"budget": 4}),
    Table(Perturbation, observe, {"renormalise": Change(False), **SCORE}),
    Table(RandomSearch, observe, {"budget": Change(6), **SCORE}, {"budget": 4}),
    Table(SampledTop, observe, {"samples": Change(6), **SCORE}, {"samples": 4}),
    Table(LossScore, observe_score, {"batches": Change(3)}),
    Table(RetrievalScore, observe_score, {"recalibration_batches": Change(3), "training": Change(ShortTraining(2))}),
    Table(ShortTraining, observe_training, {"steps": Change(3), "from_start": Change(True)}, {"steps": 2}),
]
