"""What every task shares: one network, one way to embed and score, checkpoints that rebuild the task."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from vireid.errors import DivergedError, SettingsError
from vireid.losses import LossInputs, LossSum
from vireid.models import Branch, BranchNetwork, Head, NetworkOutput, ReIDNetwork
from vireid.results.reranking import Reranking
from vireid.results.result import Result
from vireid.results.scoring import score
from vireid.results.table import print_results, write_metrics
from vireid.settings import Recorded, class_path, instantiate, settings_of
from vireid.structures import Batch, Evaluation, generator_for
from vireid.tasks.checkpoints import SECTION, VERSION, read_checkpoint
from vireid.tasks.embeddings import EmbeddingTable, flip_mean
from vireid.version import __version__

EvaluatedFeature = Literal["embeddings", "features"]
PLAIN, FLIP = "", "flip"  # variants of embeddings, as results name them


class ReIDModule(Recorded, pl.LightningModule):
    """Base of search and retraining.

    Attributes:
        network: called ``network(images, n_visible)``.
        head: built its part behind the trunk.
        losses: weighted sum of loss terms.
        seed: of initial weights and of what layers draw.
        selected_by: what is logged in validation and highest for the best checkpoint.
        evaluate_on: what retrieval compares, ``embeddings`` (after the neck) or ``features`` (before it).
        flip_test: whether results also have rows for the mean of the embeddings of each image and its mirror image.
        reranking: whether and how results also have re-ranked rows.
        results: rows of the last evaluation.
        notes: what callbacks did to this evaluation; with :meth:`remark` they mark its rows.
        run_dir: folder for files of results; ``None`` for the logger's, or the Trainer's root without a logger.
    """

    phase = "trained"
    selected_by = "val/mAP"
    evaluate_on: EvaluatedFeature
    flip_test: bool = False
    reranking: Reranking | None = None
    network: ReIDNetwork | BranchNetwork
    head: Head
    losses: LossSum
    seed: int

    def __init__(self) -> None:
        super().__init__()
        self.results: list[Result] = []
        self.notes: list[str] = []
        self.run_dir: Path | None = None
        self._tables: dict[str, EmbeddingTable] = {}
        self._evaluated = ExitStack()

    def forward(self, batch: Batch) -> NetworkOutput:
        """The network's output for a batch whose images are normalised."""
        output: NetworkOutput = self.network(batch.images.to(self.dtype), batch.n_visible)
        return output

    # --- training -------------------------------------------------------------------------------------------------------------------

    def seed_step(self, batch: Batch) -> None:
        """Make what layers draw (dropout, stochastic depth) a function of seed and batch, so that a resumed training is exact."""
        torch.manual_seed(generator_for((self.seed, *batch.key)).initial_seed())

    def loss_inputs(self, branch: Branch, batch: Batch) -> LossInputs:
        """What losses see of a batch."""
        rows = (branch.features, branch.embeddings, branch.logits, batch.labels)
        return LossInputs(*rows, batch.n_visible, batch.images_per_identity, batch.visible_views, branch.extras)

    def summed_loss(
        self, losses: LossSum, output: NetworkOutput, batch: Batch, without_classes: bool = False
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Total and weighted terms of ``losses``, summed over the branches of the network."""
        found = [losses(self.loss_inputs(branch, batch), without_classes=without_classes) for branch in output.branches]
        return sum((total for total, _ in found[1:]), found[0][0]), {
            name: sum((terms[name] for _, terms in found[1:]), found[0][1][name]) for name in found[0][1]
        }

    def check_finite(self) -> None:
        """End a training that has diverged, before a checkpoint replaces the last good one.

        Weights are looked at, not losses: they are equal on all ranks, and a step that a gradient scaler skips leaves them alone.

        Raises:
            DivergedError: a weight is not finite.
        """
        names, weights = zip(*self.named_parameters(), strict=True)
        finite = torch.stack([torch.isfinite(weight.detach()).all() for weight in weights]).tolist()
        bad = [name for name, good in zip(names, finite, strict=True) if not good]
        if bad:
            raise DivergedError(
                f"The training diverged in epoch {self.current_epoch}: {len(bad)} of {len(names)} weights hold NaN or infinity, first "
                f"{bad[0]}. The last checkpoint, if any, is intact. Lower `optimizer.lr`, warm up longer (`optimizer.schedule`), or clip "
                "gradients (`optimizer.gradient_clip_val`)."
            )

    def on_train_epoch_end(self) -> None:
        self.check_finite()

    # --- evaluation -----------------------------------------------------------------------------------------------------------------

    @contextmanager
    def evaluated_weights(self) -> Iterator[None]:
        """Inside, the network holds the weights that evaluation is meant for."""
        yield

    def embed(self, batch: Batch) -> Tensor:
        """``(B, D)`` embeddings of single-modality rows, not normalised."""
        output = self(batch)
        chosen: Tensor = output.embeddings if self.evaluate_on == "embeddings" else output.features
        return chosen

    def validation_step(self, batch: Batch, batch_idx: int) -> None:  # noqa: ARG002 (interface)
        self._put(batch)

    def test_step(self, batch: Batch, batch_idx: int) -> None:  # noqa: ARG002
        self._put(batch)

    def predict_step(self, batch: Batch, batch_idx: int) -> None:  # noqa: ARG002
        self._put(batch)

    def _put(self, batch: Batch) -> None:
        embeddings = self.embed(batch)
        self._tables[PLAIN].put(batch.positions, embeddings)
        if FLIP in self._tables:
            mirrored = self.embed(batch.with_images(batch.images.flip(-1)))
            self._tables[FLIP].put(batch.positions, flip_mean(embeddings, mirrored))

    def _start_evaluation(self, stage: Literal["validate", "test"]) -> None:
        self._evaluated.enter_context(self.evaluated_weights())
        variants = (PLAIN, FLIP) if self.flip_test and self._is_final() else (PLAIN,)
        rows = len(self.evaluation(stage).records)
        self._tables = {variant: EmbeddingTable(rows, self.device) for variant in variants}

    def _is_final(self) -> bool:
        """Whether this is an evaluation by itself; the one after each epoch of a fit is by the plain protocol only."""
        return self.trainer.state.fn != "fit"

    def evaluation(self, stage: Literal["validate", "test"]) -> Evaluation:
        """The protocol of the attached data module."""
        datamodule = getattr(self.trainer, "datamodule", None)
        if datamodule is None or not hasattr(datamodule, "evaluation"):
            raise SettingsError("Evaluation needs a vireid data module: pass `datamodule=` to the Trainer, not bare dataloaders.")
        evaluation: Evaluation = datamodule.evaluation(stage)
        return evaluation

    def on_validation_start(self) -> None:
        self._start_evaluation("validate")

    def on_test_start(self) -> None:
        self._start_evaluation("test")

    def on_predict_start(self) -> None:
        self._start_evaluation("test")

    def on_validation_epoch_end(self) -> None:
        if self.trainer.sanity_checking or is_trial_run(self.trainer):
            return
        self.results = self._score("validate")
        for result in self.results[:1]:
            self.log("val/mAP", result.mean["mAP"], prog_bar=True)  # every rank has the same number, which may select checkpoints
            self.log("val/rank1", result.mean["rank1"])
        if self.trainer.state.fn == "validate":
            self._publish("validation identities")

    def on_test_epoch_end(self) -> None:
        if is_trial_run(self.trainer):
            return
        self.results = self._score("test")
        for result in self.results:
            for name in ("rank1", "mAP", "mINP"):
                self.log(f"test/{result.name}/{name}", result.mean[name], rank_zero_only=True)
        self._publish("test identities")

    def on_validation_end(self) -> None:
        self._end_evaluation()

    def on_test_end(self) -> None:
        self._end_evaluation()

    def on_predict_end(self) -> None:
        self._end_evaluation()

    def _end_evaluation(self) -> None:
        self._evaluated.close()
        self._tables = {}

    def _score(self, stage: Literal["validate", "test"]) -> list[Result]:
        evaluation = self.evaluation(stage)
        remark = "; ".join(filter(None, [self.remark(stage), *self.notes]))
        rankings = (None, self.reranking) if self.reranking is not None and self._is_final() else (None,)
        results: list[Result] = []
        for variant, table in self._tables.items():
            embeddings = table.complete()
            for reranking in rankings:
                results += score(evaluation, embeddings, remark, variant, reranking)
        order = {setting.protocol: place for place, setting in enumerate(evaluation.settings)}
        return sorted(results, key=lambda result: order[result.protocol])  # the variants of a protocol below one another

    def remark(self, stage: Literal["validate", "test"]) -> str:  # noqa: ARG002 (a hook)
        """What a reader must know about the rows of this evaluation."""
        return ""

    def results_folder(self) -> Path:
        """Where files of results go. Call it on every rank: rank 0 tells the others where its logger writes."""
        return self.run_dir or Path(self.trainer.log_dir or self.trainer.default_root_dir)

    def show_results(self) -> bool:
        """Print the table of the last evaluation, on rank 0; whether there is one."""
        if self.results and self.trainer.is_global_zero:
            print_results(self.results, f"{self.phase.capitalize()} network, percent (mean ± deviation over trials)")
        return bool(self.results)

    def _publish(self, images: str) -> None:
        path = self.results_folder() / "metrics.json"
        if not self.trainer.is_global_zero:
            return
        about = {"vireid": __version__, "phase": self.phase, "evaluated_on": images, "feature": self.evaluate_on}
        write_metrics(path, self.results, **about, checkpoint=checkpoint_name(self.trainer))

    def on_predict_epoch_end(self) -> None:
        """Write ``embeddings.npz``: embeddings, paths, pids, camids, modalities; with ``flip_test`` also ``embeddings_flip``."""
        if is_trial_run(self.trainer):
            return
        records = self.evaluation("test").records
        keys = {PLAIN: "embeddings", FLIP: "embeddings_flip"}
        embeddings = {keys[variant]: table.complete().numpy() for variant, table in self._tables.items()}
        path = self.results_folder() / "embeddings.npz"
        if self.trainer.is_global_zero:
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(
                path,
                **embeddings,  # type: ignore[arg-type]  # numpy's stub takes the names for its own options
                paths=np.array([record.path for record in records]),
                pids=np.array([record.pid for record in records]),
                camids=np.array([record.camid for record in records]),
                modalities=np.array([int(record.modality) for record in records]),
            )

    # --- checkpoints ----------------------------------------------------------------------------------------------------------------

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store what rebuilds this module and its data, as plain values."""
        datamodule = getattr(self.trainer, "datamodule", None) if self._trainer is not None else None
        data = settings_of(datamodule) if isinstance(datamodule, Recorded) else None
        checkpoint[SECTION] = {"version": VERSION, "vireid": __version__, "model": settings_of(self), "data": data}

    @classmethod
    def load_from_checkpoint(  # type: ignore[override]  # weights-only, and without Lightning's import of any class a file names
        cls,
        checkpoint_path: str | os.PathLike[str],
        map_location: Any = "cpu",
        strict: bool = True,
        allowed: tuple[str, ...] = (),
        **overrides: Any,
    ) -> Any:
        """The module that a checkpoint holds. Executes nothing that the file brings.

        Args:
            checkpoint_path: the file.
            map_location: device of the module.
            strict: whether names of tensors must agree.
            allowed: class paths of your own that the file may name, such as ``mylib.MyLoss``; vireid's and this class's always may.
            overrides: arguments of the module that win over the saved ones.

        Raises:
            CheckpointError: not a checkpoint of ours, damaged, or naming other classes.
            SettingsError: a module of another class.
        """
        importable = ("vireid.", class_path(cls), *allowed)
        checkpoint = read_checkpoint(checkpoint_path, map_location, importable)
        settings = checkpoint[SECTION]["model"]
        known = {"weights": None} if "weights" in settings["init_args"] else {}  # the checkpoint brings them
        module = instantiate(settings, importable, **{**known, **overrides})
        if not isinstance(module, cls):
            raise SettingsError(f"{os.fspath(checkpoint_path)!r} holds a {type(module).__name__}, not a {cls.__name__}.")
        module.on_load_checkpoint(checkpoint)
        module.load_state_dict(checkpoint["state_dict"], strict=strict)
        return module.to(map_location)


def is_trial_run(trainer: pl.Trainer) -> bool:
    """Whether the Trainer runs a few batches only, which no protocol can score."""
    return bool(getattr(trainer, "fast_dev_run", False))


def checkpoint_name(trainer: pl.Trainer) -> str | None:
    """File name of the checkpoint that the Trainer evaluates."""
    path = trainer.ckpt_path
    return None if path is None else Path(path).name


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Initial weights as a function of ``seed`` alone; the global generator is as before afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
