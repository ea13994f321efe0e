"""``fit``, ``validate``, ``test`` and ``predict``: LightningCLI with the facts of this field filled in."""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ModelCheckpoint, RichProgressBar
from pytorch_lightning.cli import ArgsType, LightningArgumentParser, LightningCLI, SaveConfigCallback
from pytorch_lightning.utilities import rank_zero_only
from rich.console import Console

from vireid.commands.command_line import configures, named_classes, option, with_ckpt_path, with_nested_nulls
from vireid.commands.configs import resolve_configs
from vireid.commands.lightning_warnings import quiet_lightning
from vireid.commands.logger import RunLogger
from vireid.commands.run_directory import fresh_directory, next_free
from vireid.data import BatchDataModule
from vireid.errors import SettingsError, VireidError
from vireid.importable import also_importable, importable
from vireid.tasks import LastCheckpoint, ReIDModule, SafeCheckpointIO, read_checkpoint
from vireid.tasks.checkpoints import SECTION, check_fits
from vireid.version import __version__

RUNS = Path("runs")
HEADER = f"vireid=={__version__}"


def main(words: list[str]) -> int:
    """Run one of Lightning's subcommands; ``words[0]`` is its name."""
    quiet_lightning()
    words = with_nested_nulls(resolve_configs(with_ckpt_path(words)))
    with also_importable(named_classes(words)):
        VireidCLI(words)
    return 0


class RunConfig(SaveConfigCallback):
    """``config.yaml`` in the run directory, which is fresh, or whose own run goes on."""

    def save_config(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:  # noqa: ARG002 (interface)
        path = Path(trainer.default_root_dir) / self.config_filename
        self.parser.save(self.config, str(path), skip_none=False, overwrite=True)


class VireidCLI(LightningCLI):
    """Links data and model, finds the run directory, and lets ``--ckpt`` alone say what to test.

    Args:
        words: subcommand and options.
    """

    def __init__(self, words: list[str]) -> None:
        self._subcommand_being_built = ""
        self._fresh: Path | None = None  # folder of this run, which was empty
        self._made: list[Path] = []  # folders that were made for it, innermost first
        super().__init__(
            ReIDModule,
            BatchDataModule,
            subclass_mode_model=True,
            subclass_mode_data=True,
            seed_everything_default=0,
            trainer_defaults={"use_distributed_sampler": False, "log_every_n_steps": 10, "enable_model_summary": False},
            auto_configure_optimizers=False,
            load_from_checkpoint_support=False,
            save_config_callback=RunConfig,
            save_config_kwargs={"save_to_log_dir": False},
            parser_kwargs={"prog": "vireid"},
            args=words,
        )

    def init_parser(self, **kwargs: Any) -> LightningArgumentParser:
        """A parser whose saved configurations say that they are ours."""
        return super().init_parser(**{"dump_header": [HEADER], **kwargs})

    # --- options --------------------------------------------------------------------------------------------------------------------

    def _prepare_subcommand_parser(self, klass: type, subcommand: str, **kwargs: Any) -> LightningArgumentParser:
        self._subcommand_being_built = subcommand
        parser = super()._prepare_subcommand_parser(klass, subcommand, **kwargs)
        if subcommand in ("test", "validate"):
            parser.set_defaults(verbose=False)  # results are printed as one table of ours
        return parser

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Options beside Lightning's, and links; a test takes class count and seeds from the checkpoint instead."""
        parser.add_argument("--run_dir", type=str | None, default=None, help="folder for all results; default: a new folder in runs/")
        parser.add_argument(
            "--allow",
            type=str | None,
            default=None,
            help="classes of your own that a checkpoint or genotype may import, with commas between: mylib.MyLoss,mylib.MyPart",
        )
        if self._subcommand_being_built != "fit":
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
        """Parse, with the settings of a checkpoint as defaults where one is evaluated."""
        assert isinstance(args, list)
        checkpoint = option(args, "--ckpt_path")
        if args[0] == "fit" or checkpoint is None:
            if args[0] != "fit" and not configures(args):
                raise SettingsError(f"`vireid {args[0]}` needs a checkpoint: add --ckpt PATH.")
            self.config = parser.parse_args(args)
            return
        section = read_checkpoint(checkpoint, allowed=importable())[SECTION]
        defaults = {key: section[key] for key in ("model", "data") if section.get(key)}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "checkpoint.json"
            path.write_text(json.dumps(defaults), encoding="utf-8")
            self.config = parser.parse_args([args[0], "--config", str(path), *args[1:]])
        arguments = self.config[args[0]].model.init_args
        if "weights" in arguments:
            arguments["weights"] = None  # the checkpoint brings them

    def _parse_ckpt_path(self) -> None:
        """Done in :meth:`parse_arguments`; Lightning's way imports whatever class the file names."""

    # --- the run --------------------------------------------------------------------------------------------------------------------

    def before_instantiate_classes(self) -> None:
        """Find the run directory before any work."""
        assert self.subcommand is not None
        config = self.config[self.subcommand]
        checkpoint = config.get("ckpt_path")
        wanted = None if config.get("run_dir") is None else Path(config["run_dir"])
        parent = RUNS if self.subcommand == "fit" else _home_of(checkpoint)
        if checkpoint == "last" and self.subcommand == "fit":
            if wanted is None:
                raise SettingsError("`--ckpt_path last` goes on with a run: name its folder with --run_dir.")
            last = wanted / "checkpoints" / "last.ckpt"
            config["ckpt_path"] = str(last) if last.exists() else None  # it was stopped before its first checkpoint
            resuming = last.exists() or _is_ours(wanted / "config.yaml")
        else:
            resuming = (
                self.subcommand == "fit" and wanted is not None and checkpoint is not None and _home_of(checkpoint) == wanted.resolve()
            )
        if getattr(rank_zero_only, "rank", 0) == 0:
            wanted = wanted or next_free(parent, self.subcommand)
            self._made = [folder for folder in (wanted, *wanted.parents) if not folder.exists()]
            folder = fresh_directory(wanted, parent, self.subcommand, resuming)
            self._fresh = None if resuming else folder
        config["run_dir"] = str(wanted or parent)

    def instantiate_classes(self) -> None:
        """Arguments that a constructor refuses are bad input, not a crash."""
        try:
            super().instantiate_classes()
        except (VireidError, ValueError, TypeError, FileNotFoundError) as error:
            self._discard()
            raise _own_error(error) from error

    def _run_subcommand(self, subcommand: str) -> None:
        """Bad input that shows only when the run begins leaves no folder either; a run that is interrupted says how it goes on."""
        try:
            super()._run_subcommand(subcommand)
        except VireidError:
            self._discard()
            raise
        except (KeyboardInterrupt, SystemExit):
            if subcommand == "fit" and (self._folder() / "checkpoints" / "last.ckpt").exists():
                _say(f"To go on, give the same command with --run_dir {self._folder()} --ckpt_path last")
            raise

    def _discard(self) -> None:
        """Remove the folders that this run made and the configuration in them, unless there are results too."""
        if self._fresh is None:
            return
        if [path.name for path in self._fresh.iterdir()] == ["config.yaml"]:
            (self._fresh / "config.yaml").unlink()
        with contextlib.suppress(OSError):
            for made in self._made:
                made.rmdir()

    def before_fit(self) -> None:
        """A checkpoint to go on from must be whole and of this network."""
        checkpoint = self.config["fit"].get("ckpt_path")
        if checkpoint is not None:
            check_fits(checkpoint, self.model, importable())

    def before_validate(self) -> None:
        """Without held-out identities there is nothing to validate on."""
        if self.datamodule.validation == "none":
            raise SettingsError("There is no validation: set `--data.validation` to heldout or faithful_test_set.")

    def instantiate_trainer(self, **kwargs: Any) -> pl.Trainer:
        """The Trainer with our logger, progress bar and checkpoints, unless the user chose otherwise."""
        assert self.subcommand is not None
        settings = self.config_init[self.subcommand]
        trainer = settings["trainer"]
        folder = Path(settings["run_dir"])
        if trainer.get("logger") in (None, True):
            kwargs["logger"] = RunLogger(folder)
        callbacks = list(trainer.get("callbacks") or [])
        if trainer.get("enable_progress_bar") is not False and not any(isinstance(c, RichProgressBar) for c in callbacks):
            callbacks.append(RichProgressBar(leave=False))
        if self.subcommand == "fit" and trainer.get("enable_checkpointing") is not False:
            callbacks.append(LastCheckpoint(folder / "checkpoints", settings["checkpoint_every_n_batches"]))
            if self.datamodule.validation != "none":
                monitor = self.model.evaluation.selected_by
                callbacks.append(ModelCheckpoint(folder / "checkpoints", "best", monitor=monitor, mode="max", enable_version_counter=False))
        self.model.run_dir = folder
        plugins = trainer.get("plugins")
        plugins = list(plugins) if isinstance(plugins, (list, tuple)) else [plugins] if plugins else []
        kwargs.setdefault("default_root_dir", str(folder))
        return super().instantiate_trainer(callbacks=callbacks, plugins=[*plugins, SafeCheckpointIO()], **kwargs)

    def after_fit(self) -> None:
        """Say where the results lie."""
        folder = self._folder()
        what = [name for name in ("genotype.json", "checkpoints/last.ckpt", "metrics.csv") if (folder / name).exists()]
        _say(f"Results in {folder}: {', '.join(what)}")
        if "checkpoints/last.ckpt" in what:
            _say(f"Go on with: vireid test --ckpt {folder / 'checkpoints' / 'last.ckpt'}")

    def after_test(self) -> None:
        """Print the table and say where the results lie."""
        if self.model.show_results():
            _say(f"Results in {self._folder() / 'metrics.json'}")
        elif not self.trainer.fast_dev_run:  # type: ignore[attr-defined]  # set by Lightning
            raise SettingsError("No image was embedded: set `trainer.limit_test_batches` (or val) back to 1.0.")

    after_validate = after_test

    def after_predict(self) -> None:
        """Say where the results lie."""
        _say(f"Embeddings in {self._folder() / 'embeddings.npz'}")

    def _folder(self) -> Path:
        assert self.subcommand is not None
        return Path(self.config[self.subcommand]["run_dir"])


def _seed(value: bool | int) -> int:
    """One number for model and data."""
    if isinstance(value, bool):
        raise SettingsError("`seed_everything` must be a number: weights, sampling and search are functions of it.")
    return value


def _is_ours(config: Path) -> bool:
    return config.is_file() and config.read_text(encoding="utf-8", errors="replace").startswith(f"# {HEADER.split('==')[0]}==")


@rank_zero_only
def _say(text: str) -> None:
    Console().print(text, soft_wrap=True, highlight=False)


def _own_error(error: BaseException) -> VireidError:
    """The error of ours behind one of the parser's, which would print the whole configuration."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, VireidError):
            return cause
        cause = cause.__cause__ or cause.__context__
    return SettingsError(str(error))


def _home_of(checkpoint: str | None) -> Path:
    """The run a checkpoint belongs to; its own folder when it was moved elsewhere."""
    if checkpoint is None:
        return RUNS
    folder = Path(checkpoint).resolve().parent
    return folder.parent if folder.name == "checkpoints" else folder
