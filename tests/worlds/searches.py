"""The searches of the study of the worlds. Their settings are the same in every world.

All begin at the surrogate's weights, hold out 30 of 100 of the 250 people, and take a training of 80 steps as their unit. Sites are tied by
stage, so that a point has five digits, as in ``measure.py``.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from tests.worlds.measure import EPOCHS, QUIET, STEPS, WIDTH, quiet_warnings, space
from vireid import SearchModule, SyntheticDataModule
from vireid.losses import Loss, SmoothAveragePrecision
from vireid.search import BNSeparation, Confirm, MostProbable, SearchSpace, ZeroCost
from vireid.search.derivation.pool import norm_pool
from vireid.structures import Genotype
from vireid.tasks import SGD, Adam, ExpectedCost, Geometric, Strategy, TwoLevels, Untrained, WarmupCosine

HELD_OUT: dict[str, Any] = {"search_split": "identity", "validation": "heldout", "heldout_fraction": 0.3}
FORKS: dict[str, Any] = {"first_fork": 0.0625, "first_images": 2, "recalibration_batches": 4}
"""All points are forked for 5 steps and the best three for 20. At 80 steps a training, more would cost as much as the forks themselves."""


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

    on: tuple[str, ...] = ("features", "embeddings")
    price: float = 0.0
    warmup_epochs: int = 3
    rate: float = 0.03
    temperatures: tuple[float, float] = (5.0, 0.5)

    def strategy(self) -> Strategy:
        losses: list[Loss] = [SmoothAveragePrecision(on=level, name=f"smooth_ap_{level}") for level in self.on]  # type: ignore[arg-type]
        return TwoLevels(
            architecture_losses=losses,
            architecture_optimizer=Adam(self.rate, weight_decay=0.0),
            temperature=Geometric(*self.temperatures),
            warmup_epochs=self.warmup_epochs,
            penalties=[ExpectedCost(self.price, "modality_specific_sites")] if self.price else None,
        )


def separation(width: int = WIDTH) -> BNSeparation:
    """The space of shared and separate norms, with the groups of ``space()``."""
    return BNSeparation("resnet10", width=width, tie="stage")


def code_of(point: Genotype, of: SearchSpace) -> str:
    """The digits of a point."""
    return "".join(map(str, of.encode(point)))


def pool() -> list[str]:
    """The points from which cheap scores propose: separations of stages, and every other kind of norm on the first stages."""
    of = space()
    return [code_of(of.genotype(choices), of) for choices in norm_pool(of.sites())]


@dataclass(frozen=True)
class Searcher:
    """Runs searches on the people of one world.

    Attributes:
        found: data with held-out people.
        weights: of the trunk at the start.
        seed: seed of the searches.
        width: channels of the stem.
    """

    found: SyntheticDataModule
    weights: Path
    seed: int
    width: int = WIDTH

    def shortlist(self) -> dict[str, Any]:
        """Cheap scores propose, forks decide; no supernet is trained."""
        return self.search(space(self.width), Untrained(), Confirm([ZeroCost()], **FORKS))

    def alternating(self, of: SearchSpace, settings: Alternating) -> dict[str, Any]:
        """The alternating search. Its logits propose beside the cheap scores; ``argmax`` is its answer without forks."""
        derivation = Confirm([MostProbable(), ZeroCost()], **FORKS)
        return self.search(of, settings.strategy(), derivation)

    def drawn(self, codes: Sequence[str], finalists: int | None = 3) -> dict[str, Any]:
        """The best of given points by the same forks; without ``finalists``, by one round of full ones."""
        of = space(self.width)
        constants: Any = [dict(of.decode([int(digit) for digit in code]).choices) for code in codes]
        return self.search(of, Untrained(), Confirm([], constants, finalists=finalists, **FORKS))

    def search(self, of: SearchSpace, strategy: Strategy, derivation: Confirm) -> dict[str, Any]:
        """What a search answers, its shortlist and its price, as plain values.

        Returns:
            ``answer``; ``argmax`` and ``probabilities`` of a search with logits; ``proposers``, ``scores`` and ``forks`` of each point of
            the shortlist; ``trainings`` by the formula, and ``seconds`` of CPU time.
        """
        module = SearchModule(
            self.found.num_classes,
            of,
            weights=str(self.weights),
            optimizer=SGD(0.05, schedule=WarmupCosine(EPOCHS, 1)),
            strategy=strategy,
            derivation=derivation,
            seed=self.seed,
        )
        began = time.process_time()
        with tempfile.TemporaryDirectory() as folder, quiet_warnings():
            trainer = pl.Trainer(max_epochs=EPOCHS, limit_train_batches=STEPS, limit_val_batches=0, default_root_dir=folder, **QUIET)
            trainer.fit(module, datamodule=self.found)
        seconds = round(time.process_time() - began, 1)
        answer = module.derive()
        about = answer.provenance["derivation"]
        rows = {code_of(of.genotype(row["choices"]), of): row for row in about["shortlist"]}
        result: dict[str, Any] = {"answer": code_of(answer, of), "trainings": about["trainings"], "seconds": seconds}
        result |= {key: {code: row[key] for code, row in rows.items()} for key in ("proposers", "scores", "forks")}
        if not isinstance(strategy, Untrained):
            table = {site: [round(value, 4) for value in row] for site, row in module.architecture.table().items()}
            result |= {"argmax": code_of(of.genotype(module.architecture.choices()), of), "probabilities": table}
        return result
