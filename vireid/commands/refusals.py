"""Errors of Lightning that are about what the user asked for: they become a sentence."""

from __future__ import annotations

import traceback

from lightning_fabric.utilities.exceptions import MisconfigurationException

from vireid.errors import CheckpointError, SettingsError, VireidError

LIGHTNING = ("pytorch_lightning.", "lightning_fabric.")
RESTORING = "pytorch_lightning.trainer.connectors.checkpoint_connector"


def refusal(error: Exception, begun: bool, checkpoint: str | None) -> VireidError | None:
    """The error to end with in place of a traceback; ``None`` if ``error`` is a fault of a program.

    Args:
        error: what ended the run.
        begun: whether a batch has been trained on. After that, Lightning finds no fault in its arguments.
        checkpoint: the file that the run goes on from, or evaluates.
    """
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    text = f"{type(error).__name__}: {error}" if isinstance(error, LookupError) or not str(error) else " ".join(str(error).split())
    if checkpoint and any(frame.f_globals.get("__name__") == RESTORING and "restore" in frame.f_code.co_name for frame in frames):
        return CheckpointError(f"{checkpoint!r} is damaged, or of another run: what it holds cannot be restored ({text}).")
    if isinstance(error, MisconfigurationException):
        return SettingsError(text)
    raised_there = bool(frames) and str(frames[-1].f_globals.get("__name__")).startswith(LIGHTNING)
    return SettingsError(text) if raised_there and not begun and isinstance(error, (ValueError, TypeError, ImportError)) else None
