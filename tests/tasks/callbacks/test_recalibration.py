"""The callback evaluates with statistics of its own and leaves no trace."""

import json
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from vireid import RetrainModule, SearchModule, SYSUDataModule
from vireid.errors import SettingsError
from vireid.results import results_table
from vireid.search import BNSeparation
from vireid.tasks.callbacks.recalibration import Recalibration, training_batches
from vireid.tasks.callbacks.running_statistics import recalibrate
from vireid.tasks.optimisation.ema import EMA

pytestmark = pytest.mark.filterwarnings("ignore:.*hold fewer than 10 images:UserWarning")


def data(root: Path, **arguments: Any) -> SYSUDataModule:
    sizes = {"height": 32, "width": 16, "identities_per_batch": 2, "images_per_identity": 2, "num_workers": 0}
    return SYSUDataModule(root, **{**sizes, "validation": "heldout", **arguments})


def trainer(folder: Path, *callbacks: pl.Callback, **arguments: Any) -> pl.Trainer:
    quiet: dict[str, Any] = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    quiet |= {"accelerator": "cpu", "enable_checkpointing": False, "limit_train_batches": 2, "num_sanity_val_steps": 1}
    return pl.Trainer(max_epochs=2, default_root_dir=folder, callbacks=list(callbacks), **{**quiet, **arguments})


def child(datamodule: SYSUDataModule, **arguments: Any) -> RetrainModule:
    return RetrainModule(datamodule.num_classes, "all_separate", BNSeparation("resnet10", width=8), weights=None, **arguments)


class Statistics(pl.Callback):
    """Running statistics while a network is evaluated."""

    def __init__(self) -> None:
        self.seen: list[dict[str, torch.Tensor]] = []

    def _keep(self, module: pl.LightningModule) -> None:
        self.seen.append({name: value.clone() for name, value in module.state_dict().items() if "running" in name})

    def on_validation_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any) -> None:
        self._keep(module)

    def on_test_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any) -> None:
        self._keep(module)

    def on_predict_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any) -> None:
        self._keep(module)


@pytest.mark.parametrize(("stage", "cached"), [("validate", True), ("test", True), ("predict", False)])
def test_an_evaluation_sees_the_averages_and_the_network_keeps_its_own(sysu_root: Path, tmp_path: Path, stage: str, cached: bool) -> None:
    datamodule, watch = data(sysu_root, cache_images=cached), Statistics()
    module = child(datamodule)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    runner = trainer(tmp_path, Recalibration(2), watch)
    getattr(runner, stage)(module, datamodule=datamodule)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    rows = [datamodule.on_after_batch_transfer(batch, 0) for batch in training_batches(runner, 2)]
    recalibrate(module.network, rows)
    for name, value in watch.seen[-1].items():
        assert torch.equal(value, module.state_dict()[name])
        assert not torch.equal(value, before[name])


def test_rows_say_so_and_later_rows_do_not(sysu_root: Path, tmp_path: Path) -> None:
    datamodule = data(sysu_root)
    module = SearchModule(datamodule.num_classes, BNSeparation("resnet10", width=8), weights=None)
    trainer(tmp_path / "with", Recalibration(2)).test(module, datamodule=datamodule, verbose=False)
    note = "derived child with inherited weights, not retrained; running statistics re-estimated on 2 training batches"
    assert {result.remark for result in module.results} == {note}
    rows = json.loads((tmp_path / "with" / "metrics.json").read_text())["results"]
    assert rows
    assert all(row["remark"] == note for row in rows)
    labels = results_table(module.results, "").columns[0].cells
    assert all(note in str(label) for label in labels)
    assert module.notes == []
    child_of_it = child(datamodule)
    trainer(tmp_path / "one", Recalibration(1)).validate(child_of_it, datamodule=datamodule, verbose=False)
    assert {result.remark for result in child_of_it.results} == {"running statistics re-estimated on 1 training batch"}
    trainer(tmp_path / "without").validate(child_of_it, datamodule=datamodule, verbose=False)
    assert {result.remark for result in child_of_it.results} == {""}


@pytest.mark.parametrize("ema", [False, True])
def test_training_is_the_same_with_it_and_without(sysu_root: Path, tmp_path: Path, ema: bool) -> None:
    states, statistics = [], []
    for callbacks in ([], [Recalibration(1)]):
        datamodule, watch = data(sysu_root), Statistics()
        module = child(datamodule, ema=EMA(0.9, mode="average") if ema else None)
        trainer(tmp_path, *callbacks, watch).fit(module, datamodule=datamodule)
        states.append(module.state_dict())
        statistics.append(watch.seen)
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    for plain, recalibrated in zip(*statistics, strict=True):
        differ = [not torch.equal(value, recalibrated[name]) for name, value in plain.items()]
        assert all(differ) or (plain is statistics[0][0] and not any(differ)), "all but the sanity check's"


def test_a_failed_evaluation_leaves_the_statistics(sysu_root: Path, tmp_path: Path) -> None:
    class Fails(pl.Callback):
        def on_validation_batch_end(self, *_: Any) -> None:
            raise RuntimeError("stop")

    datamodule = data(sysu_root)
    module = child(datamodule)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    with pytest.raises(RuntimeError, match="stop"):
        trainer(tmp_path, Recalibration(1), Fails()).validate(module, datamodule=datamodule)
    assert module.notes == []
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_batches_are_the_first_of_training_at_any_time(sysu_root: Path, tmp_path: Path) -> None:
    datamodule = data(sysu_root)
    module, runner = child(datamodule), trainer(tmp_path)
    runner.fit(module, datamodule=datamodule)
    late = training_batches(runner, 2)
    other = data(sysu_root)
    early = list(other.train_dataloader())[:2]
    assert [batch.key for batch in late] == [batch.key for batch in early]
    assert all(torch.equal(a.images, b.images) for a, b in zip(late, early, strict=True))
    assert len(training_batches(runner, 10_000)) == len(other.train_dataloader()), "an epoch at most"


def test_senseless_use_is_refused(sysu_root: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="`batches` must be at least 1, got 0"):
        Recalibration(0)
    with pytest.raises(SettingsError, match="pass a vireid `datamodule="):
        training_batches(trainer(tmp_path), 1)
