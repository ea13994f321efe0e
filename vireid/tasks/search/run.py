"""What the parts of a search may use of it."""

from __future__ import annotations

from typing import Protocol

import pytorch_lightning as pl
import torch
from torch import Tensor

from vireid.losses import LossSum
from vireid.models import BranchNetwork, NetworkOutput, ReIDNetwork
from vireid.search import ArchitectureParameters, SearchSpace, Supernet
from vireid.structures import Batch, SearchBatch
from vireid.tasks.optimisation.optimisers import OptimizerSettings

# What noise is for
ARCHITECTURE_STEP = 1
WEIGHT_STEP = 2
INITIAL_LOGITS = 3
DERIVATION = 4
Terms = dict[str, Tensor]


class SearchRun(Protocol):
    """A running search, as strategies, trainings of children and their scores see it."""

    space: SearchSpace
    network: ReIDNetwork | BranchNetwork
    architecture: ArchitectureParameters
    losses: LossSum
    optimizer: OptimizerSettings
    accumulate_grad_batches: int
    seed: int

    @property
    def trainer(self) -> pl.Trainer:
        """The Trainer that the search is attached to."""

    @property
    def current_epoch(self) -> int:
        """Number of the epoch, from 0."""

    @property
    def device(self) -> torch.device:
        """Where the network is."""

    @property
    def supernet(self) -> Supernet:
        """The searched trunk of ``network``."""

    def seed_step(self, batch: Batch) -> None:
        """Make what layers draw (dropout, stochastic depth) a function of seed and batch."""

    def loss(self, losses: LossSum, batch: Batch, without_classes: bool = False) -> tuple[Tensor, Terms]:
        """Total and weighted terms of ``losses`` on rows, under the mixture that is set now."""

    def architecture_loss(self, batch: Batch) -> tuple[Tensor, Terms]:
        """Loss of an architecture step without penalties, under the mixture that is set now."""

    def forward(self, batch: Batch) -> NetworkOutput:
        """Run the network under the mixture that is set now."""

    def embed(self, batch: Batch) -> Tensor:
        """``(B, D)`` embeddings of single-modality rows, under the mixture that is set now."""

    def add_gradients(self, loss: Tensor, inputs: list[torch.nn.Parameter] | None = None) -> None:
        """Add the gradient of the mean of ``loss`` over the accumulated batches; to ``inputs`` alone, if they are given."""

    def weights_optimizer(self) -> torch.optim.Optimizer:
        """The optimiser of the weights."""

    def step_weights(self) -> None:
        """One optimiser step of the weights by the gradients that were added; candidates that were not used stay as they are."""

    def step_logits(self) -> None:
        """One optimiser step of the logits by the gradient that was added, averaged over the processes."""

    def steps_now(self, batch_idx: int) -> bool:
        """Whether the optimisers step after this batch."""

    def log_means(self, values: Terms, batch: Batch) -> None:
        """Log the means over the rows of the epoch of what each batch gives, at its end."""

    def initial_state(self) -> dict[str, Tensor]:
        """State of ``network`` before the first step of the search."""


def weight_rows(batch: SearchBatch | Batch) -> Batch:
    """Rows of the weight step."""
    return batch.weights if isinstance(batch, SearchBatch) else batch


def search_split(trainer: pl.Trainer) -> str:
    """How the data divides its rows between weights and architecture; empty if it does not say."""
    return str(getattr(getattr(trainer, "datamodule", None), "search_split", ""))
