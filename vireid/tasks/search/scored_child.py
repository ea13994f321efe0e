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

from vireid.losses.smooth_average_precision import soft_average_precisions
from vireid.models import Branch, NetworkOutput
from vireid.nn import frozen_statistics
from vireid.results.scoring import score as score_embeddings
from vireid.search.derivation import ChildTraining, Measured
from vireid.search.derivation.scores import On
from vireid.structures import Batch, Modality, SearchBatch
from vireid.tasks.callbacks.recalibration import training_batches, training_length, weight_rows
from vireid.tasks.callbacks.running_statistics import kept_statistics, recalibrate
from vireid.tasks.evaluation.embeddings import EmbeddingTable
from vireid.tasks.evaluation.retrieval import protocols_of
from vireid.tasks.search.child_training import kept_state, train_child
from vireid.tasks.search.run import SearchRun, weight_rows as rows_of_weights


class SupernetChild:
    """The child that the supernet runs now. Afterwards weights, statistics, modes and random state are as before.

    Args:
        run: a search with a Trainer and a vireid data module; its supernet runs the child.

    Attributes:
        steps: number of weight steps so far.
        rows: number of images run forward so far outside these steps, on this process.
    """

    def __init__(self, run: SearchRun) -> None:
        self.run = run
        self._read: tuple[int, list[Batch | SearchBatch]] = (0, [])
        self.steps, self.rows = 0, 0

    @property
    def rows_per_step(self) -> int:
        """Number of images in a weight step, on one process."""
        return len(rows_of_weights(self._batches(1)[0]))

    @cached_property
    def start(self) -> dict[str, Tensor]:
        """State of the network before the first step of the search; it is made once."""
        return self.run.initial_state()

    @contextmanager
    def trained(self, training: ChildTraining | None) -> Iterator[None]:
        """Inside, the child is trained; ``None`` for no training."""
        if training is None:
            yield
            return
        network = self.run.network
        with in_mode(network, training=False), kept_state(network):
            if training.from_start:
                network.load_state_dict(self.start)
            steps = training.steps_of(self._whole_training)
            train_child(self.run, steps)
            self.steps += steps
            yield

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
        sums = torch.zeros(2, len(self._architecture_pids), dtype=torch.float64)
        for batch, output in self._outputs(batches):
            for branch in output.branches:
                self._add(sums, batch, branch, on, temperature)
        sums = self._over_ranks(sums)
        people = (sums[0] / sums[1])[sums[1] > 0]
        return Measured(float(people.mean()), tuple(people.tolist()))

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
        """Outputs of the child in training mode on rows that are not augmented. Its running statistics stay as they are."""
        run, network = self.run, self.run.network
        devices = [run.device] if run.device.type == "cuda" else []
        with torch.no_grad(), torch.random.fork_rng(devices), in_mode(network, training=True), frozen_statistics(network):
            for pair in self._batches(batches):
                assert isinstance(pair, SearchBatch)
                run.seed_step(pair.architecture)
                batch = run.trainer.strategy.batch_to_device(replace(pair.architecture, key=()))
                with run.trainer.precision_plugin.forward_context():
                    output = self._forward(batch)
                yield batch, output

    def _forward(self, batch: Batch) -> NetworkOutput:
        self.rows += len(batch)
        return self.run.forward(batch)

    def _over_ranks(self, sums: Tensor) -> Tensor:
        if self.run.trainer.world_size == 1:
            return sums
        shared = sums.to(self.run.device)
        torch.distributed.all_reduce(shared)
        return shared.cpu()

    def _add(self, sums: Tensor, batch: Batch, branch: Branch, on: On, temperature: float) -> None:
        """Add the soft average precisions of a batch to the sums and counts of its people."""
        rows = (branch.features if on == "features" else branch.embeddings).float()
        visible, infrared = slice(None, batch.n_visible), slice(batch.n_visible, None)
        for queries, gallery in ((visible, infrared), (infrared, visible)):
            found = soft_average_precisions(rows[queries], rows[gallery], batch.pids[queries], batch.pids[gallery], temperature)
            place = torch.searchsorted(self._architecture_pids, batch.pids[queries].cpu())
            sums[0].index_add_(0, place, found.double().cpu())
            sums[1].index_add_(0, place, torch.ones_like(place, dtype=torch.float64))

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
    def _whole_training(self) -> int:
        return training_length(self.run.trainer)  # makes a loader: once, and not for every child

    @cached_property
    def _images(self) -> list[Any]:
        datamodule: Any = getattr(self.run.trainer, "datamodule")  # noqa: B009
        return list(datamodule.val_dataloader())


def _centred(embeddings: Tensor, visible: list[bool]) -> Tensor:
    """Embeddings of unit length, from which the mean of their modality is subtracted."""
    rows, chosen = torch.nn.functional.normalize(embeddings), torch.tensor(visible)
    return torch.where(chosen[:, None], rows - rows[chosen].mean(0), rows - rows[~chosen].mean(0))


@contextmanager
def in_mode(network: torch.nn.Module, training: bool) -> Iterator[None]:
    """Inside, the network is in training or evaluation mode. Afterwards every module has its earlier mode again."""
    modes = [(part, part.training) for part in network.modules()]
    network.train(training)
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode
