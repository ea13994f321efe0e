"""Jobs one after another in this process, which starts nothing."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from vireid.commands.jobs.engine import Engine, Running
from vireid.commands.jobs.job import run


class Here(Engine):
    """This process. A job that fails ends the whole."""

    at_once = 1

    def start(self, file: Path, log: Path) -> Running:
        with log.open("a", encoding="utf-8") as text, _said_to(text):
            run(file)
        return _Done()


class _Done(Running):
    def poll(self) -> int:
        return 0

    def stop(self) -> None:
        pass

    kill = stop


@contextlib.contextmanager
def _said_to(log: TextIO) -> Iterator[None]:
    """What commands of this process say goes to ``log``, Lightning's messages of information go nowhere."""
    loggers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning.fabric", "lightning_fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
