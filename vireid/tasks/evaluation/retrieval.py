"""Evaluation of people: queries are searched in galleries by the protocols of the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import pytorch_lightning as pl
from torch import Tensor

from vireid.errors import SettingsError
from vireid.models import NetworkOutput
from vireid.results import Reranking, Result, print_results, score, write_metrics
from vireid.results.detailing import details_of, half
from vireid.results.details import Attention, Details
from vireid.settings.choices import check_choices
from vireid.structures import Batch, Evaluation
from vireid.tasks.evaluation.attention import attention, shown_pairs
from vireid.tasks.evaluation.base import Evaluated, Stage, TaskEvaluation, about, is_scored, origin
from vireid.tasks.evaluation.embeddings import EmbeddingTable, flip_mean, write_embeddings
from vireid.tasks.evaluation.shards import shard_rows, write_shard
from vireid.tasks.progress import check_sigterm

Feature = Literal["embeddings", "features"]
KeptRanks = Literal["first", "all"]
PLAIN, FLIP = "", "flip"  # variants of embeddings, as results name them


class Retrieval(TaskEvaluation):
    """Scores of retrieval, from embeddings of every image that are computed once, whatever the number of trials and ranks.

    Args:
        feature: what retrieval compares: ``embeddings`` (after the neck, as papers report) or ``features`` (before it).
        flip: whether ``test`` and ``validate`` also report, in rows of their own, the mean unit embedding of image and mirror image.
        reranking: settings of re-ranking, of which ``test`` and ``validate`` report rows too; null for none.
        ranks: trials whose ranked lists ``test`` and ``validate`` keep, the first 50 ranks of every query: ``first`` or ``all``.
    """

    selected_by = "val/mAP"

    def __init__(
        self, feature: Feature = "embeddings", flip: bool = False, reranking: Reranking | None = None, ranks: KeptRanks = "first"
    ) -> None:
        check_choices({"ranks": KeptRanks}, {"ranks": ranks})
        self.feature = feature
        self.flip = flip
        self.reranking = reranking
        self.ranks = ranks
        self.results: list[Result] = []
        self._tables: dict[str, EmbeddingTable] = {}

    def compared(self, output: NetworkOutput) -> Tensor:
        return output.embeddings if self.feature == "embeddings" else output.features

    def start(self, task: Evaluated, stage: Stage) -> None:
        variants = (PLAIN, FLIP) if self.flip and _is_final(task.trainer) else (PLAIN,)
        rows, wanted = len(protocols_of(task.trainer, stage).records), shard_rows(task.trainer)
        self._tables = {variant: EmbeddingTable(rows, task.device, wanted) for variant in variants}

    def put(self, task: Evaluated, batch: Batch) -> None:
        embeddings = self.compared(task(batch))
        self._tables[PLAIN].put(batch.positions, embeddings)
        if FLIP in self._tables:
            mirrored = self.compared(task(batch.with_images(batch.images.flip(-1))))
            self._tables[FLIP].put(batch.positions, flip_mean(embeddings, mirrored))

    def validated(self, task: Evaluated) -> None:
        if not is_scored(task.trainer):
            return
        self.results = self._score(task, "validate")
        for result in self.results[:1]:
            task.log("val/mAP", result.mean["mAP"], prog_bar=True)  # every rank has the same number, which may select checkpoints
            task.log("val/rank1", result.mean["rank1"])
        if task.trainer.state.fn == "validate":
            self._publish(task, "validate", "validation identities")

    def tested(self, task: Evaluated) -> None:
        if not is_scored(task.trainer):
            return
        self.results = self._score(task, "test")
        for result in self.results:
            for name in ("rank1", "mAP", "mINP"):
                task.log(f"test/{result.name}/{name}", result.mean[name], rank_zero_only=True)
        self._publish(task, "test", "test identities")

    def predicted(self, task: Evaluated) -> None:
        """Write ``embeddings.npz``, as ``write_embeddings`` or, for a part, ``write_shard`` does; ``flip`` adds ``embeddings_flip``."""
        if not is_scored(task.trainer):
            return
        names = {PLAIN: "embeddings", FLIP: "embeddings_flip"}
        embeddings = {names[variant]: table.complete() for variant, table in self._tables.items()}
        path = task.results_folder() / "embeddings.npz"
        if not task.trainer.is_global_zero:
            return
        evaluation, wanted = protocols_of(task.trainer, "test"), shard_rows(task.trainer)
        if wanted is None:
            write_embeddings(path, embeddings, evaluation.records)
        else:
            said = {**about(task, "test identities"), "feature": self.feature, "remark": task.remark("test")}
            write_shard(task.trainer, path, embeddings, evaluation, wanted, said)

    def stop(self) -> None:
        self._tables = {}

    def show(self, task: Evaluated) -> bool:
        if self.results and task.trainer.is_global_zero:
            print_results(self.results, f"{task.phase.capitalize()} network, percent (mean ± deviation over trials)")
        return bool(self.results)

    def _score(self, task: Evaluated, stage: Stage) -> list[Result]:
        evaluation = protocols_of(task.trainer, stage)
        remark = "; ".join(filter(None, [task.remark(stage), *task.notes]))
        rankings = (None, self.reranking) if self.reranking is not None and _is_final(task.trainer) else (None,)
        results: list[Result] = []
        for variant, table in self._tables.items():
            embeddings = table.complete()
            for reranking in rankings:
                results += score(
                    evaluation, embeddings, remark, variant, reranking, lambda: check_sigterm(task.trainer), _is_final(task.trainer)
                )
        order = {setting.protocol: place for place, setting in enumerate(evaluation.settings)}
        return sorted(results, key=lambda result: order[result.protocol])  # the variants of a protocol below one another

    def kept(self, evaluation: Evaluation, embeddings: Tensor) -> Details:
        """Ranked lists, camera matrices and counts of scores of ``(N, D)`` embeddings, which a test writes for pictures."""
        return details_of(evaluation, embeddings, self.ranks == "all")

    def _publish(self, task: Evaluated, stage: Stage, images: str) -> None:
        """Write what :mod:`vireid.results` reads: scores, what pictures of them need, and the embeddings."""
        folder, embeddings = task.results_folder(), self._tables[PLAIN].complete()
        if not task.trainer.is_global_zero:
            return
        evaluation = protocols_of(task.trainer, stage)
        details = self.kept(evaluation, embeddings)
        details = replace(details, attention=self._attention(task, stage, details))
        write_embeddings(folder / "embeddings.npz", {"embeddings": half(embeddings)}, evaluation.records)
        write_metrics(folder / "metrics.json", self.results, details, **about(task, images), feature=self.feature, **origin(task))

    def _attention(self, task: Evaluated, stage: Stage, details: Details) -> Attention | None:
        """Attention maps of the queries that a report shows: those of the first row."""
        shown = self.results[0]
        queries, datamodule = shown.per_query[0], getattr(task.trainer, "datamodule")  # noqa: B009 (untyped by Lightning)
        pairs = shown_pairs(details.ranks[shown.protocol][0], queries.ap, queries.pids)

        def images(rows: Sequence[int]) -> Batch:
            found: Batch = datamodule.on_after_batch_transfer(datamodule.evaluation_images(stage, rows).to(task.device), 0)
            return found.with_images(found.images.to(task.dtype))

        return attention(task.network, self.compared, images, pairs) if len(pairs) else None


def protocols_of(trainer: pl.Trainer, stage: Stage) -> Evaluation:
    """Images and protocols of the attached data module.

    Raises:
        SettingsError: it is none of ours.
    """
    datamodule = getattr(trainer, "datamodule", None)
    if datamodule is None or not hasattr(datamodule, "evaluation"):
        raise SettingsError("Evaluation needs a vireid data module: pass `datamodule=` to the Trainer, not bare dataloaders.")
    evaluation: Evaluation = datamodule.evaluation(stage)
    return evaluation


def _is_final(trainer: pl.Trainer) -> bool:
    """Whether this is an evaluation by itself; the one after each epoch of a fit is by the plain protocol only."""
    return trainer.state.fn != "fit"
