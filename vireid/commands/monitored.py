"""Callbacks that watch a metric: whether anything logs it, and whether more of it is better."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback, ModelCheckpoint

from vireid.errors import SettingsError

COUNTERS = ("epoch", "step")  # which a checkpoint callback may watch too
BETTER = {"train/loss": "min", **dict.fromkeys(("val/mAP", "val/rank1", "val/top1", "val/top5"), "max")}  # modes of what every task logs


def check_validated(trainer: pl.Trainer, validation: bool) -> None:
    """Refuse, before the training, to watch a validation that does not take place, or to keep the worst of it.

    Args:
        trainer: has the callbacks.
        validation: whether the data holds out people, or classes have images to validate with.

    Raises:
        SettingsError: a callback watches a metric whose name begins with ``val/``, or takes the worse value of a metric for the better.
    """
    for callback, metric, mode in _watched(trainer):
        if metric.startswith("val/") and not (validation and trainer.limit_val_batches):
            raise SettingsError(
                f"{callback} watches `{metric}`, but there is no validation. Set `data.init_args.validation` (heldout, or "
                "faithful_test_set) and no `trainer.limit_val_batches` of 0, or let it watch `train/loss`."
            )
        if mode is not None and mode != BETTER.get(metric, mode):
            better = "larger" if mode == "min" else "smaller"
            raise SettingsError(
                f"{callback} watches `{metric}` with `mode: {mode}`, but {better} values of it are better. Set `mode: {BETTER[metric]}`."
            )


class BestCheckpoint(ModelCheckpoint):
    """The checkpoint of the best epoch. A class of its own, because Lightning tells the states of two callbacks of one class apart by what
    they watch, and a user may keep further epochs by the same metric.

    Args:
        path: the file.
        metric: value that validation logs and that is highest for the best checkpoint.
    """

    def __init__(self, path: Path, metric: str) -> None:
        super().__init__(path.parent, path.stem, monitor=metric, mode="max", enable_version_counter=False)
        self._name = path.name

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a state. The folder of the run, with the file in it, may have been moved since; Lightning would forget the score."""
        here = os.fspath(Path(self.dirpath or "") / self._name)
        if Path(here).is_file() and state_dict.get("best_k_models"):
            scores = dict.fromkeys([here], *state_dict["best_k_models"].values())
            places = dict.fromkeys(("best_model_path", "kth_best_model_path"), here)
            state_dict = {**state_dict, **places, "best_k_models": scores, "dirpath": self.dirpath}
        super().load_state_dict(state_dict)


class MonitoredMetrics(Callback):
    """Ends a training if a callback watches a metric that nothing logs: at the first validation for one whose name begins with ``val/``,
    at the end of the first epoch for another. Epochs without a validation say nothing of the first kind.
    """

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002 (interface)
        if not trainer.sanity_checking:
            self._check(trainer, of_validation=True)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        self._check(trainer, of_validation=False)

    def _check(self, trainer: pl.Trainer, of_validation: bool) -> None:
        logged = trainer.callback_metrics
        for callback, metric, _ in _watched(trainer):
            if metric not in logged and metric.startswith("val/") == of_validation:
                raise SettingsError(f"{callback} watches `{metric}`, which nothing logs. There is {', '.join(sorted(logged))}.")


def _watched(trainer: pl.Trainer) -> Iterator[tuple[str, str, str | None]]:
    """Classes of callbacks, each with the metric that it insists on, and which of its values it takes for better ones."""
    if trainer.fast_dev_run:  # type: ignore[attr-defined]  # set by Lightning, whose callbacks watch nothing then
        return
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        metric = getattr(callback, "monitor", None)
        counted = isinstance(callback, ModelCheckpoint) and metric in COUNTERS
        if isinstance(metric, str) and getattr(callback, "strict", True) and not counted:
            yield type(callback).__name__, metric, getattr(callback, "mode", None)
