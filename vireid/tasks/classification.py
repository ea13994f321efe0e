"""Training of a network on images of classes, and how often it is right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal, NoReturn

from rich.table import Table
from torchmetrics import SumMetric
from torchmetrics.classification import MulticlassAccuracy

from vireid.errors import SettingsError
from vireid.files import write_text_atomically
from vireid.losses import CrossEntropy, Loss
from vireid.models import Head
from vireid.results.table import table_console
from vireid.search import SearchSpace
from vireid.structures import Batch
from vireid.tasks.base import checkpoint_name, is_trial_run
from vireid.tasks.optimisation.ema import EMA
from vireid.tasks.optimisation.optimisers import SGD, OptimizerSettings
from vireid.tasks.optimisation.schedules import WarmupMultiStep
from vireid.tasks.retrain import RetrainModule
from vireid.version import __version__

FORMAT, VERSION = "vireid.classification", 1


class ClassificationModule(RetrainModule):
    """Training of one network on CIFAR-100, ImageNet or the like; as :class:`~vireid.tasks.RetrainModule`, but for its evaluation.

    Evaluation counts images: ``top1`` is the share whose class has the largest logit, ``top5`` the share whose class is among the five
    largest. Logits of several branches are added up, losses are summed over the branches. The numbers go to ``metrics.json``.

    The trunk may start the training of people afterwards: give the checkpoint as ``weights`` of a
    :class:`~vireid.tasks.RetrainModule` with the same genotype.

    Args:
        num_classes: linked from the data on the command line.
        genotype: a file, the content of one, or the name of a baseline of ``space``, see :class:`~vireid.tasks.RetrainModule`.
        space: the space of a baseline name; for images of 32 x 32 one with a small stem, such as ``CombinedDepth(small=True)``.
        weights: where the trunk starts, as its space understands it; null for random initial weights.
        losses: weighted terms; default cross-entropy.
        optimizer: optimiser with its learning rates, schedule and clipping. The default is that of CDNet (Li, Wu, Zheng, CVPR 2021) on
            CIFAR-100.
        ema: average of the weights; null for none.
        head: what follows the trunk; default :class:`~vireid.models.BNNeckHead`.
        seed: of initial weights.

    Raises:
        GenotypeError: see :class:`~vireid.tasks.RetrainModule`.
    """

    phase = "classification"
    selected_by = "val/top1"

    def __init__(
        self,
        num_classes: int,
        genotype: str | Path | dict[str, Any],
        space: SearchSpace | None = None,
        weights: str | None = None,
        losses: list[Loss] | None = None,
        optimizer: OptimizerSettings | None = None,
        ema: EMA | None = None,
        head: Head | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(
            num_classes,
            genotype,
            space,
            weights,
            losses or [CrossEntropy()],
            optimizer or SGD(0.065, nesterov=False, schedule=WarmupMultiStep((150, 225, 300), warmup_epochs=0)),
            ema=ema,
            head=head,
            seed=seed,
        )
        self.top1 = MulticlassAccuracy(num_classes, average="micro")
        self.top5 = MulticlassAccuracy(num_classes, top_k=min(5, num_classes), average="micro")
        self.counted = SumMetric()
        self.accuracy: dict[str, float] = {}
        self._images = 0

    def on_fit_start(self) -> None:
        self._check_data()
        super().on_fit_start()

    def _check_data(self) -> None:
        if not getattr(getattr(self.trainer, "datamodule", None), "classifies", False):
            raise SettingsError(
                "ClassificationModule needs a data module whose images have classes, vireid.CIFAR100DataModule or "
                "vireid.ImageNetDataModule; people that no training saw have none. Take vireid.RetrainModule for them."
            )

    # --- evaluation -----------------------------------------------------------------------------------------------------------------

    def _start_evaluation(self, stage: Literal["validate", "test"]) -> None:  # noqa: ARG002 (the loader knows)
        self._check_data()
        self._evaluated.enter_context(self.evaluated_weights())
        for metric in (self.top1, self.top5, self.counted):
            metric.reset()

    def _put(self, batch: Batch) -> None:
        logits = self(batch).logits
        self.top1.update(logits, batch.labels)
        self.top5.update(logits, batch.labels)
        self.counted.update(len(batch))

    def on_predict_start(self) -> NoReturn:
        """Refused: there is nobody to embed."""
        raise SettingsError("ClassificationModule has no embeddings of people to write; test it with `vireid test`.")

    def on_validation_epoch_end(self) -> None:
        if self.trainer.sanity_checking or is_trial_run(self.trainer):
            return
        self._count()
        self.log("val/top1", self.accuracy["top1"], prog_bar=True)  # every rank has the same number, which may select checkpoints
        self.log("val/top5", self.accuracy["top5"])
        if self.trainer.state.fn == "validate":
            self._publish("validation images")

    def on_test_epoch_end(self) -> None:
        if is_trial_run(self.trainer):
            return
        self._count()
        for name, value in self.accuracy.items():
            self.log(f"test/{name}", value, rank_zero_only=True)
        self._publish("test images")

    def _count(self) -> None:
        self.accuracy = {"top1": float(self.top1.compute()), "top5": float(self.top5.compute())}
        self._images = int(self.counted.compute())

    def _publish(self, images: str) -> None:
        path = self.results_folder() / "metrics.json"
        if not self.trainer.is_global_zero:
            return
        about = {"vireid": __version__, "phase": self.phase, "evaluated_on": images, "checkpoint": checkpoint_name(self.trainer)}
        dataset = {"dataset": getattr(self.trainer, "datamodule").dataset_name, "images": self._images}  # noqa: B009 (untyped by Lightning)
        content = {"format": FORMAT, "version": VERSION, **about, **dataset, **self.accuracy}
        write_text_atomically(path, json.dumps(content, indent=1) + "\n")

    def show_results(self) -> bool:
        """Print top-1 and top-5 of the last evaluation, on rank 0; whether there is one."""
        if self.accuracy and self.trainer.is_global_zero:
            table = Table("images", *self.accuracy, title="Classification, percent", title_justify="left")
            table.add_row(f"{self._images:,}", *(f"{100 * value:.2f}" for value in self.accuracy.values()))
            table_console().print(table)
        return bool(self.accuracy)
