"""Architecture search: alternate architecture and weight steps over a supernet."""

from __future__ import annotations

from typing import Any, Literal

from pytorch_lightning import Callback

from vireid.errors import SettingsError
from vireid.losses import Loss, LossSum
from vireid.models import BNNeckHead, Head
from vireid.search import ArchitectureParameters, BNSeparation, GumbelHard, GumbelSoft, Relaxation, SearchSpace, SupernetNorms
from vireid.search.derivation import Argmax, Derivation
from vireid.search.space import CostKind
from vireid.structures import Genotype, generator_for
from vireid.tasks.base import seeded
from vireid.tasks.callbacks.stop_when_stable import StableRanking
from vireid.tasks.evaluation.retrieval import Retrieval
from vireid.tasks.optimisation.optimisers import Adam, OptimizerSettings
from vireid.tasks.recipes import cm_nas_losses, cm_nas_search_optimizer
from vireid.tasks.search.checks import (
    check_costs,
    check_learns,
    check_one_level,
    check_run,
    check_unrolled_settings,
    check_weight_relaxation,
)
from vireid.tasks.search.child_score import SupernetScore
from vireid.tasks.search.outcome import SearchOutcome
from vireid.tasks.search.strategies import INITIAL_LOGITS


class SearchModule(SearchOutcome):
    """Search of a :class:`~vireid.search.SearchSpace` by gradient descent, on two levels or one.

    On two levels every batch carries two sets of rows. After the warm-up, an *architecture step* on the held-out rows moves the
    logits (weights fixed, running statistics untouched); then a *weight step* on the other rows moves the weights under a fresh
    sample of the architecture. On one level, weights and logits step together on the same rows by one backward pass of the whole
    loss; plain batches do, and of batches for two levels the rows of the weight step are taken. Noise is a function of seed,
    epoch and batch alone, the same on every rank.

    A relaxation that does not learn (:class:`~vireid.search.RandomOneHot`) has no architecture step and needs no rows for it.

    The search procedure of CM-NAS was never published; this one is designed by this project. What the paper fixes is the space,
    the losses and the optimiser of the weights.

    OSNet-AIN's search is ``level: one`` with :class:`~vireid.search.RectifiedGumbel`, ``SGD(0.1, 0.9, False, 5e-4)`` by a cosine as both
    optimisers, no warm-up, and a temperature from 10 to 1, halved every 20 epochs.

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
        optimizer: optimiser of the weights, with its learning rates, schedule and clipping. Default: CM-NAS's Adam at 0.01, the trunk at
            a tenth of it, by its schedule compressed: a warm-up of 5 epochs, a tenth at epochs 30 and 45. A schedule that is longer than
            the run is refused, except for this one.
        architecture_optimizer: the same of the logits; weight decay would pull them back to "no preference". Default: Adam at 0.006
            without weight decay, at the same rate in all epochs.
        weight_relaxation: how logits become weights in the weight step of two levels. Default: hard Gumbel samples, which keep the
            statistics of each candidate meaningful; the ``architecture_relaxation`` if that does not learn.
        architecture_relaxation: the same for the architecture step, and for the one step of ``level: one``. It also says where logits
            start and what probabilities they mean.
        warmup_epochs: epochs in which logits rest.
        temperature_start: temperature up to the first architecture epoch.
        temperature_end: the lowest temperature, that of the last epoch if ``temperature_every`` is null.
        temperature_every: architecture epochs after which the temperature falls by ``temperature_factor``; null for a run from start
            to end by ``temperature_decay``.
        temperature_factor: see there, in (0, 1].
        temperature_decay: ``geometric``, by the same factor in every epoch, or ``linear``, by the same difference, as GDAS.
        entropy_weight: weight of the mean entropy of the probabilities, ramped up from 0 in the second half of the search.
        cost: what the penalty counts: ``modality_specific_sites`` (what needs to know the modality in deployment), ``unfoldable_sites``
            (what still normalises at inference), ``parameters`` or ``latency`` (work that is left at inference; it holds back the large
            early maps and hardly any of the small late ones).
        cost_weight: weight of the mean over sites of the expected cost, relative to the dearest candidate of the space; 0 for none.
        stop_when_stable: end the search when the order of the candidates has stayed the same everywhere for so many architecture
            epochs; null to run on to ``trainer.max_epochs``.
        accumulate_grad_batches: batches per optimiser step, of both kinds; the weights see one sample of the architecture in them.
        derivation: how the genotype is chosen after the last epoch; default the largest logits. With one that does not use the logits
            (``RandomSearch``, ``Evolution``, ``MainEffects``), ``warmup_epochs`` may be the whole search. With ``RandomOneHot`` as the
            relaxation the first two are single-path one-shot search, the baseline without architecture steps.
        derivation_score: how a derivation scores children; default mAP on held-out identities.
        supernet_norms: how the candidates of a normalisation live together; default each with weight and bias of its own.
        order: which step of two levels comes first in a batch. CDNet's search by top-k moves the weights first.
        architecture_statistics: running statistics follow the rows of architecture steps too, as in the public code of CDNet and DARTS.
        unrolled: architecture steps of second order (:func:`~vireid.tasks.search.unrolled.unrolled_gradient`), as DARTS has by default:
            four passes instead of one, for a plain ``SGD`` of the weights, on one device.
        head: what follows the trunk; default :class:`~vireid.models.BNNeckHead`. Losses are summed over its branches.
        evaluation: what retrieval compares, and which rows results have; default :class:`~vireid.tasks.Retrieval`.
        seed: of initial weights and architecture noise.
    """

    def __init__(
        self,
        num_classes: int,
        space: SearchSpace | None = None,
        weights: str | None = "IMAGENET1K_V1",
        losses: list[Loss] | None = None,
        architecture_losses: list[Loss] | None = None,
        level: Literal["one", "two"] = "two",
        optimizer: OptimizerSettings | None = None,
        architecture_optimizer: OptimizerSettings | None = None,
        weight_relaxation: Relaxation | None = None,
        architecture_relaxation: Relaxation | None = None,
        warmup_epochs: int = 10,
        temperature_start: float = 5.0,
        temperature_end: float = 0.5,
        temperature_every: int | None = None,
        temperature_factor: float = 0.5,
        temperature_decay: Literal["geometric", "linear"] = "geometric",
        entropy_weight: float = 0.0,
        cost: CostKind = "modality_specific_sites",
        cost_weight: float = 0.0,
        stop_when_stable: int | None = None,
        accumulate_grad_batches: int = 1,
        derivation: Derivation | None = None,
        derivation_score: SupernetScore | None = None,
        supernet_norms: SupernetNorms | None = None,
        order: Literal["architecture_first", "weights_first"] = "architecture_first",
        architecture_statistics: bool = False,
        unrolled: bool = False,
        head: Head | None = None,
        evaluation: Retrieval | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.space = space or BNSeparation()
        self.losses = LossSum(losses or cm_nas_losses())
        self.architecture_losses = None if architecture_losses is None else LossSum(architecture_losses)
        self.level: Literal["one", "two"] = level
        self.optimizer = optimizer or cm_nas_search_optimizer()
        self.architecture_optimizer = architecture_optimizer or Adam(lr=6e-3, weight_decay=0.0)
        self.architecture_relaxation = architecture_relaxation or GumbelSoft()
        self.weight_relaxation = weight_relaxation or (
            GumbelHard() if self.architecture_relaxation.learns else self.architecture_relaxation
        )
        self.warmup_epochs = warmup_epochs
        self.temperature_start, self.temperature_end = temperature_start, temperature_end
        self.temperature_every, self.temperature_factor = temperature_every, temperature_factor
        self.temperature_decay: Literal["geometric", "linear"] = temperature_decay
        self.entropy_weight, self.cost_weight, self.stop_when_stable = entropy_weight, cost_weight, stop_when_stable
        self.accumulate_grad_batches = accumulate_grad_batches
        self.evaluation, self.seed = evaluation or Retrieval(), seed
        self.derivation, self.derivation_score = derivation or Argmax(), derivation_score or SupernetScore()
        self.derived: Genotype | None = None
        self.order: Literal["architecture_first", "weights_first"] = order
        self.architecture_statistics, self.unrolled, self.head = architecture_statistics, unrolled, head or BNNeckHead()
        self._check_numbers()
        if level == "one":
            second = {"order": order != "architecture_first", "architecture_statistics": architecture_statistics, "unrolled": unrolled}
            check_one_level(weight_relaxation=weight_relaxation, architecture_losses=architecture_losses, **second)
        if unrolled:
            check_unrolled_settings(self.optimizer, self.architecture_relaxation)
        acting = {"entropy_weight": entropy_weight, "cost_weight": cost_weight, "stop_when_stable": stop_when_stable}
        check_learns(self.architecture_relaxation, **acting, architecture_losses=architecture_losses)
        check_weight_relaxation(self.weight_relaxation, self.architecture_relaxation)
        with seeded(seed):
            self.network = self.head.build(self.space.supernet(weights, supernet_norms), num_classes)
        self.optimizer.check_parts(self.network.named_parts())
        self.architecture_optimizer.check_parts(["logits"])
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
        if self.temperature_every is not None and self.temperature_end > self.temperature_start:
            raise SettingsError(
                "With `temperature_every` the temperature falls, but `temperature_end` is above `temperature_start`: "
                f"{self.temperature_end} and {self.temperature_start}. Exchange them, or leave `temperature_every` out."
            )
        if self.warmup_epochs < 0:
            raise SettingsError(f"`warmup_epochs` must be at least 0, got {self.warmup_epochs}.")
        for name in ("accumulate_grad_batches", "temperature_every", "stop_when_stable"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise SettingsError(f"`{name}` must be at least 1, got {value}.")
        if not 0 < self.temperature_factor <= 1:
            raise SettingsError(f"`temperature_factor` must be above 0 and at most 1, got {self.temperature_factor}.")
        if self.temperature_decay == "linear" and self.temperature_every is not None:
            raise SettingsError("`temperature_decay: linear` and `temperature_every` exclude one another: leave one of them out.")

    # --- set-up ---------------------------------------------------------------------------------------------------------------------

    def configure_callbacks(self) -> list[Callback]:
        """No callbacks; the first hook at which the Trainer's arguments can be refused with a message of ours."""
        if self.trainer.gradient_clip_val or self.trainer.accumulate_grad_batches != 1:
            raise SettingsError(
                "A search has two optimisers, so the Trainer's `gradient_clip_val` and `accumulate_grad_batches` do not apply. "
                "Set `model.init_args.optimizer.init_args.gradient_clip_val` and `model.init_args.accumulate_grad_batches` instead."
            )
        return []

    def configure_optimizers(self) -> Any:
        epochs = self.trainer.max_epochs or 0
        weights = self.optimizer.build(self.network.named_parts())
        logits = self.architecture_optimizer.build({"logits": [self.architecture.logits]})
        schedulers = [self.optimizer.scheduler(weights, epochs), self.architecture_optimizer.scheduler(logits, epochs)]
        return [weights, logits], [scheduler for scheduler in schedulers if scheduler is not None]

    def on_fit_start(self) -> None:
        check_run(self)
        if self.derivation.evaluations(self.space.sites()):
            self.derivation_score.check(getattr(self.trainer, "datamodule", None))
        if self._is_stable():  # a resumed run that had ended
            self.trainer.should_stop = True
