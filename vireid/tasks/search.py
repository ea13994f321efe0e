"""Architecture search: alternate architecture and weight steps over a supernet."""

from __future__ import annotations

from collections.abc import Mapping
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
from vireid.search import ArchitectureParameters, BNSeparation, GumbelHard, GumbelSoft, Relaxation, SearchSpace, Supernet, SupernetNorms
from vireid.search.derivation import Argmax, Derivation
from vireid.search.space import CostKind
from vireid.structures import Batch, Genotype, SearchBatch, generator_for
from vireid.tasks.architecture_log import log_architecture, stage_counts
from vireid.tasks.architecture_picture import draw_architecture
from vireid.tasks.base import EvaluatedFeature, ReIDModule, seeded
from vireid.tasks.derivation import SupernetScore, run_derivation
from vireid.tasks.optimisers import Adam, OptimizerSettings
from vireid.tasks.recipes import cm_nas_losses
from vireid.tasks.reranking import Reranking
from vireid.tasks.schedules import Schedule, WarmupMultiStep, geometric, second_half_ramp, stepped
from vireid.tasks.search_checks import NEEDS_BOTH, check_costs, check_learns, check_one_level, check_run
from vireid.tasks.stability import StableRanking

ARCHITECTURE_STEP, WEIGHT_STEP, INITIAL_LOGITS, DERIVATION = 1, 2, 3, 4


class SearchModule(ReIDModule):
    """Search of a :class:`~vireid.search.SearchSpace` by gradient descent, on two levels or one.

    On two levels every batch carries two sets of rows. After the warm-up, an *architecture step* on the held-out rows moves the
    logits (weights fixed, running statistics untouched); then a *weight step* on the other rows moves the weights under a fresh
    sample of the architecture. On one level, weights and logits step together on the same rows by one backward pass of the whole
    loss; plain batches do, and of batches for two levels the rows of the weight step are taken. Noise is a function of seed,
    epoch and batch alone, the same on every rank.

    A relaxation that does not learn (:class:`~vireid.search.RandomOneHot`) has no architecture step and needs no rows for it.

    The search procedure of CM-NAS was never published; this one is designed by this project. What the paper fixes is the space,
    the losses and the optimiser of the weights.

    OSNet-AIN's search is ``level: one`` with :class:`~vireid.search.RectifiedGumbel`, ``SGD(0.1, 0.9, False, 5e-4)`` as both
    optimisers, a cosine as both schedules, no warm-up, and a temperature from 10 to 1, halved every 20 epochs.

    After the last epoch ``derivation`` chooses the genotype, before the last checkpoint is written: a run that is killed meanwhile goes
    on from the checkpoint before, and derives again. All ranks derive, from the same seed and the scores of rank 0.

    ``genotype.json`` is written into the run directory after every epoch; ``architecture.csv`` (probabilities, entropy and margin of
    every site) and ``architecture_summary.csv`` (their means, cost, counts per stage) after every epoch with architecture steps; and
    ``architecture.png`` at the end, where matplotlib is installed (extra ``plots``).

    Args:
        num_classes: identities with a classifier row; linked from the data on the command line.
        space: what to search; default CM-NAS on ResNet-50.
        weights: torchvision weight name such as ``IMAGENET1K_V1``, or null for random initial weights.
        losses: terms of the weight step. Default: cross-entropy + four-way triplet + 5 similarity preserving + 0.05 class-wise MMD.
        architecture_losses: terms of the architecture step of two levels. Default: ``losses`` without those that need classes when the
            identities of its rows are unseen.
        level: ``two``: weights and logits alternate on different rows; ``one``: they step together.
        optimizer: optimiser of the weights.
        schedule: learning-rate factor of the weights per epoch.
        trunk_lr_factor: learning rate of the trunk over that of neck and classifier.
        architecture_optimizer: optimiser of the logits; weight decay would pull them back to "no preference".
        architecture_schedule: learning-rate factor of the logits per epoch; default constant.
        weight_relaxation: how logits become weights in the weight step of two levels. Default: hard Gumbel samples, which keep the
            statistics of each candidate meaningful; the ``architecture_relaxation`` if that does not learn.
        architecture_relaxation: the same for the architecture step, and for the one step of ``level: one``. It also says where logits
            start and what probabilities they mean.
        warmup_epochs: epochs in which logits rest.
        temperature_start: temperature up to the first architecture epoch.
        temperature_end: the lowest temperature, that of the last epoch if ``temperature_every`` is null.
        temperature_every: architecture epochs after which the temperature falls by ``temperature_factor``; null for a geometric run
            from start to end.
        temperature_factor: see there, in (0, 1].
        entropy_weight: weight of the mean entropy of the probabilities, ramped up from 0 in the second half of the search.
        cost: what the penalty counts: ``modality_specific_sites`` (what needs to know the modality in deployment), ``parameters``
            or ``latency`` (work that is left at inference).
        cost_weight: weight of the mean over sites of the expected cost, relative to the dearest candidate of the space; 0 for none.
        stop_when_stable: end the search when the order of the candidates has stayed the same everywhere for so many architecture
            epochs; null to run on to ``trainer.max_epochs``.
        gradient_clip_val: clip the norm of the weights' gradient, after unscaling; null for none.
        accumulate_grad_batches: batches per optimiser step, of both kinds; the weights see one sample of the architecture in them.
        derivation: how the genotype is chosen after the last epoch; default the largest logits. With one that does not use the logits
            (``RandomSearch``, ``Evolution``), ``warmup_epochs`` may be the whole search. With ``RandomOneHot`` as the relaxation these
            two are single-path one-shot search, the baseline without architecture steps.
        derivation_score: how a derivation scores children; default mAP on held-out identities.
        supernet_norms: how the candidates of a normalisation live together; default each with weight and bias of its own.
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
        architecture_losses: list[Loss] | None = None,
        level: Literal["one", "two"] = "two",
        optimizer: OptimizerSettings | None = None,
        schedule: Schedule | None = None,
        trunk_lr_factor: float = 0.1,
        architecture_optimizer: OptimizerSettings | None = None,
        architecture_schedule: Schedule | None = None,
        weight_relaxation: Relaxation | None = None,
        architecture_relaxation: Relaxation | None = None,
        warmup_epochs: int = 10,
        temperature_start: float = 5.0,
        temperature_end: float = 0.5,
        temperature_every: int | None = None,
        temperature_factor: float = 0.5,
        entropy_weight: float = 0.0,
        cost: CostKind = "modality_specific_sites",
        cost_weight: float = 0.0,
        stop_when_stable: int | None = None,
        gradient_clip_val: float | None = None,
        accumulate_grad_batches: int = 1,
        derivation: Derivation | None = None,
        derivation_score: SupernetScore | None = None,
        supernet_norms: SupernetNorms | None = None,
        evaluate_on: EvaluatedFeature = "embeddings",
        flip_test: bool = False,
        reranking: Reranking | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.space = space or BNSeparation()
        self.losses = LossSum(losses or cm_nas_losses())
        self.architecture_losses = None if architecture_losses is None else LossSum(architecture_losses)
        self.level: Literal["one", "two"] = level
        self.optimizer, self.schedule = optimizer or Adam(), schedule or WarmupMultiStep((30, 45), 0.1, 5, 0.01)
        self.architecture_optimizer = architecture_optimizer or Adam(lr=6e-3, weight_decay=0.0)
        self.architecture_schedule = architecture_schedule
        self._schedule_given = schedule is not None
        self.architecture_relaxation = architecture_relaxation or GumbelSoft()
        self.weight_relaxation = weight_relaxation or (
            GumbelHard() if self.architecture_relaxation.learns else self.architecture_relaxation
        )
        self.trunk_lr_factor, self.warmup_epochs = trunk_lr_factor, warmup_epochs
        self.temperature_start, self.temperature_end = temperature_start, temperature_end
        self.temperature_every, self.temperature_factor = temperature_every, temperature_factor
        self.entropy_weight, self.cost_weight, self.stop_when_stable = entropy_weight, cost_weight, stop_when_stable
        self.gradient_clip_val, self.accumulate_grad_batches = gradient_clip_val, accumulate_grad_batches
        self.evaluate_on, self.seed = evaluate_on, seed
        self.flip_test, self.reranking = flip_test, reranking
        self.derivation, self.derivation_score = derivation or Argmax(), derivation_score or SupernetScore()
        self.derived: Genotype | None = None
        self._check_numbers()
        if level == "one":
            check_one_level(weight_relaxation, architecture_losses)
        acting = {"entropy_weight": entropy_weight, "cost_weight": cost_weight, "stop_when_stable": stop_when_stable}
        check_learns(self.architecture_relaxation, **acting, architecture_losses=architecture_losses)
        with seeded(seed):
            self.network = ReIDNetwork(self.space.supernet(weights, supernet_norms), num_classes)
        noise = generator_for((seed, 0, 0, INITIAL_LOGITS))
        self.architecture = ArchitectureParameters(self.space.sites(), self.architecture_relaxation, noise)
        if cost_weight:
            self.register_buffer("costs", self.space.cost_table(cost), persistent=False)
            check_costs(self.costs, self.architecture, cost)
        self.stability = StableRanking()
        self._ddp_params_and_buffers_to_ignore = ["architecture.logits"]  # reduced by hand, in the architecture step only

    def _check_numbers(self) -> None:
        if min(self.temperature_start, self.temperature_end) <= 0:
            raise SettingsError(f"Temperatures must be positive, got {self.temperature_start} and {self.temperature_end}.")
        for name in ("accumulate_grad_batches", "temperature_every", "stop_when_stable"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise SettingsError(f"`{name}` must be at least 1, got {value}.")
        if not 0 < self.temperature_factor <= 1:
            raise SettingsError(f"`temperature_factor` must be above 0 and at most 1, got {self.temperature_factor}.")

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
        schedules = [(weights, self.schedule), (logits, self.architecture_schedule)]
        bound = [(optimizer, schedule.over(self.trainer.max_epochs or 0)) for optimizer, schedule in schedules if schedule is not None]
        factors = [(optimizer, lambda epoch, schedule=schedule: schedule(epoch)) for optimizer, schedule in bound]
        return [weights, logits], [torch.optim.lr_scheduler.LambdaLR(optimizer, factor) for optimizer, factor in factors]

    def given_schedules(self) -> dict[str, Schedule]:
        """Schedules that were asked for, by argument; the default may be cut short."""
        named = {"schedule": self.schedule if self._schedule_given else None, "architecture_schedule": self.architecture_schedule}
        return {name: schedule for name, schedule in named.items() if schedule is not None}

    def _clip(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        assert self.gradient_clip_val is not None
        nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], self.gradient_clip_val)

    def on_fit_start(self) -> None:
        check_run(self)
        if self.derivation.evaluations(self.space.sites()):
            self.derivation_score.check(getattr(self.trainer, "datamodule", None))
        if self._is_stable():  # a resumed run that had ended
            self.trainer.should_stop = True

    # --- the steps ------------------------------------------------------------------------------------------------------------------

    @property
    def architecture_epochs(self) -> int:
        """Epochs with architecture steps."""
        return int(self.trainer.max_epochs or 0) - self.warmup_epochs

    @property
    def temperature(self) -> float:
        """Temperature of this epoch."""
        step = self.current_epoch - self.warmup_epochs
        if self.temperature_every is not None:
            return stepped(self.temperature_start, self.temperature_end, step, self.temperature_every, self.temperature_factor)
        return geometric(self.temperature_start, self.temperature_end, step, self.architecture_epochs)

    @property
    def needs_both(self) -> bool:
        """Whether batches must carry rows of the architecture step."""
        return self.level == "two" and self.architecture_relaxation.learns

    @property
    def logits_move(self) -> bool:
        """Whether this epoch has architecture steps."""
        return self.architecture_relaxation.learns and self.current_epoch >= self.warmup_epochs

    def training_step(self, batch: SearchBatch | Batch, batch_idx: int) -> None:
        rows = batch.weights if isinstance(batch, SearchBatch) else batch
        if self.level == "one":
            self._joint_step(rows, batch_idx)
            return
        if self.needs_both and not isinstance(batch, SearchBatch):
            raise SettingsError(NEEDS_BOTH)
        if self.logits_move and isinstance(batch, SearchBatch):
            self._architecture_step(batch.architecture, batch_idx)
        self._weight_step(rows, batch_idx)

    def _sampled(self, relaxation: Relaxation, logits: Tensor, purpose: int, batch_idx: int) -> Tensor:
        window = batch_idx // self.accumulate_grad_batches  # one sample per optimiser step
        noise = generator_for((self.seed, self.current_epoch, window, purpose))
        return self.architecture.expand(relaxation(logits, self.temperature, noise))

    def _architecture_step(self, batch: Batch, batch_idx: int) -> None:
        mixture = self._sampled(self.architecture_relaxation, self.architecture.masked(), ARCHITECTURE_STEP, batch_idx)
        self.supernet.set_mixture(mixture)
        with frozen_statistics(self.network):
            loss, terms = self.architecture_loss(batch)
            loss = loss + self._regularisation()
            self.manual_backward(loss / self.accumulate_grad_batches, inputs=[self.architecture.logits])
        self._log_means({"search/architecture_loss": loss.detach(), **{f"search/{n}": v for n, v in terms.items()}}, batch)
        if self._steps_now(batch_idx):
            self._step_logits()

    def architecture_loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss of architecture rows under the present mixture, without regularisation, and its weighted terms by name."""
        inputs = self.loss_inputs(self(batch), batch)
        if self.architecture_losses is not None:
            return self.architecture_losses(inputs)  # type: ignore[no-any-return]  # nn.Module.__call__ is untyped
        return self.losses(inputs, without_classes=not self._architecture_rows_have_classes())  # type: ignore[no-any-return]

    def _weight_step(self, batch: Batch, batch_idx: int) -> None:
        if batch_idx % self.accumulate_grad_batches == 0:  # one sample per optimiser step, whatever the logits do within it
            self._sample = self._sampled(self.weight_relaxation, self.architecture.masked().detach(), WEIGHT_STEP, batch_idx)
        self.supernet.set_mixture(self._sample)
        self._backward_weights(batch, torch.zeros((), device=self.device))
        if self._steps_now(batch_idx):
            self._step_weights()

    def _joint_step(self, batch: Batch, batch_idx: int) -> None:
        logits = self.architecture.masked() if self.logits_move else self.architecture.masked().detach()
        self.supernet.set_mixture(self._sampled(self.architecture_relaxation, logits, WEIGHT_STEP, batch_idx))
        penalty = self._regularisation() if self.logits_move else torch.zeros((), device=self.device)
        loss = self._backward_weights(batch, penalty)
        if self.logits_move:
            self._log_means({"search/architecture_loss": loss + penalty.detach()}, batch)
        if self._steps_now(batch_idx):
            if self.logits_move:
                self._step_logits()
            self._step_weights()

    def _backward_weights(self, batch: Batch, penalty: Tensor) -> Tensor:
        """Gradients of the whole loss plus ``penalty``; returns the loss."""
        loss: Tensor
        loss, terms = self.losses(self.loss_inputs(self(batch), batch))
        total = loss + penalty
        if self.trainer.world_size > 1:  # every rank skips the same candidates, but DDP waits for a gradient of each parameter
            skipped = self.supernet.skipped_parameters()
            total = total + sum((0.0 * parameter.sum() for parameter in skipped), torch.zeros((), device=loss.device))
        self.manual_backward(total / self.accumulate_grad_batches)
        self.log("train/loss", loss.detach(), prog_bar=True, on_step=False, on_epoch=True, batch_size=len(batch))
        self._log_means({f"train/{n}": v for n, v in terms.items()}, batch)
        return loss.detach()

    def _log_means(self, values: dict[str, Tensor], batch: Batch) -> None:
        self.log_dict(values, on_step=False, on_epoch=True, batch_size=len(batch))

    def _step_weights(self) -> None:
        for parameter in self.supernet.skipped_parameters():
            parameter.grad = None  # no decay and no momentum for what was not used
        self._optimiser_step(0)

    def _step_logits(self) -> None:
        gradient = self.architecture.logits.grad
        if self.trainer.world_size > 1 and gradient is not None:
            torch.distributed.all_reduce(gradient)
            gradient.div_(self.trainer.world_size)
        self._optimiser_step(1)

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
        """What ``derivation`` chose after the last epoch; until then the largest logits, ties to the first candidate. With provenance."""
        return self.derived or self._described(self.architecture.choices(), {"settings": Argmax().settings()})

    def _described(self, choices: Mapping[str, str], about: dict[str, Any]) -> Genotype:
        datamodule: Any = getattr(self.trainer, "datamodule", None) if self._trainer is not None else None
        provenance = {
            "vireid": vireid.__version__,
            "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "data": datamodule.provenance() if hasattr(datamodule, "provenance") else {},
            "seed": self.seed,
            "epoch": self.current_epoch + 1 if self._trainer is not None else 0,
            "probabilities": self.architecture.table(),
            "entropy": self.architecture.entropy().mean().item(),
            "derivation": about,
            "parent": None,
        }
        genotype = self.space.genotype(choices)
        return Genotype(genotype.space, genotype.choices, {**provenance, "cost": self.space.cost(genotype)})

    def on_train_epoch_end(self) -> None:
        schedulers = self.lr_schedulers()
        for scheduler in schedulers if isinstance(schedulers, list) else [schedulers]:
            assert scheduler is not None
            scheduler.step()
        if self.stop_when_stable is not None and self.logits_move:
            self.stability.update(self.architecture.ranking())
            self.trainer.should_stop = self.trainer.should_stop or self._is_stable()  # ranks have the same logits
        self._log_architecture()
        if self._derives_now():
            noise = generator_for((self.seed, self.current_epoch, 0, DERIVATION))
            result, about = run_derivation(self, self.derivation, self.derivation_score, noise)
            self.derived = self._described(result.genotype.choices, about)
        folder = self.results_folder()
        if self.trainer.is_global_zero:
            genotype = self.derive()
            if self.current_epoch >= self.warmup_epochs:
                log_architecture(folder, self.current_epoch, self.architecture, self.temperature, self.space.cost(genotype))
            genotype.save(folder / "genotype.json")

    def on_train_epoch_start(self) -> None:
        self.derived = None  # of a run that now goes on

    def _derives_now(self) -> bool:
        """Whether the last epoch of a real run ends, and there is more to do than to look at the logits."""
        trainer = self.trainer
        if isinstance(self.derivation, Argmax) or getattr(trainer, "fast_dev_run", False):
            return False
        steps_are_over = 0 < trainer.max_steps <= trainer.global_step
        return trainer.should_stop or steps_are_over or self.current_epoch + 1 >= (trainer.max_epochs or 0)

    def on_train_end(self) -> None:
        folder = self.results_folder()
        if self.trainer.is_global_zero:
            draw_architecture(folder)

    def _is_stable(self) -> bool:
        return self.stop_when_stable is not None and self.stability.unchanged >= self.stop_when_stable

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        checkpoint["stability"] = self.stability.state_dict()
        checkpoint["derived"] = None if self.derived is None else self.derived.to_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if "stability" in checkpoint:
            self.stability.load_state_dict(checkpoint["stability"])
        derived = checkpoint.get("derived")
        self.derived = None if derived is None else Genotype.from_dict(derived, source="the genotype of the checkpoint")

    def _log_architecture(self) -> None:
        architecture = self.architecture
        self.log("search/entropy", architecture.entropy().mean(), prog_bar=True)
        self.log("search/margin", architecture.margin().mean())
        self.log("search/temperature", self.temperature)
        probabilities = architecture.probabilities()
        for row, site in zip(probabilities, architecture.sites, strict=True):
            self.log_dict({f"probability/{site.name}/{candidate}": row[k] for k, candidate in enumerate(site.candidates) if k})
        for (stage, candidate), count in stage_counts(architecture).items():
            self.log(f"count/{stage}/{candidate}", float(count))

    # --- evaluation -----------------------------------------------------------------------------------------------------------------

    def _start_evaluation(self, stage: Literal["validate", "test"]) -> None:
        self.supernet.set_genotype(self.derived or self.space.genotype(self.architecture.choices()))
        super()._start_evaluation(stage)

    def remark(self, stage: Literal["validate", "test"]) -> str:  # noqa: ARG002 (a hook)
        return "derived child with inherited weights, not retrained"
