"""Which errors of Lightning are sentences, and which stay tracebacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException

from vireid.commands.refusals import refusal
from vireid.errors import CheckpointError, SettingsError


def raised(call: Callable[[], Any]) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011 (any)
        call()
    return caught.value


def test_what_lightning_raises_before_the_first_batch() -> None:
    error = raised(lambda: pl.Trainer(accelerator="nothing", logger=False))
    assert isinstance(refusal(error, False, None), SettingsError)
    if not isinstance(error, MisconfigurationException):
        assert refusal(error, True, None) is None


def test_misconfigurations_at_any_time() -> None:
    assert str(refusal(MisconfigurationException("two\n  lines"), True, None)) == "two lines"


def test_faults_of_programs_keep_their_traceback() -> None:
    assert refusal(raised(lambda: torch.ones(2) @ torch.ones(3)), False, "last.ckpt") is None
    assert refusal(ValueError("x"), False, None) is None


@pytest.mark.parametrize("error", [KeyError("epoch_loop.state_dict"), ValueError("another number of groups"), TypeError("x")])
def test_what_a_checkpoint_brings_cannot_be_restored(error: Exception) -> None:
    def restoring(error: Exception) -> None:
        raise error

    names = {"__name__": "pytorch_lightning.trainer.connectors.checkpoint_connector", "restoring": restoring}
    exec("def restore_training_state(error): restoring(error)", names)  # a frame of that module
    found = refusal(raised(lambda: names["restore_training_state"](error)), False, "last.ckpt")  # type: ignore[operator]
    assert isinstance(found, CheckpointError)
    assert str(found).startswith("'last.ckpt' is damaged, or of another run: what it holds cannot be restored (")
