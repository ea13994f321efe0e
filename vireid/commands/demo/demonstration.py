"""The whole procedure, step by step, on people that the package generates itself."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytorch_lightning as pl
from rich.table import Table

from vireid.commands.grey_baseline import template_results
from vireid.commands.lightning_warnings import quiet_lightning
from vireid.commands.logger import RunLogger
from vireid.commands.picture import draw_genotypes, stage_table
from vireid.commands.run_directory import RUNS, check_fresh, next_free
from vireid.commands.stopping import check_terminated, stops
from vireid.data import FlipShiftAugmentation, SyntheticDataModule
from vireid.errors import SettingsError
from vireid.locks import FolderLock
from vireid.losses import ClassMMD, CrossEntropy, FourWayHardTriplet, Loss, SimilarityPreserving, SmoothAveragePrecision
from vireid.printable import printable
from vireid.report import write_report
from vireid.results import Result, write_metrics
from vireid.search import BNSeparation, Confirm, MostProbable
from vireid.structures import Genotype
from vireid.tasks import (
    SGD,
    Adam,
    LastCheckpoint,
    ProgressLine,
    ReIDModule,
    RetrainModule,
    SafeCheckpointIO,
    SearchModule,
    TwoLevels,
    WarmupCosine,
)
from vireid.terminal import console, say

SHOWN = "sysu/all/single-shot"
BASELINES = ("all_shared", "all_separate", "stem_separate")
TEMPLATE = "grey template (untrained)"


@dataclass(frozen=True)
class Budget:
    """Sizes of a demonstration; an epoch is ``steps`` batches."""

    identities: int
    test_identities: int
    images: int
    steps: int
    warmup_epochs: int
    search_epochs: int
    retrain_epochs: int
    width: int
    identities_per_batch: int


FULL = Budget(310, 60, 3, 20, warmup_epochs=3, search_epochs=7, retrain_epochs=10, width=32, identities_per_batch=16)
FAST = Budget(34, 8, 2, 3, warmup_epochs=1, search_epochs=2, retrain_epochs=2, width=8, identities_per_batch=4)


def demonstrate(output: str | None, seed: int, fast: bool) -> int:
    """Run a demonstration; arguments are those of the command. Returns its exit code."""
    quiet_lightning()
    folder = next_free(RUNS, "demo") if output is None else Path(output)
    try:
        with stops(), FolderLock(folder):
            check_fresh(folder)
            Demo(folder, seed, FAST if fast else FULL).run()
    except KeyboardInterrupt:
        say(f"\nWhat is finished lies in {printable(folder)}; a new demo writes into a folder of its own.")
        raise
    return 0


class Demo:
    """The steps of the demonstration, each through the same modules that licensed data goes through.

    Args:
        folder: folder for all results.
        seed: seed of people, weights and search.
        budget: sizes of data, networks and trainings.
    """

    def __init__(self, folder: Path, seed: int, budget: Budget) -> None:
        self.folder = folder
        self.seed = seed
        self.budget = budget
        self.console = console()
        self.space = BNSeparation("resnet10", width=budget.width)

    def run(self) -> None:
        """Generate people, search, retrain, test, and report."""
        began = time.monotonic()
        self._say("1/4  Drawing people")
        data = self._data("none")
        data.prepare_data()
        template = template_results(data)
        self._say("2/4  Searching which batch norms to separate, and trying the candidates in short trainings")
        searched = self._search()
        genotypes = {"searched": searched, **{name: self.space.baselines()[name] for name in BASELINES}}
        results: dict[str, list[Result]] = {TEMPLATE: template}
        for number, (name, genotype) in enumerate(genotypes.items(), start=1):
            self._say(f"3/4  Training and testing {name} ({number} of {len(genotypes)})")
            results[name] = self._retrain(name, genotype)
        self._say("4/4  Results")
        self._tell(genotypes, results, time.monotonic() - began)

    def _say(self, text: str) -> None:
        self.console.print(text, style="bold")

    def _data(self, search_split: str) -> SyntheticDataModule:
        budget = self.budget
        return SyntheticDataModule(
            self.folder / "people",
            identities=budget.identities,
            test_identities=budget.test_identities,
            images=budget.images,
            seed_data=self.seed,
            height=64,
            width=32,
            identities_per_batch=budget.identities_per_batch,
            images_per_identity=2,
            augmentation=FlipShiftAugmentation(),
            search_split="identity" if search_split == "identity" else "none",
            validation="heldout" if search_split == "identity" else "none",
            heldout_fraction=0.35,
            seed=self.seed,
            num_workers=0,
            cache_images=True,
        )

    def _losses(self) -> list[Loss]:
        return [CrossEntropy(label_smoothing=0.1), FourWayHardTriplet(), SimilarityPreserving(weight=5.0), ClassMMD(weight=0.05)]

    def _fit(self, module: ReIDModule, data: SyntheticDataModule, folder: Path, epochs: int) -> pl.Trainer:
        trainer = pl.Trainer(
            max_epochs=epochs,
            limit_train_batches=self.budget.steps,
            limit_val_batches=0,  # held-out people decide between short trainings, once
            devices=1,
            logger=RunLogger(folder),
            callbacks=[ProgressLine(), LastCheckpoint(folder / "checkpoints")],
            plugins=[SafeCheckpointIO()],
            default_root_dir=folder,
            enable_model_summary=False,
            use_distributed_sampler=False,
            log_every_n_steps=self.budget.steps,
        )
        trainer.fit(module, datamodule=data)
        check_terminated(trainer)
        return trainer

    def _search(self) -> Genotype:
        data = self._data("identity")
        epochs = self.budget.warmup_epochs + self.budget.search_epochs
        module = SearchModule(
            data.num_classes,
            self.space,
            weights=None,
            losses=self._losses(),
            optimizer=SGD(0.05, schedule=WarmupCosine(epochs, 1)),
            strategy=TwoLevels(
                architecture_losses=[SmoothAveragePrecision(), SmoothAveragePrecision(on="embeddings", name="smooth_ap_embeddings")],
                architecture_optimizer=Adam(0.03, weight_decay=0.0),
                warmup_epochs=self.budget.warmup_epochs,
            ),
            derivation=Confirm([MostProbable()], recalibration_batches=6),  # random weights: no cheap score of them says anything
            seed=self.seed,
        )
        self._fit(module, data, self.folder / "search", epochs)
        module.show_training()
        return Genotype.load(self.folder / "search" / "genotype.json")

    def _retrain(self, name: str, genotype: Genotype) -> list[Result]:
        data = self._data("none")
        epochs = self.budget.retrain_epochs
        module = RetrainModule(
            data.num_classes,
            genotype.to_dict(),
            weights=None,
            losses=self._losses(),
            optimizer=SGD(0.05, schedule=WarmupCosine(epochs, 1)),
            seed=self.seed,
        )
        trainer = self._fit(module, data, self.folder / name, epochs)
        trainer.test(module, datamodule=data, verbose=False)
        check_terminated(trainer)
        return module.results

    # --- telling --------------------------------------------------------------------------------------------------------------------

    def _tell(self, genotypes: dict[str, Genotype], results: dict[str, list[Result]], seconds: float) -> None:
        shown = {name: next(r for r in rows if r.protocol.startswith(SHOWN)) for name, rows in results.items()}
        self.console.print(self._table(genotypes, shown))
        self.console.print(
            "One seed and a few minutes of training: a demonstration, not evidence. Differences of a few points are noise, "
            "and no row is promised to win.",
            style="italic",
        )
        self.console.print(stage_table(genotypes))
        scores = {name: f"mAP {100 * shown[name].mean['mAP']:.1f}" for name in genotypes}
        drawn = draw_genotypes(genotypes, self.folder / "genotypes.png", scores)
        named = [replace(r, protocol=f"{r.protocol} [{name}]") for name, rows in results.items() for r in rows]
        write_metrics(self.folder / "metrics.json", named, seed=self.seed, seconds=round(seconds, 1))
        self._where(genotypes, seconds, drawn)
        self._report(genotypes)

    def _report(self, genotypes: dict[str, Genotype]) -> None:
        """Make the page of all networks and of the search; without matplotlib, say how to get it."""
        folders = [self.folder / name for name in (*genotypes, "search")]
        page = self.folder / "report.html"
        try:
            write_report(folders, page)
        except SettingsError as missing:
            words = " ".join(printable(folder) for folder in folders)
            say(f"No report.html. {missing} Then: vireid report {words} --output {printable(page)}")
        else:
            self._say(f"Open this page in a browser: {printable(page)}")

    def _table(self, genotypes: dict[str, Genotype], shown: dict[str, Result]) -> Table:
        table = Table(title=f"{SHOWN}, held-out people, percent", title_justify="left")
        table.add_column("network")
        for column in ("separated", "R1", "R10", "mAP", "mINP"):
            table.add_column(column, justify="right")
        for name, result in shown.items():
            choices = list(genotypes[name].choices.values()) if name in genotypes else []
            separated = f"{choices.count('separate_bn')}/{len(choices)}" if choices else ""
            numbers = (f"{100 * result.mean[key]:.1f}" for key in ("rank1", "rank10", "mAP", "mINP"))
            table.add_row(name, separated, *numbers)
        return table

    def _where(self, genotypes: dict[str, Genotype], seconds: float, drawn: bool) -> None:
        lines = {
            "people (SYSU-MM01 layout)": "people",
            "searched genotype": "search/genotype.json",
            **({"picture": "genotypes.png"} if drawn else {}),
            "all results": "metrics.json",
            "checkpoints": "{" + ",".join(["search", *genotypes]) + "}/checkpoints/last.ckpt",
        }
        self._say(f"Done in {seconds:.0f} s. In {printable(self.folder)}:")
        for what, where in lines.items():
            self.console.print(f"  {what:<26} {where}")
        child = self.folder / "searched" / "checkpoints" / "last.ckpt"
        say(f"Test the child again with: vireid test --ckpt {printable(child)}")
