"""Architecture search: alternate architecture and weight steps over a supernet."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timezone
from typing import Any, Literal

import torch
from pytorch_lightning import Callback
from torch import Tensor, nn

import vireid
from vireid.errors import SettingsError
from vireid.losses import Loss, LossSum
from vireid.models import ReIDNetwork
from vireid.nn import frozen_statistics
from vireid.search import ArchitectureParameters, BNSeparation, GumbelHard, GumbelSoft, Relaxation, SearchSpace, Supernet
from vireid.structures import Batch, Genotype, SearchBatch, generator_for
from vireid.tasks.base import EvaluatedFeature, ReIDModule, seeded
from vireid.tasks.optimisers import Adam, OptimizerSettings
from vireid.tasks.recipes import cm_nas_losses
from vireid.tasks.reranking import Reranking
from vireid.tasks.schedules import Schedule, WarmupMultiStep, geometric, second_half_ramp

ARCHITECTURE_STEP, WEIGHT_STEP = 1, 2
NEEDS_BOTH = "A search needs rows for both steps: set `data.init_args.search_split` to `identity` or `image`."


class SearchModule(ReIDModule):
    """Search of a :class:`~vireid.search.SearchSpace` by first-order alternation.

    Every batch carries two sets of rows. After the warm-up, an *architecture step* on the held-out rows moves the logits (weights
    fixed, running statistics untouched); then a *weight step* on the other rows moves the weights under a fresh sample of the
    architecture. Noise is a function of seed, epoch and batch alone, the same on every rank.

    The search procedure of CM-NAS was never published; this one is designed by this project. What the paper fixes is the space,
    the losses and the optimiser of the weights.

    ``genotype.json`` is written into the run directory after every epoch.

    Args:
        num_classes: identities with a classifier row; linked from the data on the command line.
        space: what to search; default CM-NAS on ResNet-50.
        weights: torchvision weight name such as ``IMAGENET1K_V1``, or null for random initial weights.
        losses: terms of the weight step; the architecture step drops those that need classes when its identities are unseen. Default:
            cross-entropy + four-way triplet + 5 similarity preserving + 0.05 class-wise MMD.
        optimizer: optimiser of the weights.
        schedule: learning-rate factor of the weights per epoch.
        trunk_lr_factor: learning rate of the trunk over that of neck and classifier.
        architecture_optimizer: optimiser of the logits; weight decay would pull them back to "no preference".
        weight_relaxation: how logits become weights in the weight step. Hard samples keep the statistics of each candidate meaningful.
        architecture_relaxation: the same for the architecture step.
        warmup_epochs: epochs without architecture steps.
        temperature_start: temperature up to the first architecture epoch.
        temperature_end: temperature in the last epoch, reached geometrically.
        entropy_weight: weight of the mean entropy of the probabilities, ramped up from 0 in the second half of the search.
        cost_weight: weight of the mean probability of modality-specific candidates: a price for what costs memory in deployment.
        gradient_clip_val: clip the norm of the weights' gradient, after unscaling; null for none.
        accumulate_grad_batches: batches per optimiser step, of both kinds; the weights see one sample of the architecture in them.
        evaluate_on: what validation compares.
        flip_test: ``test`` and ``validate`` also report, in rows of their own, the mean of the unit embeddings of image and mirror image.
        reranking: they also report re-ranked rows; null for none.
        seed: of initial weights and architecture noise.
    """

    phase = "supernet"
    costs: Tensor

    def __init__(
        self,
        num_classes: int,
        space: SearchSpace | None = None,
        weights: str | None = "IMAGENET1K_V1",
        losses: list[Loss] | None = None,
        optimizer: OptimizerSettings | None = None,
        schedule: Schedule | None = None,
        trunk_lr_factor: float = 0.1,
        architecture_optimizer: OptimizerSettings | None = None,
        weight_relaxation: Relaxation | None = None,
        architecture_relaxation: Relaxation | None = None,
        warmup_epochs: int = 10,
        temperature_start: float = 5.0,
        temperature_end: float = 0.5,
        entropy_weight: float = 0.0,
        cost_weight: float = 0.0,
        gradient_clip_val: float | None = None,
        accumulate_grad_batches: int = 1,
        evaluate_on: EvaluatedFeature = "embeddings",
        flip_test: bool = False,
        reranking: Reranking | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.space = space or BNSeparation()
        self.losses = LossSum(losses or cm_nas_losses())
        self.optimizer, self.schedule = optimizer or Adam(), schedule or WarmupMultiStep((30, 45), 0.1, 5, 0.01)
        self.architecture_optimizer = architecture_optimizer or Adam(lr=6e-3, weight_decay=0.0)
        self.weight_relaxation = weight_relaxation or GumbelHard()
        self.architecture_relaxation = architecture_relaxation or GumbelSoft()
        self.trunk_lr_factor, self.warmup_epochs = trunk_lr_factor, warmup_epochs
        self.temperature_start, self.temperature_end = temperature_start, temperature_end
        self.entropy_weight, self.cost_weight = entropy_weight, cost_weight
        self.gradient_clip_val, self.accumulate_grad_batches = gradient_clip_val, accumulate_grad_batches
        self.evaluate_on, self.seed = evaluate_on, seed
        self.flip_test, self.reranking = flip_test, reranking
        if min(temperature_start, temperature_end) <= 0:
            raise SettingsError(f"Temperatures must be positive, got {temperature_start} and {temperature_end}.")
        if accumulate_grad_batches < 1:
            raise SettingsError(f"`accumulate_grad_batches` must be at least 1, got {accumulate_grad_batches}.")
        with seeded(seed):
            self.network = ReIDNetwork(self.space.supernet(weights), num_classes)
        space_sites = self.space.sites()
        self.architecture = ArchitectureParameters(space_sites)
        width = self.architecture.logits.shape[1]
        specific = [["separate" in name for name in site.candidates] + [False] * (width - len(site.candidates)) for site in space_sites]
        self.register_buffer("costs", torch.tensor(specific).float(), persistent=False)
        self._ddp_params_and_buffers_to_ignore = ["architecture.logits"]  # reduced by hand, in the architecture step only

    # --- set-up ---------------------------------------------------------------------------------------------------------------------

    @property
    def supernet(self) -> Supernet:
        """The searched trunk."""
        supernet = self.network.backbone
        assert isinstance(supernet, Supernet)
        return supernet

    def configure_callbacks(self) -> list[Callback]:
        """No callbacks; the first hook at which the Trainer's arguments can be refused with a message of ours."""
        if self.trainer.gradient_clip_val or self.trainer.accumulate_grad_batches != 1:
            raise SettingsError(
                "A search has two optimisers, so the Trainer's `gradient_clip_val` and `accumulate_grad_batches` do not apply. "
                "Set `model.init_args.gradient_clip_val` and `model.init_args.accumulate_grad_batches` instead."
            )
        return []

    def configure_optimizers(self) -> Any:
        weights = self.optimizer.build(self.parameter_groups(self.optimizer, self.trunk_lr_factor))
        logits = self.architecture_optimizer.build([{"params": [self.architecture.logits], "lr": self.architecture_optimizer.lr}])
        if self.gradient_clip_val is not None:
            weights.register_step_pre_hook(self._clip)  # runs after gradients were unscaled, at any precision
        return [weights, logits], [torch.optim.lr_scheduler.LambdaLR(weights, lambda epoch: self.schedule(epoch))]

    def _clip(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        assert self.gradient_clip_val is not None
        nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], self.gradient_clip_val)

    def on_fit_start(self) -> None:
        if getattr(getattr(self.trainer, "datamodule", None), "search_split", "") == "none":
            raise SettingsError(NEEDS_BOTH)
        if (self.trainer.max_epochs or 0) <= self.warmup_epochs:
            raise SettingsError(
                f"`trainer.max_epochs` is {self.trainer.max_epochs}, which leaves no architecture step after "
                f"{self.warmup_epochs} epochs of warm-up. Raise it, or lower `model.init_args.warmup_epochs`."
            )
        if self.trainer.precision == "16-mixed" and self.accumulate_grad_batches > 1:
            raise SettingsError(
                "`accumulate_grad_batches` above 1 and `16-mixed` do not go together in a search: its two optimisers share one loss scale, "
                "which may change between the batches that are added up. Use `bf16-mixed`, or accumulate nothing."
            )

    # --- the two steps --------------------------------------------------------------------------------------------------------------

    @property
    def architecture_epochs(self) -> int:
        """Epochs with architecture steps."""
        return int(self.trainer.max_epochs or 0) - self.warmup_epochs

    @property
    def temperature(self) -> float:
        """Temperature of this epoch."""
        step = self.current_epoch - self.warmup_epochs
        return geometric(self.temperature_start, self.temperature_end, step, self.architecture_epochs)

    def training_step(self, batch: SearchBatch, batch_idx: int) -> None:
        if not isinstance(batch, SearchBatch):
            raise SettingsError(NEEDS_BOTH)
        if self.current_epoch >= self.warmup_epochs:
            self._architecture_step(batch.architecture, batch_idx)
        self._weight_step(batch.weights, batch_idx)

    def _noise(self, purpose: int, batch_idx: int) -> torch.Generator:
        window = batch_idx // self.accumulate_grad_batches  # one sample per optimiser step
        return generator_for((self.seed, self.current_epoch, window, purpose))

    def _architecture_step(self, batch: Batch, batch_idx: int) -> None:
        logits = self.architecture.logits
        noise = self._noise(ARCHITECTURE_STEP, batch_idx)
        self.supernet.set_mixture(self.architecture_relaxation(logits, self.temperature, noise))
        with frozen_statistics(self.network):
            output = self(batch)
            loss, terms = self.losses(self.loss_inputs(output, batch), without_classes=not self._architecture_rows_have_classes())
            loss = loss + self._regularisation()
            self.manual_backward(loss / self.accumulate_grad_batches, inputs=[logits])
        self.log("search/architecture_loss", loss.detach(), on_epoch=True, on_step=False, batch_size=len(batch))
        self.log_dict({f"search/{n}": v for n, v in terms.items()}, on_epoch=True, on_step=False, batch_size=len(batch))
        if self._steps_now(batch_idx):
            if self.trainer.world_size > 1 and logits.grad is not None:
                torch.distributed.all_reduce(logits.grad)
                logits.grad.div_(self.trainer.world_size)
            self._optimiser_step(1)

    def _weight_step(self, batch: Batch, batch_idx: int) -> None:
        if batch_idx % self.accumulate_grad_batches == 0:  # one sample per optimiser step, whatever the logits do within it
            noise = self._noise(WEIGHT_STEP, batch_idx)
            self._sample = self.weight_relaxation(self.architecture.logits.detach(), self.temperature, noise)
        self.supernet.set_mixture(self._sample)
        output = self(batch)
        loss, terms = self.losses(self.loss_inputs(output, batch))
        skipped = self.supernet.skipped_parameters()
        if self.trainer.world_size > 1:  # every rank skips the same candidates, but DDP waits for a gradient of each parameter
            loss = loss + sum((0.0 * parameter.sum() for parameter in skipped), torch.zeros((), device=loss.device))
        self.manual_backward(loss / self.accumulate_grad_batches)
        self.log("train/loss", loss.detach(), prog_bar=True, on_step=False, on_epoch=True, batch_size=len(batch))
        self.log_dict({f"train/{n}": v for n, v in terms.items()}, on_step=False, on_epoch=True, batch_size=len(batch))
        if self._steps_now(batch_idx):
            for parameter in skipped:
                parameter.grad = None  # no decay and no momentum for what was not used
            self._optimiser_step(0)

    def _steps_now(self, batch_idx: int) -> bool:
        is_last = batch_idx + 1 >= self.trainer.num_training_batches
        return is_last or (batch_idx + 1) % self.accumulate_grad_batches == 0

    def _optimiser_step(self, index: int) -> None:
        optimizers = self.optimizers()
        assert isinstance(optimizers, list)
        optimizers[index].step()
        optimizers[index].zero_grad(set_to_none=True)

    def _architecture_rows_have_classes(self) -> bool:
        return getattr(getattr(self.trainer, "datamodule", None), "search_split", "identity") == "image"

    def _regularisation(self) -> Tensor:
        penalty = torch.zeros((), device=self.device)
        if self.entropy_weight:
            ramp = second_half_ramp(self.current_epoch - self.warmup_epochs, self.architecture_epochs)
            penalty = penalty + self.entropy_weight * ramp * self.architecture.entropy().mean()
        if self.cost_weight:
            penalty = penalty + self.cost_weight * (self.architecture.probabilities() * self.costs).sum(dim=-1).mean()
        return penalty

    # --- derivation and logs ----------------------------------------------------------------------------------------------------------

    def derive(self) -> Genotype:
        """The genotype of the largest logits, ties to the first candidate, with its provenance."""
        choices = self.architecture.choices()
        datamodule: Any = getattr(self.trainer, "datamodule", None) if self._trainer is not None else None
        provenance = {
            "vireid": vireid.__version__,
            "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "data": datamodule.provenance() if hasattr(datamodule, "provenance") else {},
            "seed": self.seed,
            "epoch": self.current_epoch + 1 if self._trainer is not None else 0,
            "probabilities": self.architecture.table(),
            "entropy": self.architecture.entropy().mean().item(),
            "parent": None,
        }
        genotype = self.space.genotype(choices)
        return Genotype(genotype.space, choices, {**provenance, "cost": self.space.cost(genotype)})

    def on_train_epoch_end(self) -> None:
        scheduler = self.lr_schedulers()
        assert scheduler is not None
        assert not isinstance(scheduler, list)
        scheduler.step()
        self._log_architecture()
        path = self.results_folder() / "genotype.json"
        if self.trainer.is_global_zero:
            self.derive().save(path)

    def _log_architecture(self) -> None:
        architecture = self.architecture
        self.log("search/entropy", architecture.entropy().mean(), prog_bar=True)
        self.log("search/margin", architecture.margin().mean())
        self.log("search/temperature", self.temperature)
        probabilities = architecture.probabilities()
        for row, site in zip(probabilities, architecture.sites, strict=True):
            self.log_dict({f"probability/{site.name}/{candidate}": row[k] for k, candidate in enumerate(site.candidates) if k})
        choices = architecture.choices()
        counts = Counter((site.stage, choices[site.name]) for site in architecture.sites)
        for stage in dict.fromkeys(site.stage for site in architecture.sites):
            for candidate in dict.fromkeys(name for site in architecture.sites for name in site.candidates):
                self.log(f"count/{f'layer{stage}' if stage else 'stem'}/{candidate}", float(counts[stage, candidate]))

    # --- evaluation -----------------------------------------------------------------------------------------------------------------

    def _start_evaluation(self, stage: Literal["validate", "test"]) -> None:
        self.supernet.set_genotype(self.space.genotype(self.architecture.choices()))
        super()._start_evaluation(stage)

    def remark(self, stage: Literal["validate", "test"]) -> str:  # noqa: ARG002 (a hook)
        return "derived child with inherited weights, not retrained"
