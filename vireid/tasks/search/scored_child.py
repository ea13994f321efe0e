"""A child in the supernet of a running search, as scores see it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import Module

from vireid.models import Branch, NetworkOutput
from vireid.nn import frozen_statistics
from vireid.results.scoring import score as score_embeddings
from vireid.search.derivation import Measured
from vireid.search.derivation.scores import On
from vireid.structures import Batch, Modality, SearchBatch
from vireid.tasks.callbacks.recalibration import training_batches, weight_rows
from vireid.tasks.callbacks.running_statistics import kept_statistics, recalibrate
from vireid.tasks.evaluation.embeddings import EmbeddingTable
from vireid.tasks.evaluation.retrieval import protocols_of
from vireid.tasks.progress import check_sigterm
from vireid.tasks.search.heldout_rows import heldout_rows
from vireid.tasks.search.person_sums import PersonSums
from vireid.tasks.search.run import SearchRun, weight_rows as rows_of_weights
from vireid.tasks.search.trained_child import TrainedChild, in_mode


class SupernetChild(TrainedChild):
    """The child that the supernet runs now. Afterwards weights, statistics, modes and random state are as before.

    Args:
        run: a search with a Trainer and a vireid data module; its supernet runs the child.

    Attributes:
        rows: number of images run forward so far outside weight steps, on this process.
    """

    def __init__(self, run: SearchRun) -> None:
        super().__init__(run)
        self._read: tuple[int, list[Batch | SearchBatch]] = (0, [])
        self._few = dict[int, Batch]()
        self._passed: tuple[Any, tuple[Branch, ...]] = (None, ())
        self.rows = 0

    @property
    def rows_per_step(self) -> int:
        """Number of images in a weight step, on one process."""
        return len(rows_of_weights(self._batches(1)[0]))

    @contextmanager
    def recalibrated(self, batches: int) -> Iterator[None]:
        """Inside, the child is in evaluation mode. Its running statistics come from this number of training batches."""
        run, network = self.run, self.run.network
        with torch.no_grad(), in_mode(network, training=False), kept_statistics(network), run.trainer.precision_plugin.forward_context():
            recalibrate(network, weight_rows(run.trainer, self._batches(batches)), self._forward)
            yield

    def mean_ap(self, centred: bool = False) -> Measured:
        """mAP of the first protocol of validation, and for every person the mean AP of its queries over all trials."""
        run, evaluation = self.run, protocols_of(self.run.trainer, "validate")
        table = EmbeddingTable(len(evaluation.records), run.device)
        for loader in self._images:
            for images in loader:
                check_sigterm(run.trainer)
                batch = run.trainer.strategy.batch_to_device(images)
                table.put(batch.positions, run.embed(batch))
                self.rows += len(batch)
        embeddings = table.complete()
        if not embeddings.isfinite().all():  # a child that diverged in its training is the worst, not the end of the search
            return Measured(math.nan)
        if centred:
            embeddings = _centred(embeddings, [record.modality == Modality.VISIBLE for record in evaluation.records])
        result = score_embeddings(evaluation, embeddings)[0]
        pids = np.concatenate([queries.pids for queries in result.per_query])
        precisions = np.concatenate([queries.ap for queries in result.per_query])
        people = [float(np.nanmean(precisions[pids == pid])) for pid in np.unique(pids[~np.isnan(precisions)])]
        return Measured(result.mean["mAP"], tuple(people))

    def mean_loss(self, batches: int) -> Measured:
        """Mean loss over this number of batches of architecture rows."""
        strategy = self.run.trainer.strategy
        pairs = [batch for batch in self._batches(batches) if isinstance(batch, SearchBatch)]
        losses = [self.run.architecture_loss(strategy.batch_to_device(pair.architecture))[0] for pair in pairs]
        self.rows += sum(len(pair.architecture) for pair in pairs)
        return Measured(float(strategy.reduce(torch.stack(losses).double().mean(), reduce_op="mean")))

    def soft_ap(self, on: On, batches: int, temperature: float) -> Measured:
        """Mean soft average precision over this number of batches of architecture rows, with queries of either modality, by person."""
        sums = PersonSums(self._architecture_pids)
        for batch, output in self._outputs(batches):
            for branch in output.branches:
                sums.add(batch, branch, on, temperature)
        return sums.measured(self._over_ranks)

    def heldout_ap(self, on: On, images: int, temperature: float | None) -> Measured:
        """Mean average precision in one batch of this number of images of every held-out person and modality, by person."""
        batch = self._heldout_batch(images)
        key = (self.initial_point, images)
        if self.initial_point is None or key != self._passed[0]:  # scores of one child with the initial weights share the pass
            self._passed = (key, self._run_unaugmented(batch).branches)
        sums = PersonSums(torch.tensor(sorted({*batch.pids.tolist()})))
        for branch in self._passed[1]:
            sums.add(batch, branch, on, temperature)
        return sums.measured()

    def modality_gap(self, batches: int) -> Measured:
        """Minus the mean over sites of the mean over channels of ``|log(deviation of visible / deviation of infrared)|``."""
        gaps = {name: list[Tensor]() for name in self.run.supernet.choices}
        visible = [0]

        def watch(name: str) -> Callable[[Module, tuple[Tensor, ...]], None]:
            def hook(_: Module, inputs: tuple[Tensor, ...]) -> None:
                rows = inputs[0].double()
                first, second = (half.transpose(0, 1).flatten(1).std(1) for half in (rows[: visible[0]], rows[visible[0] :]))
                alive = (first > 0) & (second > 0)  # a channel that is constant in a modality has no ratio
                gaps[name].append((first[alive] / second[alive]).log().abs().mean())

            return hook

        with ExitStack() as stack:
            for name, choice in self.run.supernet.choices.items():
                stack.enter_context(choice.register_forward_pre_hook(watch(name)))
            visible[0] = self._batches(1)[0].architecture.n_visible  # type: ignore[union-attr]
            for _ in self._outputs(batches):
                pass
        values = torch.stack([torch.stack(found).mean() for found in gaps.values()]).cpu()
        values = self._over_ranks(values) / self.run.trainer.world_size
        return Measured(-float(values.mean()), sites=tuple(values.tolist()))

    def _outputs(self, batches: int) -> Iterator[tuple[Batch, NetworkOutput]]:
        """Outputs of the child on architecture rows, see :meth:`_run_unaugmented`."""
        for pair in self._batches(batches):
            assert isinstance(pair, SearchBatch)
            batch = self.run.trainer.strategy.batch_to_device(replace(pair.architecture, key=()))
            yield batch, self._run_unaugmented(batch, pair.architecture)

    def _run_unaugmented(self, batch: Batch, seeded: Batch | None = None) -> NetworkOutput:
        """Output of the child in training mode, with noise seeded by a batch. Its running statistics stay as they are."""
        run, network = self.run, self.run.network
        devices = [run.device] if run.device.type == "cuda" else []
        with torch.no_grad(), torch.random.fork_rng(devices), in_mode(network, training=True), frozen_statistics(network):
            run.seed_step(batch if seeded is None else seeded)
            with run.trainer.precision_plugin.forward_context():
                return self._forward(batch)

    def _forward(self, batch: Batch) -> NetworkOutput:
        self.rows += len(batch)
        return self.run.forward(batch)

    def _over_ranks(self, sums: Tensor) -> Tensor:
        if self.run.trainer.world_size == 1:
            return sums
        shared = sums.to(self.run.device)
        torch.distributed.all_reduce(shared)
        return shared.cpu()

    def _batches(self, count: int) -> list[Batch | SearchBatch]:
        """The first training batches. They are read once and kept in memory as they are on disk."""
        if count > self._read[0]:
            self._read = (count, training_batches(self.run.trainer, count))
        return self._read[1][:count]

    @cached_property
    def _architecture_pids(self) -> Tensor:
        datamodule: Any = getattr(self.run.trainer, "datamodule")  # noqa: B009  # set by Lightning, which does not declare it
        return torch.tensor(sorted({record.pid for record in datamodule.parts.architecture}))

    @cached_property
    def _images(self) -> list[Any]:
        """Batches of all held-out images; where the data keeps images in memory, these are kept too."""
        datamodule: Any = getattr(self.run.trainer, "datamodule")  # noqa: B009
        loaders = list(datamodule.val_dataloader())
        return [list(loader) for loader in loaders] if getattr(datamodule, "cache_images", False) is True else loaders

    def _heldout_batch(self, images: int) -> Batch:
        """One batch with a few images of every held-out person. It is read once, and kept as it is on disk."""
        if images not in self._few:
            datamodule: Any = getattr(self.run.trainer, "datamodule")  # noqa: B009
            records = protocols_of(self.run.trainer, "validate").records
            self._few[images] = datamodule.evaluation_images("validate", heldout_rows(records, images))
        batch: Batch = self.run.trainer.strategy.batch_to_device(self._few[images])
        return batch


def _centred(embeddings: Tensor, visible: list[bool]) -> Tensor:
    """Embeddings of unit length, from which the mean of their modality is subtracted."""
    rows, chosen = torch.nn.functional.normalize(embeddings), torch.tensor(visible)
    return torch.where(chosen[:, None], rows - rows[chosen].mean(0), rows - rows[~chosen].mean(0))
