"""The searches of the study of the worlds. Their settings are the same in every world.

All begin at the surrogate's weights, hold out 30 of 100 of the 250 people, and take a training of 80 steps as their unit. Sites are tied by
stage, so that a point has five digits, as in ``measure.py``.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from tests.worlds.measure import EPOCHS, QUIET, STEPS, WIDTH, quiet_warnings, space
from vireid import SearchModule, SyntheticDataModule
from vireid.losses import Loss, SmoothAveragePrecision
from vireid.search import Argmax, BNSeparation, Confirm, MostProbable, Proposer, SearchSpace, ZeroCost
from vireid.structures import Genotype
from vireid.tasks import SGD, Adam, ExpectedCost, Geometric, Strategy, TwoLevels, Untrained, WarmupCosine

HELD_OUT: dict[str, Any] = {"search_split": "identity", "validation": "heldout", "heldout_fraction": 0.3}
RECALIBRATION = 16


@dataclass(frozen=True)
class Alternating:
    """What the alternating search leaves open: chosen on development people, then kept.

    Attributes:
        on: levels of the smooth average precision in the architecture step.
        price: weight of the expected number of modality-specific sites.
        warmup_epochs: of 10 epochs, those that train only the weights.
        rate: learning rate of the logits.
        temperatures: first and last temperature of the relaxation.
    """

    on: tuple[str, ...] = ("features",)
    price: float = 0.0
    warmup_epochs: int = 3
    rate: float = 0.03
    temperatures: tuple[float, float] = (5.0, 0.5)

    def strategy(self) -> Strategy:
        losses: list[Loss] = [SmoothAveragePrecision(on=level) for level in self.on]  # type: ignore[arg-type]
        return TwoLevels(
            architecture_losses=losses,
            architecture_optimizer=Adam(self.rate, weight_decay=0.0),
            temperature=Geometric(*self.temperatures),
            warmup_epochs=self.warmup_epochs,
            penalties=[ExpectedCost(self.price, "modality_specific_sites")] if self.price else None,
        )


def separation() -> BNSeparation:
    """The space of shared and separate norms, with the groups of ``space()``."""
    return BNSeparation("resnet10", width=WIDTH, tie="stage")


def code_of(point: Genotype, of: SearchSpace) -> str:
    """The digits of a point."""
    return "".join(map(str, of.encode(point)))


def pool() -> list[str]:
    """All separations of stages, and every other kind of norm on the first stages."""
    separations = ["".join(code) for code in itertools.product("01", repeat=5)]
    return separations + [kind * count + "0" * (5 - count) for kind in "234" for count in range(1, 6)]


def shortlist(found: SyntheticDataModule, weights: Path, seed: int) -> dict[str, Any]:
    """Cheap scores propose, forks decide; no supernet is trained."""
    return search(found, weights, seed, space(), Untrained(), [ZeroCost()])


def alternating(found: SyntheticDataModule, weights: Path, seed: int, joint: bool, settings: Alternating) -> dict[str, Any]:
    """The alternating search. Its logits propose beside the cheap scores; ``argmax`` is its answer without forks."""
    return search(found, weights, seed, space() if joint else separation(), settings.strategy(), [MostProbable(), ZeroCost()])


def drawn(found: SyntheticDataModule, weights: Path, seed: int, codes: Sequence[str]) -> dict[str, Any]:
    """The best of given points, by the same forks."""
    return search(found, weights, seed, space(), Untrained(), [], codes)


def search(
    found: SyntheticDataModule,
    weights: Path,
    seed: int,
    of: SearchSpace,
    strategy: Strategy,
    proposers: list[Proposer],
    codes: Sequence[str] | None = None,
    finalists: int | None = 3,
) -> dict[str, Any]:
    """What a search answers, its shortlist and its price.

    Args:
        found: data with held-out people.
        weights: of the trunk at the start.
        seed: seed of the search.
        of: its space.
        strategy: how the supernet is trained.
        proposers: who names points.
        codes: points that are tried in any case; ``None`` for the usual constants.
        finalists: points that are forked again; ``None`` for one round of full forks.

    Returns:
        Plain values: ``answer``; ``argmax`` and ``probabilities`` of separate, of a search with logits; ``forks`` by point; ``trainings``
        by the formula, and ``seconds`` of CPU time.
    """
    constants: Any = None if codes is None else [dict(of.decode([int(digit) for digit in code]).choices) for code in codes]
    module = SearchModule(
        found.num_classes,
        of,
        weights=str(weights),
        optimizer=SGD(0.05, schedule=WarmupCosine(EPOCHS, 1)),
        strategy=strategy,
        derivation=Confirm(proposers, constants, recalibration_batches=RECALIBRATION, finalists=finalists),
        seed=seed,
    )
    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder, quiet_warnings():
        trainer = pl.Trainer(max_epochs=EPOCHS, limit_train_batches=STEPS, limit_val_batches=0, default_root_dir=folder, **QUIET)
        trainer.fit(module, datamodule=found)
    seconds = time.process_time() - began
    answer = module.derive()
    about = answer.provenance["derivation"]
    rows = [{**row, "code": code_of(of.genotype(row["choices"]), of)} for row in about["shortlist"]]
    result: dict[str, Any] = {
        "answer": code_of(answer, of),
        "proposers": {row["code"]: row["proposers"] for row in rows},
        "scores": {row["code"]: row["scores"] for row in rows},
        "forks": {row["code"]: row["forks"] for row in rows},
        "trainings": about["trainings"],
        "seconds": round(seconds, 1),
    }
    if not isinstance(strategy, Untrained):
        table = module.architecture.table()
        result["argmax"] = code_of(Argmax()(of, table, lambda _: None, torch.Generator()).genotype, of)  # type: ignore[arg-type,return-value]
        result["probabilities"] = [[round(value, 4) for value in row] for row in table.values()]
    return result
