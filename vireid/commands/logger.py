"""The default logger: ``metrics.csv`` in the run directory."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import CSVLogger
from pytorch_lightning.utilities import rank_zero_only


class RunLogger(CSVLogger):
    """Lightning's CSV logger. It writes into the run directory, and keeps what a resumed run logged before.

    Args:
        directory: the run directory.
    """

    def __init__(self, directory: str | Path) -> None:
        super().__init__(save_dir=directory, name="", version="", flush_logs_every_n_steps=50)
        self.begun = False  # whether a writer was asked for

    @property
    def log_dir(self) -> str:
        """The run directory."""
        return str(self.save_dir)

    @property
    def experiment(self) -> Any:
        """Lightning's writer. It would delete an earlier ``metrics.csv``; that file is moved aside first."""
        if not self.begun:
            self.begun = True
            set_aside(Path(self.log_dir) / "metrics.csv")
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Experiment logs directory")  # it holds config.yaml, and nothing is deleted
            return super().experiment


@rank_zero_only
def set_aside(path: Path) -> None:
    """Rename an existing file to ``<name>-before-resume-N``, with the smallest free N from 1."""
    number = 1
    while (aside := path.with_name(f"{path.stem}-before-resume-{number}{path.suffix}")).exists():
        number += 1
    if path.exists():
        path.rename(aside)
