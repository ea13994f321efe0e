"""Retraining of the child network that a genotype describes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from torch import Tensor

from vireid.errors import CheckpointError, GenotypeError, SettingsError
from vireid.losses import Loss, LossSum
from vireid.models import BNNeckHead, Head, TrunkPart, with_parts
from vireid.models.allocations import Bounded
from vireid.search import SearchSpace, resolve_genotype, space_of
from vireid.structures import Batch, Genotype
from vireid.tasks.base import ReIDModule, seeded
from vireid.tasks.checkpoint_values import misfits
from vireid.tasks.evaluation.base import Stage
from vireid.tasks.evaluation.retrieval import Retrieval
from vireid.tasks.optimisation.ema import EMA
from vireid.tasks.optimisation.optimisers import OptimizerSettings
from vireid.tasks.optimisation.torch_optimizer import OptimizerClass, as_optimizer
from vireid.tasks.recipes import cm_nas_losses, cm_nas_optimizer
from vireid.tasks.starting_weights import started
from vireid.torch_files import check_weights


class RetrainModule(ReIDModule):
    """Training of one network: a searched child, a baseline, or an imported list.

    The defaults are those of CM-NAS's public training code. Trained weights start from ``weights`` (ImageNet), not from the supernet,
    as published.

    Args:
        num_classes: identities with a classifier row; linked from the data on the command line.
        genotype: path of a ``genotype.json``, of a published CDNet JSON file, of a CM-NAS ``.cfg`` list or of the six names of an
            OSNet-AIN in a ``.txt``; the content of a ``genotype.json``; or the name of a baseline of the space (``all_shared``,
            ``all_separate``, ``stem_separate``, ..., or ``random-SEED`` for a random point).
        space: the space of a baseline name or list; default CM-NAS on ResNet-50. A genotype file brings its own; if both are given
            they must agree.
        weights: of the trunk: ``default`` for its own, such as ImageNet's where it has any; a name that the trunk knows (torchvision's
            ``IMAGENET1K_V1``, a tag of timm), or a file, such as a checkpoint of the same genotype; null for random initial weights.
        losses: weighted terms; default cross-entropy + four-way triplet + 5 similarity preserving + 0.05 class-wise MMD.
        optimizer: optimiser with its learning rates, schedule and clipping, or a class of ``torch.optim``. Default: CM-NAS's Adam at
            0.01, the trunk at a tenth of it, with its schedule.
        ema: average of the weights; null for none. See :class:`~vireid.tasks.EMA` for the faithful and the clean mode.
        trunk_parts: changes to the trunk, in this order, after its weights are loaded: streams per modality, attention, graphs. Default
            none.
        head: what follows the trunk; default :class:`~vireid.models.BNNeckHead`. Losses are summed over its branches.
        evaluation: what retrieval compares, and which rows results have; default :class:`~vireid.tasks.Retrieval`.
        seed: of initial weights, at least 0.
        shared: arguments that all tasks take.

    Raises:
        GenotypeError: the genotype does not fit its space, or is of another backbone than ``space``.
    """

    phase = "retrained"

    def __init__(
        self,
        num_classes: int,
        genotype: dict | str | Path = "all_shared",  # type: ignore[type-arg]  # a parser builds what is in a dict[str, Any]
        space: SearchSpace | None = None,
        weights: str | None = "default",
        losses: list[Loss] | None = None,
        optimizer: OptimizerSettings | OptimizerClass | None = None,
        ema: EMA | None = None,
        trunk_parts: list[TrunkPart] | None = None,
        head: Head | None = None,
        evaluation: Retrieval | None = None,
        seed: int = 0,
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        self.genotype = resolve_genotype(genotype, space)
        self.space = space or space_of(self.genotype)
        self.space.validate(self.genotype)
        weights = self.space.named_weights(weights)
        self.record(genotype=self.genotype.to_dict(), weights=weights)
        self.losses = LossSum(losses or cm_nas_losses())
        self.optimizer = as_optimizer(optimizer or cm_nas_optimizer())
        self.record(optimizer=self.optimizer)
        self.ema = ema
        self.evaluation, self.seed = evaluation or Retrieval(), seed
        self.trunk_parts, self.head = trunk_parts or [], head or BNNeckHead()
        with seeded(seed):
            with nullcontext() if space is not None else Bounded(GenotypeError, "The genotype's space"):
                backbone = started(lambda start: with_parts(self.space.materialise(self.genotype, start), self.trunk_parts), weights)
            self.network = self.head.build(backbone, num_classes)
        self.optimizer.check_parts(self.network.named_parts())

    def configure_optimizers(self) -> Any:
        if self.optimizer.gradient_clip_val is not None and self.trainer.gradient_clip_val:
            raise SettingsError(
                "Gradients would be clipped twice: `trainer.gradient_clip_val` and that of `model.optimizer`. Leave one out."
            )
        optimizer = self.optimizer.build(self.network.named_parts())
        if optimizer.defaults.get("fused") and self.trainer.gradient_clip_val and self.trainer.precision == "16-mixed":
            raise SettingsError(
                "A `fused` step takes gradients before `16-mixed` has unscaled them, so `trainer.gradient_clip_val` cannot clip them. "
                "Leave one out, or use `bf16-mixed`."
            )
        scheduler = self.optimizer.scheduler(optimizer, self.trainer.max_epochs or 0)
        return [optimizer], [] if scheduler is None else [scheduler]

    def on_fit_start(self) -> None:
        if getattr(getattr(self.trainer, "datamodule", None), "search_split", "none") != "none":
            raise SettingsError("Retraining takes all training rows: set `data.init_args.search_split` to `none`.")
        if self.ema is None:
            return
        if not self.ema.shadow:
            self.ema.register(self.network)
        self.ema.shadow = {name: value.to(self.device) for name, value in self.ema.shadow.items()}

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        self.seed_step(batch)
        if self.ema is not None and batch_idx == 0 and self.ema.pulls_back(self.current_epoch):
            self.ema.load_into(self.network)  # after the epoch's checkpoint, as CM-NAS does

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:  # noqa: ARG002 (interface)
        output = self(batch)
        loss, terms = self.summed_loss(self.losses, output, batch)
        self.log_means({"train/loss": loss, **{f"train/{name}": value for name, value in terms.items()}}, batch)
        return loss

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        super().optimizer_step(*args, **kwargs)
        if self.ema is not None:
            self.ema.update(self.network)

    def on_train_end(self) -> None:
        if self.ema is not None and self.ema.pulls_back(self.current_epoch):
            self.ema.load_into(self.network)  # also after the very last epoch, when the checkpoint is written

    # --- evaluation and checkpoints -------------------------------------------------------------------------------------------------

    @contextmanager
    def evaluated_network(self) -> Iterator[None]:
        if self.ema is None:
            yield
            return
        with self.ema.evaluated(self.network):
            yield

    def evaluated_genotype(self) -> Genotype:
        return self.genotype

    def remark(self, stage: Stage) -> str:
        """Warns of leakage: a training or a search that saw identities which are tested now."""
        trained = super().remark(stage)
        datamodule: Any = getattr(self.trainer, "datamodule", None)
        data = self.genotype.provenance.get("data", {})
        if stage != "test" or not isinstance(data, dict) or not hasattr(datamodule, "provenance"):
            return trained
        same_data = datamodule.provenance().get("dataset") == data.get("dataset")
        seen = same_data and set(data.get("search_pids", [])) & set(datamodule.test_pids())
        return "; ".join(filter(None, [trained, "search saw test identities" if seen else ""]))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        if self.ema is not None:
            checkpoint["ema"] = dict(self.ema.shadow)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        if self.ema is None or not checkpoint.get("ema"):
            return
        check_weights(checkpoint["ema"], "The average in the checkpoint")
        wanted = {name: value.float() for name, value in self.network.state_dict().items()}
        if differing := next(misfits(checkpoint["ema"], wanted), None):
            raise CheckpointError(f"The average in the checkpoint is of another network: {differing}.")
        self.ema.shadow = {name: value.clone() for name, value in checkpoint["ema"].items()}
