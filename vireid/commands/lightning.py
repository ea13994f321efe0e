"""``fit``, ``validate``, ``test`` and ``predict``: LightningCLI with our data, tasks, checkpoints and run directories."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from jsonargparse import Namespace
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.callbacks import ProgressBar
from pytorch_lightning.cli import ArgsType, LightningArgumentParser, LightningCLI, SaveConfigCallback
from pytorch_lightning.utilities import rank_zero_only

from vireid.commands.class_arguments import load_public_classes
from vireid.commands.class_changes import class_changes
from vireid.commands.command_line import option
from vireid.commands.default_augmentation import with_default_augmentation
from vireid.commands.layers import layer_of, read_layers
from vireid.commands.lightning_warnings import quiet_lightning
from vireid.commands.loggers import VireidParser, loggers_of, placed, without_package
from vireid.commands.monitored import BestCheckpoint, MonitoredMetrics, check_validated
from vireid.commands.named_classes import named_classes
from vireid.commands.parser_errors import explain
from vireid.commands.refusals import refusal
from vireid.commands.resume_settings import run_settings
from vireid.commands.resuming import check_resumed
from vireid.commands.run_directory import BEST, HEADER, RunDirectory
from vireid.commands.shards import shard_folder
from vireid.commands.slurm import Requeue, requeue_of
from vireid.commands.stopping import check_terminated, stops
from vireid.commands.trainer import Trainer
from vireid.data import BatchDataModule
from vireid.errors import CheckpointError, SettingsError, VireidError
from vireid.files import write_text_atomically
from vireid.importable import also_importable, importable
from vireid.models.allocations import Bounded
from vireid.printable import printable
from vireid.structures import Shard
from vireid.tasks import LastCheckpoint, ProgressLine, ReIDModule, SafeCheckpointIO, read_checkpoint
from vireid.tasks.checkpoints import SECTION, check_fits
from vireid.terminal import say

TRIED = "It runs. This was a trial of a few batches (`trainer.fast_dev_run`), of which nothing is kept."
FILES = "vireid predict --ckpt PATH --images FOLDER --modality infrared embeds image files without labels."


def main(words: list[str]) -> int:
    """Run one of Lightning's subcommands; ``words[0]`` is its name, and configurations are files."""
    quiet_lightning()
    with also_importable(named_classes(words)):
        VireidCLI(words)
    return 0


LAUNCHED = {"RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "SLURM_PROCID", "JSM_NAMESPACE_RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK"}
"""Variables by which a launcher tells a process that it is one of several."""


class RunConfig(SaveConfigCallback):
    """Saves ``config.yaml`` in the run directory, which is new or belongs to the run that is resumed."""

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Tell all processes of the run which folder that of rank 0 took, and save there."""
        pl_module.run_dir = trainer.strategy.broadcast(pl_module.run_dir)
        super().setup(trainer, pl_module, stage)

    def save_config(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:  # noqa: ARG002 (interface)
        with tempfile.TemporaryDirectory() as folder:  # files that -c files name are saved too
            self.parser.save(self.config, str(Path(folder) / self.config_filename), skip_none=False)
            written = sorted(Path(folder).iterdir(), key=lambda path: path.name == self.config_filename)
            for path in written:  # the configuration that names the others is the last
                write_text_atomically(Path(trainer.default_root_dir) / path.name, path.read_text(encoding="utf-8"))


class VireidCLI(LightningCLI):
    """Links data and model, and chooses the run directory. For a test, ``--ckpt`` alone is enough.

    Args:
        words: the subcommand and its options.
    """

    directory: RunDirectory | None = None
    requeue: Requeue | None = None
    shard: Shard | None = None
    trial: tempfile.TemporaryDirectory[str] | None = None  # where a trial of a few batches writes, which leaves nothing

    def __init__(self, words: list[str]) -> None:
        self.parsers: dict[str, LightningArgumentParser] = {}  # by subcommand; the one above them has no name
        try:
            with stops():
                super().__init__(
                    ReIDModule,
                    BatchDataModule,
                    trainer_class=Trainer,
                    subclass_mode_model=True,
                    subclass_mode_data=True,
                    seed_everything_default=0,
                    trainer_defaults={"use_distributed_sampler": False, "log_every_n_steps": 10, "enable_model_summary": False},
                    auto_configure_optimizers=False,
                    load_from_checkpoint_support=False,
                    save_config_callback=RunConfig,
                    save_config_kwargs={"save_to_log_dir": False},
                    parser_class=VireidParser,
                    parser_kwargs={"prog": "vireid", **{name: {"command": name} for name in self.subcommands()}},
                    args=words,
                )
            check_terminated(self.trainer)
        except VireidError:  # bad input that shows only when the run begins leaves no folder either
            self._discard()
            raise
        except Exception as error:
            if refused := refusal(error, self._begun(), getattr(self, "_checkpoint", None)):
                self._discard()
                raise refused from error
            raise
        except KeyboardInterrupt:
            if self.directory is not None and words[0] == "fit":
                _say(self.directory.how_to_go_on())
                self._requeue()
            raise
        finally:
            self._leave()

    def _leave(self) -> None:
        """Give back what the command has taken."""
        if self.trial is not None:
            self._discard()
            self.trial.cleanup()
        if self.directory is not None:
            self.directory.release()
        if self.requeue is not None:
            self.requeue.end()

    def _discard(self) -> None:
        if self.directory is not None:
            self.directory.discard()

    def _requeue(self) -> None:
        """Put the job back into the queue, if its time was over."""
        assert self.directory is not None
        if self.requeue is not None and self.trainer.is_global_zero:
            _say(self.requeue.put_back(self.directory.path))

    def _begun(self) -> bool:
        trainer = getattr(self, "trainer", None)
        return trainer is not None and trainer.fit_loop.epoch_loop.batch_progress.total.started > 0

    # --- options --------------------------------------------------------------------------------------------------------------------

    def init_parser(self, command: str = "", **kwargs: Any) -> LightningArgumentParser:
        """A parser that marks the configurations that it saves as ours."""
        self.parsers[command] = super().init_parser(**{"dump_header": [HEADER], **kwargs})
        return self.parsers[command]

    def setup_parser(self, add_subcommands: bool, main_kwargs: dict[str, Any], subparser_kwargs: dict[str, Any]) -> None:
        """Set up all parsers with every public class. Lightning prints no results, because we print one table."""
        load_public_classes()
        super().setup_parser(add_subcommands, main_kwargs, subparser_kwargs)
        for name in ("test", "validate"):
            self.parsers[name].set_defaults(verbose=False)
        self.parsers["predict"].epilog = FILES

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add our options, and the links between data and model. A test takes class count and seeds from the checkpoint instead."""
        parser.add_argument("--run_dir", type=str | None, default=None, help="folder for all results; default: a new folder in runs/")
        parser.add_argument(
            "--allow",
            type=str | None,
            default=None,
            help="classes of your own that a checkpoint or genotype may import, with commas between: mylib.MyLoss,mylib.MyPart",
        )
        if self.parsers.get("predict") is parser:
            parser.add_argument(
                "--shard",
                type=str | None,
                default=None,
                help="embed one part of the images, such as 2/7, into its own folder in --run_dir; vireid evaluate scores all parts",
            )
        if self.parsers.get("fit") is not parser:
            return
        parser.add_argument(
            "--checkpoint_every_n_batches",
            type=int | None,
            default=None,
            help="also update checkpoints/last.ckpt in the middle of an epoch; default: after every epoch",
        )
        parser.link_arguments("seed_everything", "model.init_args.seed", compute_fn=_seed)
        parser.link_arguments("seed_everything", "data.init_args.seed", compute_fn=_seed)
        parser.link_arguments("data.num_classes", "model.init_args.num_classes", apply_on="instantiate")

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """Parse the words. If a checkpoint is evaluated, its settings are the defaults."""
        assert isinstance(args, list)
        checkpoint, layers = option(args, "--ckpt_path"), read_layers(args)
        self._layers = layers  # what the user says
        if args[0] == "fit" or checkpoint is None:
            self.config = parser.parse_args(with_default_augmentation(args))
        else:
            section = read_checkpoint(checkpoint, allowed=importable())[SECTION]
            defaults = {key: section[key] for key in ("model", "data") if section.get(key)}
            self.config = _parsed_over(parser, args, defaults)
            layers = [layer_of(checkpoint, defaults), *layers]
        _warn("\n".join(map(str, class_changes(layers))))
        self._checkpoint = self.config[args[0]].pop("ckpt_path")  # Lightning would import whatever class the file names

    # --- the run --------------------------------------------------------------------------------------------------------------------

    def before_instantiate_classes(self) -> None:
        """Choose the run directory before any work. A process that may be one of several takes it when its Trainer says so."""
        assert self.subcommand is not None
        config = self.config[self.subcommand]
        self.shard = None if config.get("shard") is None else Shard.parse(config["shard"])
        self.directory = RunDirectory(self.subcommand, shard_folder(config.get("run_dir"), self.shard), self._checkpoint)
        config["ckpt_path"] = self.directory.checkpoint
        if config["trainer"].get("fast_dev_run"):
            self.trial = tempfile.TemporaryDirectory(prefix="vireid-trial-")
        config["run_dir"] = self.trial.name if self.trial is not None else str(self.directory.path)
        if not LAUNCHED & os.environ.keys():
            self.directory.make()
        self._said, self.config = self.config, self.config.clone()
        self.config[self.subcommand]["trainer"]["logger"] = placed(config["trainer"].get("logger"), Path(config["run_dir"]))

    def instantiate_classes(self) -> None:
        """Build the objects. Arguments that a constructor refuses are reported as bad input, not as a crash."""
        try:
            with self._bounded():
                super().instantiate_classes()
        except (VireidError, ValueError, TypeError, FileNotFoundError, ImportError, MisconfigurationException) as error:
            raise _own_error(error, self.parser) from error
        self.datamodule.shard = self.shard
        if self.subcommand != "fit" and self._checkpoint is not None:
            self.datamodule.only_reads = not any(layer.said(("data", name)) for layer in self._layers for name in self.datamodule.acting)

    def _bounded(self) -> AbstractContextManager[Any]:
        """A bound for the network of a checkpoint; that of a fit is the user's own."""
        if self.subcommand == "fit" or self._checkpoint is None:
            return nullcontext()
        return Bounded(CheckpointError, repr(self._checkpoint), Path(self._checkpoint).stat().st_size)

    def before_fit(self) -> None:
        """Check that what callbacks watch is validated, and that a checkpoint to resume from is complete, with the settings of this run."""
        check_validated(self.trainer, self.datamodule.validation != "none")
        checkpoint = self.config["fit"].get("ckpt_path")
        if checkpoint is not None:
            content = read_checkpoint(checkpoint, allowed=importable())
            assert isinstance(self.trainer, Trainer)
            _warn("\n".join(check_resumed(checkpoint, content, self.model, self.datamodule, self.trainer.run_settings or {})))
            check_fits(checkpoint, content, self.model)
        self.requeue = requeue_of(self.trainer)

    def before_validate(self) -> None:
        """Refuse a validation for which the data holds out no identities."""
        if self.datamodule.validation == "none":
            raise SettingsError("There is no validation: set `--data.validation` to heldout or faithful_test_set.")

    def instantiate_trainer(self, **kwargs: Any) -> pl.Trainer:
        """The Trainer with our logger, progress bar and checkpoints, unless the user chose others."""
        assert self.subcommand is not None
        self.config = self._said  # config.yaml names no folder of this run
        settings = self.config_init[self.subcommand]
        trainer = settings["trainer"]
        folder = Path(settings["run_dir"])
        kwargs["logger"] = loggers_of(trainer.get("logger"), folder)
        callbacks = list(trainer.get("callbacks") or [])
        if trainer.get("enable_progress_bar") is not False and not any(isinstance(c, ProgressBar) for c in callbacks):
            callbacks.append(ProgressLine())
        if self.subcommand == "fit":
            callbacks.insert(0, MonitoredMetrics())  # before those that watch
        if self.subcommand == "fit" and trainer.get("enable_checkpointing") is not False:
            if self.datamodule.validation != "none":
                callbacks.append(BestCheckpoint(folder / BEST, self.model.evaluation.selected_by))
            last = LastCheckpoint(folder / "checkpoints", settings["checkpoint_every_n_batches"])
            callbacks.append(last)  # behind all others, whose states of the epoch it keeps
        self.model.run_dir = folder
        plugins = trainer.get("plugins")
        plugins = list(plugins) if isinstance(plugins, (list, tuple)) else [plugins] if plugins else []
        kwargs.setdefault("default_root_dir", str(folder))
        made = super().instantiate_trainer(callbacks=callbacks, plugins=[*plugins, SafeCheckpointIO()], **kwargs)
        assert isinstance(made, Trainer)
        made.run_settings = run_settings(made, self.config[self.subcommand]["trainer"].as_dict())
        self._take_folder(made)
        return made

    def _take_folder(self, trainer: Trainer) -> None:
        """Rank and number of processes are those of the Trainer: with one device every process is a run of its own."""
        assert self.directory is not None
        rank_zero_only.rank = trainer.global_rank  # type: ignore[attr-defined]  # Lightning guesses it from the environment
        if trainer.is_global_zero:
            self.directory.make()
            self.directory.note_job(trainer.world_size)
        else:
            self.directory.discard()

    def after_fit(self) -> None:
        """Print the result of the training, and where the files are."""
        assert self.directory is not None
        self.model.show_training()
        _say(self.directory.what_was_written() if self.trial is None else TRIED)

    def after_test(self) -> None:
        """Print the table, and where the files are."""
        if self.model.show_results():
            _say(f"Results in {printable(self.model.run_dir / 'metrics.json')}")
        elif self.trial is not None:
            _say(TRIED)
        else:
            raise SettingsError("No image was embedded: set `trainer.limit_test_batches` (or val) back to 1.0.")

    after_validate = after_test

    def after_predict(self) -> None:
        """Print where the embeddings are. Lightning runs no loop over a part without images, which has a file too."""
        if self.shard is not None and not self.trainer.predict_loop.max_batches[0]:
            self.model.evaluation.start(self.model, "test")
            self.model.evaluation.predicted(self.model)
        _say(f"Embeddings in {printable(self.model.run_dir / 'embeddings.npz')}" if self.trial is None else TRIED)


def _seed(value: bool | int) -> int:
    """One number for model and data."""
    if isinstance(value, bool):
        raise SettingsError("`seed_everything` must be a number: weights, sampling and search are functions of it.")
    return value


def _parsed_over(parser: LightningArgumentParser, words: list[str], defaults: dict[str, Any]) -> Namespace:
    """What ``words`` say over the settings of a checkpoint."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint.json"
        path.write_text(json.dumps(defaults), encoding="utf-8")
        config = parser.parse_args([words[0], "--config", str(path), *words[1:]])
    arguments = config[words[0]].model.init_args
    if "weights" in arguments:
        arguments["weights"] = None  # the checkpoint brings them
    return config


@rank_zero_only
def _say(text: str) -> None:
    if text:
        say(text)


@rank_zero_only
def _warn(text: str) -> None:
    if text:
        say(text, stderr=True)


def _own_error(error: BaseException, parser: LightningArgumentParser) -> VireidError:
    """The error of ours behind one of the parser's, which would print the whole configuration."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, VireidError):
            return cause
        if missing := without_package(cause):
            return SettingsError(missing)
        cause = cause.__cause__ or cause.__context__
    text = str(error)
    return SettingsError(explain(text, parser, []) if "\n" in text else text)
