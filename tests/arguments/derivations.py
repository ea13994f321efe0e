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
    ChildTraining,
    Confirm,
    Derivation,
    Evolution,
    Fork,
    HeldoutAPScore,
    InitialWeights,
    LossScore,
    MainEffects,
    Measured,
    ModalityGap,
    MostProbable,
    Perturbation,
    Proposer,
    RandomSearch,
    RetrievalScore,
    SampledTop,
    ShortTraining,
    SoftAPScore,
    ZeroCost,
)
from vireid.search.derivation.scores import ChildScore
from vireid.structures import Genotype
from vireid.tasks.search.scored_child import SupernetChild

Log = list[Any]


class Child:
    """A child that writes down what is asked of it; its worth is a number from 0 to 1."""

    def __init__(self, worth: float, log: Log) -> None:
        self.worth, self.log = worth, log

    def trained(self, training: ChildTraining | None) -> AbstractContextManager[None]:
        self.log.append(None if training is None else (training.steps_of(100), training.from_start))
        return nullcontext()

    def recalibrated(self, batches: int) -> AbstractContextManager[None]:
        self.log.append(batches)
        return nullcontext()

    def mean_ap(self, centred: bool = False) -> Measured:
        self.log.append(centred)
        return Measured(self.worth, (-self.worth, 3 * self.worth))  # children differ by less than the error

    def mean_loss(self, batches: int) -> Measured:
        self.log.append(batches)
        return Measured(self.worth)

    def soft_ap(self, on: str, batches: int, temperature: float) -> Measured:
        self.log.append((on, batches, temperature))
        return Measured(self.worth, (self.worth - 0.1, self.worth + 0.1))

    def heldout_ap(self, on: str, images: int, temperature: float | None) -> Measured:
        self.log.append((on, images, temperature))
        return Measured(self.worth, (self.worth - 0.1, self.worth + 0.1))

    def modality_gap(self, batches: int) -> Measured:
        self.log.append(batches)
        return Measured(-self.worth, sites=(self.worth,) * 12)


class Scorer:
    """Scores a point by the share of separate normalisations, a mixture by a fixed function of its weights."""

    def __init__(self, score: ChildScore) -> None:
        self.score, self.log = score, Log()

    def __call__(self, genotype: Genotype) -> float:
        return self.measured(genotype).value

    def measured(self, genotype: Genotype) -> Measured:
        choices = list(genotype.choices.values())
        return self.score(Child(choices.count("separate_bn") / len(choices), self.log))

    def mixture(self, weights: Tensor) -> float:
        return self.score(Child(float(weights.square().sum()) / len(weights), self.log)).value


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


def observe_proposer(proposer: Proposer) -> list[Any]:
    space = BNSeparation(ResNet("resnet10", width=8), tie="stage")
    probabilities = {site.name: [0.6, 0.4] for site in space.sites()}
    log: list[Scorer] = []

    def scorer(score: ChildScore) -> Scorer:
        log.append(Scorer(score))
        return log[-1]

    proposals = proposer(space, probabilities, scorer, {})
    return [[(space.encode(point), name) for point, name in proposals.points], list(proposals.scores), [one.log for one in log]]


def observe_score(score: ChildScore) -> tuple[Measured, Log]:
    log = Log()
    return score(Child(0.3, log)), log


def observe_training(training: ChildTraining) -> list[Any]:
    """Steps, and the weight that they start from, of a run whose weight was 1 at first and is 0 now."""
    network = nn.Linear(1, 1, bias=False)
    nn.init.ones_(network.weight)
    start = {name: value.clone() for name, value in network.state_dict().items()}
    nn.init.zeros_(network.weight)
    run: Any = SimpleNamespace(network=network, initial_state=lambda: start, trainer=None)
    seen: list[Any] = []

    def train(run: Any, steps: int) -> None:
        seen.append((steps, run.network.weight.item()))

    where = "vireid.tasks.search.trained_child"
    lengths = mock.patch(f"{where}.training_length", return_value=100)
    with lengths, mock.patch(f"{where}.train_child", train), SupernetChild(run).trained(training):
        return seen


SCORE = {"score": Change(LossScore())}
ONE_SCORE: dict[str, Any] = {"scores": [LossScore(batches=2)]}
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
    Table(HeldoutAPScore, observe_score, {"on": Change("embeddings"), "images": Change(2), "temperature": Change(None)}),
    Table(
        RetrievalScore, observe_score, {"recalibration_batches": Change(3), "training": Change(ShortTraining(2)), "centred": Change(True)}
    ),
    Table(SoftAPScore, observe_score, {"on": Change("embeddings"), "batches": Change(3), "temperature": Change(0.1)}),
    Table(
        Confirm,
        observe,
        {
            "proposers": Change([MostProbable(1)]),
            "constants": Change(["all_separate"]),
            "fork": Change(0.5),
            "finalists": Change(1),
            "first_fork": Change(0.0625),
            "first_images": Change(2),
            "recalibration_batches": Change(3),
            "cheapest": Change(True),
        },
        {"proposers": [MostProbable(4)]},
    ),
    Table(ModalityGap, observe_score, {"batches": Change(3)}),
    Table(MostProbable, observe_proposer, {"count": Change(5)}, {"count": 2}),
    Table(ZeroCost, observe_proposer, {"scores": Change([LossScore(batches=3)]), "best": Change(1)}, ONE_SCORE),
    Table(Fork, observe_training, {"fraction": Change(0.5)}),
    Table(InitialWeights, observe_training, {}),
    Table(ShortTraining, observe_training, {"steps": Change(3), "from_start": Change(True)}, {"steps": 2}),
]
