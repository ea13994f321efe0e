"""The search task: a space, a strategy and a derivation under one Trainer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback
from torch import Tensor, nn

from vireid.errors import CheckpointError, SettingsError
from vireid.losses import Loss, LossSum
from vireid.models import BNNeckHead, BranchNetwork, Head, ReIDNetwork
from vireid.nn import NormChoice
from vireid.results.files import FORKS_FILE
from vireid.results.shortlist import shortlist_of, shortlist_table
from vireid.search import ArchitectureParameters, BNSeparation, SearchSpace, Supernet, SupernetNorms
from vireid.search.choices import check_same_sites
from vireid.search.derivation import Argmax, Derivation
from vireid.search.provenance import site_provenance
from vireid.structures import Batch, Genotype, SearchBatch, generator_for
from vireid.tasks.base import RUNNING, ReIDModule, seeded
from vireid.tasks.evaluation.base import Stage, is_scored
from vireid.tasks.evaluation.retrieval import Retrieval
from vireid.tasks.optimisation.optimisers import OptimizerSettings
from vireid.tasks.optimisation.torch_optimizer import OptimizerClass, as_optimizer
from vireid.tasks.progress import epoch_is_over
from vireid.tasks.recipes import cm_nas_losses, cm_nas_search_optimizer
from vireid.tasks.search.child_score import is_fork, run_derivation
from vireid.tasks.search.costs import Costs, cost_in_words
from vireid.tasks.search.course_picture import draw_architecture
from vireid.tasks.search.fork_memory import ForkMemory, fork_digest
from vireid.tasks.search.outcome import architecture_values, described, write_outcome
from vireid.tasks.search.run import DERIVATION, INITIAL_LOGITS, Terms, weight_rows
from vireid.tasks.search.scored_child import SupernetChild
from vireid.tasks.search.strategies import Strategy
from vireid.tasks.search.two_levels import TwoLevels
from vireid.tasks.starting_weights import started
from vireid.terminal import table_console

UNCONFIRMED = "No training has confirmed this genotype. The derivation vireid.search.Confirm tries it in short trainings."


class SearchModule(ReIDModule):
    """Search of a :class:`~vireid.search.SearchSpace`.

    The ``strategy`` says what happens in a batch: which weights and which logits step, on which rows, under which sample of the
    architecture. Noise is a function of seed, epoch and batch only, and the same on every rank.

    After the last epoch the ``derivation`` chooses the genotype, before the last checkpoint is written. A run that is killed during the
    derivation can be resumed from the checkpoint before it, and derives again. All ranks derive, from the same seed and the scores of
    rank 0.

    These files are written into the run directory:

    - ``genotype.json`` after every epoch.
    - ``architecture.csv`` (probabilities, entropy and margin of every site) and ``architecture_summary.csv`` (their means, cost, counts
      per stage) after every epoch with architecture steps.
    - ``architecture.png`` at the end, where matplotlib is installed (extra ``report``).

    The search procedure of CM-NAS was never published; the default is designed by this project. What the paper fixes is the space, the
    losses and the optimiser of the weights.

    Args:
        num_classes: identities with a classifier row; linked from the data on the command line.
        space: what to search; default CM-NAS on ResNet-50.
        weights: of the trunk: ``default`` for its own, such as ImageNet's where it has any; a name that the trunk knows (torchvision's
            ``IMAGENET1K_V1``, a tag of timm), or a file, such as a checkpoint of a search of this space; null for random initial weights.
        losses: terms of the weight step. Default: cross-entropy + four-way triplet + 5 similarity preserving + 0.05 class-wise MMD.
        optimizer: optimiser of the weights, with its learning rates, schedule and clipping, or a class of ``torch.optim``. Default:
            CM-NAS's Adam at 0.01, the trunk at a tenth of it, with its schedule compressed: a warm-up of 5 epochs, then a tenth of the rate
            at epochs 30 and 45. A schedule that is longer than the run is refused, except for this one.
        strategy: what a step does. Default :class:`~vireid.tasks.TwoLevels`; or :class:`~vireid.tasks.OneLevel`,
            :class:`~vireid.tasks.Unrolled`, :class:`~vireid.tasks.RandomPaths`.
        derivation: how the genotype is chosen after the last epoch; default the largest logits. If it does not use the logits
            (``RandomSearch``, ``Evolution``, ``MainEffects``), the warm-up of the strategy may last for the whole search.
        head: what follows the trunk; default :class:`~vireid.models.BNNeckHead`. Losses are summed over its branches.
        evaluation: what retrieval compares, and which rows results have; default :class:`~vireid.tasks.Retrieval`.
        norms: settings of the normalisation sites, such as which parameters their candidates share; default each candidate has a weight and
            bias of its own.
        accumulate_grad_batches: batches per optimiser step of weights and logits. The weights see one sample of the architecture per step.
        seed: seed of initial weights and architecture noise.
        shared: arguments that all tasks take.

    Attributes:
        derived: what ``derivation`` chose at the end; ``None`` until then.
        searched: cost of the steps of all finished epochs, in trainings of ``trainer.max_epochs`` epochs.

    Raises:
        SettingsError: parts that do not fit together.
    """

    phase = "supernet"

    def __init__(
        self,
        num_classes: int,
        space: SearchSpace | None = None,
        weights: str | None = "default",
        losses: list[Loss] | None = None,
        optimizer: OptimizerSettings | OptimizerClass | None = None,
        strategy: Strategy | None = None,
        derivation: Derivation | None = None,
        head: Head | None = None,
        evaluation: Retrieval | None = None,
        norms: SupernetNorms | None = None,
        accumulate_grad_batches: int = 1,
        seed: int = 0,
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        self.automatic_optimization = False
        if accumulate_grad_batches < 1:
            raise SettingsError(f"`accumulate_grad_batches` must be at least 1, got {accumulate_grad_batches}.")
        self.num_classes = num_classes
        self.head = head or BNNeckHead()
        self.norms = norms
        self.space = space or BNSeparation()
        self.weights = self.space.named_weights(weights)
        self.record(weights=self.weights)
        self.losses = LossSum(losses or cm_nas_losses())
        self.optimizer = as_optimizer(optimizer or cm_nas_search_optimizer())
        self.record(optimizer=self.optimizer)
        self.strategy, self.derivation = strategy or TwoLevels(), derivation or Argmax()
        self.evaluation = evaluation or Retrieval()
        self.record(evaluation=self.evaluation)
        self.accumulate_grad_batches, self.seed = accumulate_grad_batches, seed
        self.derived: Genotype | None = None
        self.searched = 0.0
        self.network = self._new_network()
        self.optimizer.check_parts(self.network.named_parts())
        noise = generator_for((seed, 0, 0, INITIAL_LOGITS))
        self.architecture = ArchitectureParameters(self.space.sites(), self.strategy.relaxation, noise)
        self._check_sites([site.name for site in self.supernet.sites], "its supernet")
        self.strategy.prepare(self)
        self._ddp_params_and_buffers_to_ignore = ["architecture.logits"]  # reduced by hand, in the architecture step only

    def _new_network(self) -> ReIDNetwork | BranchNetwork:
        with seeded(self.seed):
            trunk = started(lambda start: self.space.supernet(start, self.norms), self.weights)
            return self.head.build(trunk, self.num_classes)

    def _check_sites(self, before: list[str], when: str) -> None:
        check_same_sites(type(self.space).__name__, [site.name for site in self.space.sites()], before, when)

    # --- set-up ---------------------------------------------------------------------------------------------------------------------

    def configure_callbacks(self) -> list[Callback]:
        """No callbacks. This is the first hook at which the Trainer's arguments can be refused with a message of ours."""
        if self.trainer.gradient_clip_val or self.trainer.accumulate_grad_batches != 1:
            raise SettingsError(
                "A search has optimisers of its own, so the Trainer's `gradient_clip_val` and `accumulate_grad_batches` do not apply. "
                "Set `model.init_args.optimizer.init_args.gradient_clip_val` and `model.init_args.accumulate_grad_batches` instead."
            )
        return []

    def configure_optimizers(self) -> Any:
        settings, parts = [self.optimizer], [self.network.named_parts()]
        logits = self.strategy.logits_optimizer()
        if logits is not None:
            settings.append(logits)
            parts.append({"logits": [self.architecture.logits]})
        built = [one.build(part) for one, part in zip(settings, parts, strict=True)]
        epochs = self.trainer.max_epochs or 0
        schedulers = [one.scheduler(optimizer, epochs) for one, optimizer in zip(settings, built, strict=True)]
        return built, [scheduler for scheduler in schedulers if scheduler is not None]

    def on_fit_start(self) -> None:
        epochs = self.trainer.max_epochs or 0
        if epochs <= self.strategy.warmup_epochs and self.derivation.uses_probabilities and self.strategy.logits_optimizer() is not None:
            raise SettingsError(
                f"`trainer.max_epochs` is {epochs}, which leaves no architecture step after {self.strategy.warmup_epochs} epochs of "
                "warm-up. Raise it, or lower `model.init_args.strategy.init_args.warmup_epochs`; or choose a "
                "`model.init_args.derivation` that needs none: RandomSearch, Evolution or MainEffects."
            )
        self.strategy.check(self)
        if (
            self.running.compile
            and not self.strategy.dense
            and any(not isinstance(choice, NormChoice) for choice in self.supernet.choices.values())
        ):
            raise SettingsError(
                "`compile` makes one graph of a step, and this search draws other blocks in each. Leave `model.compile` out, or let all "
                "blocks take part: in both steps a relaxation such as vireid.search.Softmax or vireid.search.GumbelSoft."
            )
        if is_scored(self.trainer):
            _check_length("optimizer", self.optimizer, epochs)
            _check_length("strategy.init_args.architecture_optimizer", self.strategy.logits_optimizer(), epochs)
        self.derivation.check(getattr(self.trainer, "datamodule", None))

    # --- steps ----------------------------------------------------------------------------------------------------------------------

    def training_step(self, batch: SearchBatch | Batch, batch_idx: int) -> None:
        self.seed_step(weight_rows(batch))
        self.strategy.step(self, batch, batch_idx)

    @property
    def supernet(self) -> Supernet:
        """The searched trunk."""
        supernet = self.network.backbone
        assert isinstance(supernet, Supernet)
        return supernet

    def loss(self, losses: LossSum, batch: Batch, without_classes: bool = False) -> tuple[Tensor, Terms]:
        """Total and weighted terms of ``losses`` on rows, under the mixture that is set now."""
        return self.summed_loss(losses, self(batch), batch, without_classes=without_classes)

    def architecture_loss(self, batch: Batch) -> tuple[Tensor, Terms]:
        """Loss of an architecture step without penalties, under the mixture that is set now."""
        return self.strategy.architecture_loss(self, batch)

    def add_gradients(self, loss: Tensor, inputs: list[nn.Parameter] | None = None) -> None:
        """Add the gradient of the mean of ``loss`` over the accumulated batches; to ``inputs`` alone, if they are given."""
        self.manual_backward(loss / self.accumulate_grad_batches, **({} if inputs is None else {"inputs": inputs}))

    def weights_optimizer(self) -> torch.optim.Optimizer:
        """The optimiser of the weights."""
        optimizer: torch.optim.Optimizer = self._optimizers()[0].optimizer
        return optimizer

    def step_weights(self) -> None:
        """One optimiser step of the weights by the gradients that were added. Candidates that were not used stay as they are."""
        for parameter in self.supernet.skipped_parameters():
            parameter.grad = None  # no decay and no momentum for what was not used
        self._step(0)

    def step_logits(self) -> None:
        """One optimiser step of the logits by the gradient that was added, averaged over the processes."""
        gradient = self.architecture.logits.grad
        if self.trainer.world_size > 1 and gradient is not None:
            torch.distributed.all_reduce(gradient)
            gradient.div_(self.trainer.world_size)
        self._step(1)

    def _step(self, index: int) -> None:
        optimizer = self._optimizers()[index]
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    def _optimizers(self) -> list[Any]:
        """Lightning's optimisers: of the weights, and of the logits where these move."""
        found: Any = self.optimizers()
        return found if isinstance(found, list) else [found]

    def steps_now(self, batch_idx: int) -> bool:
        """Whether the optimisers step after this batch."""
        is_last = batch_idx + 1 >= self.trainer.num_training_batches
        return is_last or (batch_idx + 1) % self.accumulate_grad_batches == 0

    def initial_state(self) -> dict[str, Tensor]:
        """State of ``network`` before the first step of the search."""
        state: dict[str, Tensor] = self._new_network().state_dict()
        return state

    # --- ends of epochs -------------------------------------------------------------------------------------------------------------

    def on_train_start(self) -> None:
        super().on_train_start()
        self.derived = None  # of a run that now goes on

    def on_train_epoch_end(self) -> None:
        super().on_train_epoch_end()
        if epoch_is_over(self.trainer):
            self._step_schedulers()
            self.strategy.epoch_ended(self)
        self._log_architecture()
        folder, self.searched = self.results_folder(), self._searched()
        if self._derives_now():
            noise = generator_for((self.seed, self.current_epoch, 0, DERIVATION))
            child = SupernetChild(self)
            result, about = run_derivation(child, self.derivation, noise, self._memory(folder, child), self.searched)
            self.derived = self._described(result.genotype.choices, about)
        if self.trainer.is_global_zero:
            temperature = self.strategy.temperature_now(self) if self.strategy.moves_logits(self) else None
            write_outcome(self, folder, self.derive(), temperature)

    def _step_schedulers(self) -> None:
        schedulers = self.lr_schedulers()
        for scheduler in schedulers if isinstance(schedulers, list) else [schedulers]:
            if scheduler is not None and self.strategy.passes(self.current_epoch):  # torch warns where no weight was stepped
                scheduler.step()

    def _searched(self) -> float:
        """Cost of the steps of all epochs up to this one."""
        epochs = self.trainer.max_epochs or 1
        return sum(self.strategy.passes(epoch) for epoch in range(self.current_epoch + 1)) / epochs

    def _memory(self, folder: Path, child: SupernetChild) -> ForkMemory | None:
        """Scores of children that are trained from the initial weights, where the derivation asks for any."""
        if not any(map(is_fork, self.derivation.scores())):
            return None
        recipe = {name: value for name, value in self.settings()["init_args"].items() if name not in ("derivation", *RUNNING)}
        return ForkMemory(folder / FORKS_FILE, fork_digest(self, child.start, recipe))

    def _log_architecture(self) -> None:
        self.log("search/entropy", self.architecture.entropy().mean(), prog_bar=True)
        self.log("search/margin", self.architecture.margin().mean())
        temperature = self.strategy.temperature_now(self)
        if temperature is not None:
            self.log("search/temperature", temperature)
        self.log_dict(architecture_values(self.architecture))

    def _derives_now(self) -> bool:
        """Whether the last epoch of a real run ends, and there is more to do than to ask the strategy."""
        trainer = self.trainer
        if isinstance(self.derivation, Argmax) or not is_scored(trainer):
            return False
        steps_are_over = 0 < trainer.max_steps <= trainer.global_step
        return trainer.should_stop or steps_are_over or self.current_epoch + 1 >= (trainer.max_epochs or 0)

    def on_train_end(self) -> None:
        folder = self.results_folder()
        if self.trainer.is_global_zero:
            draw_architecture(folder)

    def derive(self) -> Genotype:
        """The genotype, with provenance. After the last epoch the ``derivation`` chose it; until then the strategy names it."""
        return self.derived or self._described(self.strategy.choices(self), {"settings": Argmax().settings()})

    def _described(self, choices: Mapping[str, str], about: dict[str, Any]) -> Genotype:
        datamodule: Any = getattr(self.trainer, "datamodule", None) if self._trainer is not None else None
        data = datamodule.provenance() if hasattr(datamodule, "provenance") else {}
        return described(self, choices, about, self.current_epoch + 1 if self._trainer is not None else 0, data)

    # --- evaluation and checkpoints -------------------------------------------------------------------------------------------------

    @contextmanager
    def evaluated_network(self) -> Iterator[None]:
        self.supernet.set_genotype(self.derived or self.space.genotype(self.strategy.choices(self)))
        yield

    def evaluated_genotype(self) -> Genotype:
        """The child of the supernet, without the course of the search, which ``genotype.json`` tells."""
        genotype = self.derived or self.space.genotype(self.strategy.choices(self))
        return Genotype(genotype.space, genotype.choices, site_provenance(self.space, genotype))

    def show_training(self) -> None:
        if not self.trainer.is_global_zero:
            return
        console, found = table_console(), self.derive()
        cost = found.provenance["derivation"].get("trainings") or Costs().in_trainings(1, 1, self.searched)
        if tried := shortlist_of(found):
            console.print(shortlist_table(tried))
        console.print(cost_in_words(cost), highlight=False)
        if not cost["forks"]:
            console.print(UNCONFIRMED, highlight=False)

    def remark(self, stage: Stage) -> str:
        return "; ".join(filter(None, ["derived child with inherited weights, not retrained", super().remark(stage)]))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        checkpoint["searched"] = self.searched
        checkpoint["derived"] = None if self.derived is None else self.derived.to_dict()
        checkpoint["sites"] = [site.name for site in self.architecture.sites]  # what the rows of the logits mean

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        sites, searched = checkpoint.get("sites", [site.name for site in self.architecture.sites]), checkpoint.get("searched", 0.0)
        if not (isinstance(sites, list) and all(isinstance(name, str) for name in sites) and isinstance(searched, (int, float))):
            raise CheckpointError("The checkpoint is damaged: its sites must be a list of names, and the time of the search a number.")
        self._check_sites(sites, "the checkpoint")
        self.searched = searched
        derived = checkpoint.get("derived")
        self.derived = None if derived is None else Genotype.from_dict(derived, source="the genotype of the checkpoint")


def _check_length(name: str, optimizer: OptimizerSettings | None, epochs: int) -> None:
    """Refuse a schedule that the run is too short for; that of the default optimiser may be cut short."""
    schedule, default = optimizer.schedule if optimizer else None, cm_nas_search_optimizer().schedule
    if schedule is None or default is None or schedule.length <= epochs or schedule.settings() == default.settings():
        return
    raise SettingsError(
        f"`model.init_args.{name}.init_args.schedule` ({type(schedule).__name__}) takes {schedule.length} epochs to its last milestone or "
        f"end, but `trainer.max_epochs` is {epochs}, so that part would never be reached. Shorten the schedule, raise "
        "`trainer.max_epochs`, or leave the optimiser out for the default, whose schedule may be cut short."
    )
