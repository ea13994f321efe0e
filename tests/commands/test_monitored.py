"""Callbacks that watch what nothing logs."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pytorch_lightning.callbacks import Callback, EarlyStopping, ModelCheckpoint

from vireid.commands.monitored import BestCheckpoint, MonitoredMetrics, check_validated
from vireid.errors import SettingsError

LOGGED = {"val/mAP": torch.tensor(0.5), "val/rank1": torch.tensor(0.5)}


def trainer(*callbacks: Callback, **settings: Any) -> Any:
    found = {"callbacks": callbacks, "callback_metrics": LOGGED, "fast_dev_run": 0, "sanity_checking": False, "limit_val_batches": 1.0}
    return SimpleNamespace(**{**found, **settings})


def test_a_misspelt_metric_is_named_at_the_first_validation() -> None:
    module: Any = None
    for watching in (EarlyStopping("val/map"), ModelCheckpoint(monitor="val/map")):
        found = trainer(EarlyStopping("val/mAP", mode="max"), watching)
        check_validated(found, True)
        MonitoredMetrics().on_validation_end(trainer(watching, sanity_checking=True), module)
        with pytest.raises(SettingsError, match=r"watches `val/map`, which nothing logs\. There is val/mAP, val/rank1\."):
            MonitoredMetrics().on_validation_end(found, module)


def test_the_best_score_is_known_where_the_folder_was_moved(tmp_path: Path) -> None:
    before, after, elsewhere = (BestCheckpoint(tmp_path / name / "best.ckpt", "val/mAP") for name in ("before", "after", "elsewhere"))
    score, file = torch.tensor(0.5), str(tmp_path / "before" / "best.ckpt")
    before.best_model_score, before.kth_value, before.best_model_path, before.kth_best_model_path = score, score, file, file
    before.best_k_models = {file: score}
    (tmp_path / "after").mkdir()
    (tmp_path / "after" / "best.ckpt").touch()
    after.load_state_dict(before.state_dict())
    here = str(tmp_path / "after" / "best.ckpt")
    assert (after.best_k_models, after.best_model_score, after.best_model_path) == ({here: score}, score, here)
    with pytest.warns(UserWarning, match="The dirpath has changed"):  # a run of its own from that checkpoint, without the file
        elsewhere.load_state_dict(before.state_dict())
    assert not elsewhere.best_k_models


def test_a_metric_of_the_training_is_there_when_the_epoch_ends() -> None:
    module: Any = None
    found = trainer(EarlyStopping("train/loss"))
    MonitoredMetrics().on_validation_end(found, module)
    with pytest.raises(SettingsError, match="EarlyStopping watches `train/loss`, which nothing logs"):
        MonitoredMetrics().on_train_epoch_end(found, module)
    MonitoredMetrics().on_train_epoch_end(trainer(EarlyStopping("train/loss"), callback_metrics={"train/loss": torch.tensor(1.0)}), module)


def test_an_epoch_without_a_validation_says_nothing_of_its_metrics() -> None:
    MonitoredMetrics().on_train_epoch_end(trainer(ModelCheckpoint(monitor="val/mAP"), callback_metrics={}), None)  # type: ignore[arg-type]


def test_what_need_not_be_logged() -> None:
    module: Any = None
    harmless = (EarlyStopping("val/map", strict=False), ModelCheckpoint(), ModelCheckpoint(monitor="step"), Callback())
    for found in (trainer(*harmless), trainer(EarlyStopping("val/map"), fast_dev_run=1)):
        check_validated(found, False)
        MonitoredMetrics().on_train_epoch_end(found, module)


@pytest.mark.parametrize(("validation", "batches"), [(False, 1.0), (True, 0)])
def test_no_validation(validation: bool, batches: float) -> None:
    with pytest.raises(SettingsError, match="EarlyStopping watches `val/mAP`, but there is no validation"):
        check_validated(trainer(EarlyStopping("val/mAP"), limit_val_batches=batches), validation)


@pytest.mark.parametrize(
    ("callback", "told"),
    [
        (
            EarlyStopping("val/mAP"),
            "EarlyStopping watches `val/mAP` with `mode: min`, but larger values of it are better. Set `mode: max`.",
        ),
        (ModelCheckpoint(monitor="val/top1"), "ModelCheckpoint watches `val/top1` with `mode: min`"),
        (EarlyStopping("train/loss", mode="max"), "but smaller values of it are better. Set `mode: min`."),
    ],
)
def test_the_worse_value_of_a_metric_is_not_kept(callback: Callback, told: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(told)):
        check_validated(trainer(callback), True)
    check_validated(trainer(EarlyStopping("own", mode="max"), ModelCheckpoint(monitor="val/mAP", mode="max")), True)
