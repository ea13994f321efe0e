"""What every task shares: one network, its training, an evaluation, and checkpoints that rebuild the task."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from vireid.errors import CheckpointError, DivergedError, SettingsError
from vireid.importable import also_importable, importable
from vireid.losses import LossInputs, LossSum
from vireid.models import Branch, BranchNetwork, Head, NetworkOutput, ReIDNetwork
from vireid.models.allocations import Bounded
from vireid.results import Result
from vireid.settings import Recorded, class_path, import_class, instantiate, settings_of
from vireid.structures import Batch, Genotype, generator_for
from vireid.tasks.checkpoint_values import misfits
from vireid.tasks.checkpoints import SECTION, VERSION, TellsSettings, read_checkpoint
from vireid.tasks.compilation import CompileMode
from vireid.tasks.epoch_means import EpochMeans
from vireid.tasks.evaluation.base import Stage, TaskEvaluation
from vireid.tasks.optimisation.schedules import set_rates
from vireid.tasks.people import KEY as PEOPLE, SeenPeople
from vireid.tasks.progress import check_gradients, check_sigterm, close_epoch, gradients_of, put_gradients, reopen_epoch, window_is_whole
from vireid.tasks.running import Running
from vireid.version import __version__

RUNNING = ("compile", "channels_last", "activation_checkpointing")
"""Arguments that say how a network runs. What it computes is the same but for the last digits."""


class ReIDModule(Recorded, pl.LightningModule, ABC):
    """Base of search and retraining.

    Args:
        compile: whether ``torch.compile`` makes a graph of the network and its backward pass for each kind of batch: one for training, two
            for a search with separate architecture steps, one for each modality in the evaluation of a child. This takes a minute or more
            at the beginning. ``max-autotune-no-cudagraphs`` also tries several kernels, and takes longer. The last digits differ from those
            of the network as it is written, and a run that goes on equals an uninterrupted one only up to them. Where there is no compiler,
            a warning says so, and the network runs as it is written.
        channels_last: whether the channels of a pixel lie beside one another in memory, as convolutions of some devices want them.
        activation_checkpointing: whether a training step computes the activations in the blocks of the trunk again in its backward pass,
            instead of keeping them. This takes about a third more time, and a fraction of the memory. Not with ``compile``.

    Raises:
        SettingsError: ``compile`` with ``activation_checkpointing``.

    Attributes:
        network: called ``network(images, n_visible)``.
        head: built its part behind the trunk.
        losses: weighted sum of loss terms.
        seed: of initial weights and of what layers draw.
        evaluation: how it is evaluated.
        running: how the network runs under a Trainer.
        notes: what callbacks did to this evaluation; with :meth:`remark` they mark its rows.
        run_dir: folder for files of results; ``None`` for the logger's, or the Trainer's root without a logger.
    """

    phase = "trained"
    evaluation: TaskEvaluation
    network: ReIDNetwork | BranchNetwork
    head: Head
    losses: LossSum
    seed: int

    def __init__(self, compile: bool | CompileMode = False, channels_last: bool = False, activation_checkpointing: bool = False) -> None:
        super().__init__()
        if compile and activation_checkpointing:
            raise SettingsError("`compile` and `activation_checkpointing` both decide what is computed again. Leave one out.")
        self.running = Running(compile, channels_last, activation_checkpointing)
        self.notes: list[str] = []
        self.run_dir: Path | None = None
        self._evaluated = ExitStack()
        self._means = EpochMeans()
        self._seen: SeenPeople | None = None
        self._gradients: Mapping[str, Tensor] = {}  # of a window that the run that is gone on from was in

    def forward(self, batch: Batch) -> NetworkOutput:
        """The network's output for a batch whose images are normalised."""
        return self.running(self.network, batch.images.to(self.dtype), batch.n_visible)

    # --- training -------------------------------------------------------------------------------------------------------------------

    def seed_step(self, batch: Batch) -> None:
        """Make what layers draw (dropout, stochastic depth) a function of seed and batch, so that a resumed training is exact."""
        seed_device(generator_for((self.seed, *batch.key)).initial_seed(), self.device)

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

    def log_means(self, values: Mapping[str, Tensor], batch: Batch) -> None:
        """Log the means over the rows of the epoch of what each batch gives, at its end.

        Args:
            values: scalars of this batch by name, such as ``train/loss``, which the progress bar shows.
            batch: the rows that they are of.
        """
        self._means.add(values, len(batch))

    def means_so_far(self) -> dict[str, Tensor]:
        """Means over the epoch so far of what :meth:`log_means` was given, by this process. Until its first batch, the last epoch's."""
        return self._means.so_far()

    def _log_epoch(self) -> None:
        for name, mean in self._means.pop().items():
            self.log(name, mean, prog_bar=name == "train/loss", on_step=False, on_epoch=True, batch_size=1)

    @abstractmethod
    def training_step(self, batch: Any, batch_idx: int) -> Any:
        """The loss of one batch, or nothing if the step is taken in here."""

    def on_train_start(self) -> None:
        self._means.pop()  # of a run that ended within an epoch
        self._seen = SeenPeople.of_training(getattr(self.trainer, "datamodule", None))
        for config in self.trainer.lr_scheduler_configs:
            set_rates(config.scheduler)
        put_gradients(self._gradients, self)
        self._gradients = {}

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:  # noqa: ARG002 (interface)
        if self.trainer.is_last_batch:
            self._log_epoch()  # before the callbacks, the progress bar among them, are told of the end of the epoch

    def on_train_epoch_end(self) -> None:
        self._log_epoch()  # of an epoch that ended early
        self.check_finite()

    # --- evaluation -----------------------------------------------------------------------------------------------------------------

    @contextmanager
    def evaluated_network(self) -> Iterator[None]:
        """Inside, ``network`` is the one that evaluation is meant for; afterwards it is as before."""
        yield

    @property
    def results(self) -> list[Result]:
        """Rows of the last evaluation by retrieval."""
        return list(self.evaluation.results)

    def embed(self, batch: Batch) -> Tensor:
        """``(B, D)`` embeddings of single-modality rows, not normalised; ``evaluation`` says which."""
        return self.evaluation.compared(self(batch))

    def remark(self, stage: Stage) -> str:
        """What a reader must know about the rows of this evaluation: here that its people were trained on."""
        met = stage == "test" and self._seen is not None and self._seen.are_tested(getattr(self.trainer, "datamodule", None))
        return "training saw test identities" if met else ""

    def evaluated_genotype(self) -> Genotype | None:
        """The architecture that is evaluated; ``None`` if no genotype describes it."""
        return None

    def results_folder(self) -> Path:
        """Where files of results go. Call it on every rank: rank 0 tells the others where its logger writes."""
        return self.run_dir or Path(self.trainer.log_dir or self.trainer.default_root_dir)

    def show_results(self) -> bool:
        """Print the scores of the last evaluation, on rank 0; whether there are any."""
        return self.evaluation.show(self)

    def show_training(self) -> None:
        """Print what a training found, on rank 0."""

    def _start_evaluation(self, stage: Stage) -> None:
        self.evaluation.start(self, stage)
        self._evaluated.enter_context(self.evaluated_network())

    def _stop_evaluation(self) -> None:
        self._evaluated.close()
        self.evaluation.stop()

    def setup(self, stage: str) -> None:
        self.evaluation.check(self.trainer, stage)
        self.running.begin(self.network)

    def teardown(self, stage: str) -> None:  # noqa: ARG002 (interface)
        self.running.end(self.network)

    def on_validation_start(self) -> None:
        self._start_evaluation("validate")

    def on_test_start(self) -> None:
        self._start_evaluation("test")

    def on_predict_start(self) -> None:
        self._start_evaluation("test")

    def validation_step(self, batch: Batch, batch_idx: int) -> None:  # noqa: ARG002 (interface)
        self.evaluation.put(self, batch)

    def test_step(self, batch: Batch, batch_idx: int) -> None:  # noqa: ARG002
        self.evaluation.put(self, batch)

    def predict_step(self, batch: Batch, batch_idx: int) -> None:  # noqa: ARG002
        self.evaluation.put(self, batch)
        check_sigterm(self.trainer)  # Lightning looks in the other loops alone

    def on_validation_epoch_end(self) -> None:
        self.evaluation.validated(self)

    def on_test_epoch_end(self) -> None:
        self.evaluation.tested(self)

    def on_predict_epoch_end(self) -> None:
        self.evaluation.predicted(self)

    def on_validation_end(self) -> None:
        self._stop_evaluation()

    def on_test_end(self) -> None:
        self._stop_evaluation()

    def on_predict_end(self) -> None:
        self._stop_evaluation()

    # --- checkpoints ----------------------------------------------------------------------------------------------------------------

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store what rebuilds this module and its data, and the settings of the Trainer, as plain values."""
        datamodule = getattr(self.trainer, "datamodule", None) if self._trainer is not None else None
        data = settings_of(datamodule) if isinstance(datamodule, Recorded) else None
        trainer = dict(self._trainer.run_settings or {}) if isinstance(self._trainer, TellsSettings) else None
        settings = {"model": settings_of(self), "data": data, "trainer": trainer or None}
        checkpoint[SECTION] = {"version": VERSION, "vireid": __version__, **settings}
        if self._seen is not None:
            checkpoint[SECTION][PEOPLE] = self._seen.plain()
        if self._trainer is None or self.trainer.state.fn != "fit":
            return
        reopen_epoch(checkpoint["loops"]["fit_loop"], self.trainer.num_training_batches)
        if not window_is_whole(self.trainer, self) and self.trainer.world_size == 1:  # others have gradients of their own
            checkpoint["gradients"] = gradients_of(self)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse weights of other shapes, or whole numbers in place of real ones, which torch would convert without a word."""
        if differing := next(misfits(checkpoint.get("state_dict", {}), self.state_dict(), all_names=False), None):
            raise CheckpointError(f"The checkpoint holds another network than its settings say: {differing}.")
        self._seen = SeenPeople.read(checkpoint.get(SECTION, {}).get(PEOPLE))
        self._gradients = checkpoint.get("gradients", {})
        check_gradients(self._gradients, self)
        if self._trainer is not None and self.trainer.state.fn == "fit" and self.trainer.max_steps != -1:
            close_epoch(checkpoint["loops"]["fit_loop"])

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
        with also_importable((class_path(cls), *allowed)):
            checkpoint = read_checkpoint(checkpoint_path, map_location, importable())
            settings = checkpoint[SECTION]["model"]
            known = {"weights": None} if "weights" in settings["init_args"] else {}  # the checkpoint brings them
            held = import_class(settings["class_path"], importable())
            if not issubclass(held, cls):
                raise SettingsError(f"{os.fspath(checkpoint_path)!r} holds a {held.__name__}, not a {cls.__name__}.")
            with Bounded(CheckpointError, repr(os.fspath(checkpoint_path)), Path(checkpoint_path).stat().st_size):
                module = instantiate(settings, importable(), of_kind=cls, **{**known, **overrides})
        module.on_load_checkpoint(checkpoint)
        try:
            module.load_state_dict(checkpoint["state_dict"], strict=strict)
        except RuntimeError as error:
            told = " ".join(str(error).split())
            raise CheckpointError(f"{os.fspath(checkpoint_path)!r} holds another network than its settings say: {told}") from error
        return module.to(map_location)


def seed_device(seed: int, device: torch.device) -> None:
    """Seed the global generators of the CPU and of ``device``.

    ``torch.manual_seed`` would also do it for all kinds of devices that this process does not use, and keep the stack of every call for
    the day on which it does: a millisecond and some kilobytes in each step.
    """
    torch.default_generator.manual_seed(seed)
    seed_own = getattr(getattr(torch, device.type, None), "manual_seed", None)
    if seed_own is not None:
        seed_own(seed)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Initial weights as a function of ``seed`` alone; the global generator is as before afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
