"""Where a training stands in its epoch, and what a checkpoint must hold so that it goes on from there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.exceptions import SIGTERMException
from torch import Tensor, nn

from vireid.errors import CheckpointError
from vireid.tasks.checkpoint_values import misfits


def check_sigterm(trainer: pl.Trainer) -> None:
    """End a loop inside one hook, where Lightning does not look, when the process was asked to end.

    Raises:
        SIGTERMException: Lightning's way to end a run, after which it calls ``on_exception``.
    """
    if getattr(trainer, "received_sigterm", False):
        raise SIGTERMException


def epoch_is_over(trainer: pl.Trainer) -> bool:
    """Whether every batch of the epoch was trained on. An epoch that was left early (by ``max_time``, say) is gone on with later."""
    done: Any = trainer.fit_loop.epoch_loop.batch_progress
    return bool(done.is_last_batch or done.current.ready >= trainer.num_training_batches)


def window_is_whole(trainer: pl.Trainer, module: pl.LightningModule) -> bool:
    """Whether the last batch ended an accumulation window, so that its gradients are in the weights."""
    batches = max(1, getattr(module, "accumulate_grad_batches", trainer.accumulate_grad_batches))
    return trainer.fit_loop.epoch_loop.batch_progress.current.ready % batches == 0 or epoch_is_over(trainer)


def is_between_batches(trainer: pl.Trainer) -> bool:
    """Whether a training stands inside an epoch, after one batch or in the validation after it, and before the next."""
    epoch, batch = trainer.fit_loop.epoch_progress.current, trainer.fit_loop.epoch_loop.batch_progress.current
    inside: bool = trainer.state.fn == "fit" and not trainer.sanity_checking and epoch.processed < epoch.started  # type: ignore[attr-defined]
    return inside and 0 < batch.ready == batch.completed and (trainer.validating or not epoch_is_over(trainer))


def validate_again(trainer: pl.Trainer) -> None:
    """Let a checkpoint that is written inside a validation say that this validation has not begun."""
    progress = trainer.fit_loop.epoch_loop.val_loop.batch_progress
    progress.reset()
    progress.total.ready = progress.total.started = 1  # type: ignore[attr-defined]  # "in the middle", from batch 0 on


def reopen_epoch(loops: dict[str, Any], batches: float) -> None:
    """Let a checkpoint at the end of an epoch that was left early say that the epoch is not over.

    Lightning counts such an epoch as processed, and would go on with the next.

    Args:
        loops: state of Lightning's fit loop, which is changed.
        batches: number of batches of an epoch.
    """
    epoch, batch = loops["epoch_progress"], loops["epoch_loop.batch_progress"]
    over = batch["is_last_batch"] or batch["current"]["ready"] >= batches
    if over or not batch["current"]["ready"] or epoch["current"]["processed"] < epoch["current"]["started"]:
        return
    for count in epoch.values():
        count["processed"] = count["completed"] = count["started"] - 1


def close_epoch(loops: dict[str, Any]) -> None:
    """Let a checkpoint at the end of a whole epoch say that the next has not begun.

    A run with ``max_steps`` would otherwise end that epoch once more, without a batch, in place of the next.

    Args:
        loops: state of Lightning's fit loop, which is changed.
    """
    epoch, batch = loops["epoch_progress"], loops["epoch_loop.batch_progress"]
    if not batch["is_last_batch"] or epoch["current"]["processed"] < epoch["current"]["started"]:
        return
    for count in epoch.values():
        count["completed"] = count["processed"]
    batch["current"] = dict.fromkeys(batch["current"], 0)
    batch["is_last_batch"] = False


def gradients_of(module: nn.Module) -> dict[str, Tensor]:
    """Gradients that no optimiser step has used yet, by name of the parameter."""
    return {name: value.grad.detach() for name, value in module.named_parameters() if value.grad is not None}


def check_gradients(found: Any, module: nn.Module) -> None:
    """Check the gradients of a checkpoint.

    Raises:
        CheckpointError: they are no tensors, or not those of this module.
    """
    if not (isinstance(found, Mapping) and all(isinstance(name, str) and isinstance(value, Tensor) for name, value in found.items())):
        raise CheckpointError("The checkpoint is damaged: its gradients must be tensors by name.")
    wanted = dict(module.named_parameters())
    differing = next((name for name in found if name not in wanted), None) or next(misfits(found, wanted, all_names=False), None)
    if differing is not None:
        raise CheckpointError(f"The gradients in the checkpoint are of another network: {differing}.")


def put_gradients(found: Mapping[str, Tensor], module: nn.Module) -> None:
    """Put gradients in place, as if their batches had just been run: each lies in memory as its parameter does."""
    for name, value in module.named_parameters():
        if name in found:
            value.grad = torch.empty_like(value, dtype=found[name].dtype).copy_(found[name])
