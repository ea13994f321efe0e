"""Loggers that a user names beside ``metrics.csv``: they write into the folder of the run, unless he names another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jsonargparse import Namespace
from pytorch_lightning.cli import LightningArgumentParser
from pytorch_lightning.loggers import Logger, TensorBoardLogger

from vireid.commands.logger import RunLogger
from vireid.commands.parser import ShortErrors

RUN_DIR = "{run_dir}"  # in a configuration, so that ``config.yaml`` of one run serves another


class VireidParser(ShortErrors, LightningArgumentParser):
    """Lightning's parser with short errors, for which every logger has a folder."""

    def add_class_arguments(self, class_type: type, *words: Any, **settings: Any) -> list[str]:
        """Add the arguments of a class. ``save_dir`` of a logger is the folder of the run by default."""
        added: list[str] = super().add_class_arguments(class_type, *words, **settings)
        if isinstance(class_type, type) and issubclass(class_type, Logger):
            self.set_defaults({name: value for name, value in _defaults(class_type).items() if name in added})
        return added


def loggers_of(named: Any, folder: Path) -> list[Logger] | bool:
    """The loggers of a run: ``metrics.csv`` first, then those that the user named.

    Args:
        named: ``trainer.logger``: one or several; ``None`` and true for none beside the file, false for no logger at all.
        folder: of the run.
    """
    if named is False:
        return False
    others = [] if named in (None, True) else [named] if isinstance(named, Logger) else list(named)
    return [RunLogger(folder), *others]


def placed(logger: Any, folder: Path) -> Any:
    """Settings of one logger or several, with the folder of the run in place of its name."""
    if isinstance(logger, list):
        return [placed(each, folder) for each in logger]
    if isinstance(logger, (dict, Namespace)):
        return type(logger)(**{key: placed(value, folder) for key, value in dict(logger.items()).items()})
    return logger.replace(RUN_DIR, str(folder)) if isinstance(logger, str) else logger


def without_package(error: BaseException) -> str:
    """What to tell a user whose logger needs a package that is not installed; empty for another error."""
    missing = isinstance(error, ModuleNotFoundError) and "tensorboard" in str(error)
    return "TensorBoardLogger needs a package that is not installed: pip install 'vireid[tensorboard]'." if missing else ""


def _defaults(kind: type[Logger]) -> dict[str, str]:
    folder = {"save_dir": RUN_DIR}
    return {**folder, "name": "", "version": ""} if issubclass(kind, TensorBoardLogger) else folder  # a run is a folder, not a version
