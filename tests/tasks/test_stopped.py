"""A training that is stopped inside an epoch goes on with the batches that are left, and ends as if it had not been stopped."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.exceptions import SIGTERMException

from tests.tasks.test_resume import assert_equal
from vireid import RegDBDataModule, RetrainModule, SearchModule
from vireid.errors import CheckpointError
from vireid.search import BNSeparation
from vireid.tasks import EMA, SGD, FrozenBase, LastCheckpoint, ReIDModule, SafeCheckpointIO, StopWhenStable, TwoLevels, WarmupCosine
from vireid.tasks.callbacks.recalibration import training_rows

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*hold fewer than 10 images:UserWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:pytorch_lightning"),
]
SPACE = BNSeparation("resnet10", width=8)
EPOCHS, BATCHES = 2, 4
STATE = ("state_dict", "optimizer_states", "lr_schedulers", "ema", "epoch", "global_step")
SCHEDULE = WarmupCosine(EPOCHS)


class StopAt(pl.Callback):
    """Stops in the first epoch, in a hook of this batch."""

    def __init__(self, hook: str, batch: int, by_signal: bool) -> None:
        self.hook, self.batch, self.by_signal = hook, batch, by_signal

    def _here(self, trainer: pl.Trainer, hook: str, batch: int) -> None:
        if (hook, batch, trainer.current_epoch) != (self.hook, self.batch, 0) or trainer.sanity_checking:
            return
        if self.by_signal:
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            trainer.should_stop = True

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self._here(trainer, "training", batch_idx)

    def on_validation_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        self._here(trainer, "validation", args[3])


def retraining(**changed: Any) -> RetrainModule:
    optimizer = SGD(0.05, schedule=SCHEDULE)
    return RetrainModule(6, "stem_separate", SPACE, weights=None, optimizer=optimizer, **changed)


def search(windows: int = 1) -> SearchModule:
    return SearchModule(
        6, SPACE, weights=None, optimizer=SGD(0.05, schedule=SCHEDULE), strategy=TwoLevels(warmup_epochs=0), accumulate_grad_batches=windows
    )


def fit(module: ReIDModule, root: Path, folder: Path, *callbacks: pl.Callback, go_on: bool = False, **settings: Any) -> dict[str, Any]:
    """Train; the last checkpoint."""
    split = "image" if isinstance(module, SearchModule) else "none"
    validation = "faithful_test_set" if "check_val_every_n_epoch" in settings or "val_check_interval" in settings else "none"
    data = RegDBDataModule(
        root,
        height=32,
        width=16,
        identities_per_batch=2,
        images_per_identity=2,
        num_workers=0,
        eval_batch_size=8,
        search_split=split,  # type: ignore[arg-type]
        validation=validation,  # type: ignore[arg-type]
        cache_images=True,
    )
    last = folder / "checkpoints" / "last.ckpt"
    trainer = pl.Trainer(
        **{"max_epochs": EPOCHS, **settings},
        limit_train_batches=BATCHES,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        default_root_dir=folder,
        callbacks=[LastCheckpoint(last.parent), *callbacks],
        plugins=[SafeCheckpointIO()],
    )
    try:
        trainer.fit(module, datamodule=data, ckpt_path=last if go_on else None, weights_only=False if go_on else None)
    except SIGTERMException:
        assert any(isinstance(callback, StopAt) and callback.by_signal for callback in callbacks)
    return torch.load(last, weights_only=True)  # type: ignore[no-any-return]


def state(content: dict[str, Any]) -> dict[str, Any]:
    return {key: content[key] for key in STATE if key in content}


VALIDATING = {"check_val_every_n_epoch": 1}
CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "retraining": (retraining, {}),
    "accumulated": (retraining, {"accumulate_grad_batches": 3}),
    "averaged": (lambda: retraining(ema=EMA(0.9, "average")), VALIDATING),
    "within": (lambda: retraining(ema=EMA(0.9, "average")), {"val_check_interval": 2}),
    "search": (search, {}),
    "search of windows": (lambda: search(3), {}),
}
STOPS = [
    *((case, "training", batch, by_signal) for case in ("retraining", "search") for batch, by_signal in ((1, False), (2, True))),
    *(("accumulated", "training", batch, by_signal) for batch, by_signal in ((0, False), (1, True))),
    ("search of windows", "training", 1, True),
    *(("averaged", hook, batch, True) for hook, batch in (("training", 1), ("training", 3), ("validation", 1))),
    *(("within", hook, 1, by_signal) for hook, by_signal in (("training", False), ("training", True), ("validation", True))),
]


@pytest.fixture(scope="module")
def whole(regdb_root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The end of every uninterrupted run."""
    return {name: fit(make(), regdb_root, tmp_path_factory.mktemp("whole"), **settings) for name, (make, settings) in CASES.items()}


@pytest.mark.parametrize(("case", "hook", "batch", "by_signal"), STOPS)
def test_what_is_left_of_the_epoch_is_run(
    case: str, hook: str, batch: int, by_signal: bool, whole: dict[str, Any], regdb_root: Path, tmp_path: Path
) -> None:
    make, settings = CASES[case]
    stopped = fit(make(), regdb_root, tmp_path, StopAt(hook, batch, by_signal), **settings)
    done = stopped["loops"]["fit_loop"]["epoch_loop.batch_progress"]["current"]["completed"]
    assert stopped["epoch"] == 0
    assert done == batch + 1 or hook == "validation"
    seen = Validations()
    gone_on = fit(make(), regdb_root, tmp_path, seen, go_on=True, **settings)
    assert_equal(state(gone_on), state(whole[case]))
    assert "gradients" not in gone_on
    if hook == "validation":
        assert seen.batches[0] == 0, "the validation is run again, as a whole"


class Validations(pl.Callback):
    """Notes the batches of all validations."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def on_validation_batch_start(self, *args: Any) -> None:
        self.batches.append(args[3])


@pytest.mark.parametrize(
    ("case", "steps", "later"),
    [
        *(("retraining", steps, later) for steps in (3, 4) for later in ({}, {"max_steps": EPOCHS * BATCHES})),
        ("accumulated", 1, {}),
        ("search", 4, {}),
    ],
)
def test_a_run_of_so_many_steps_goes_on(
    case: str, steps: int, later: dict[str, Any], whole: dict[str, Any], regdb_root: Path, tmp_path: Path
) -> None:
    make, settings = CASES[case]
    assert fit(make(), regdb_root, tmp_path, max_steps=steps, **settings)["global_step"] == steps
    assert_equal(state(fit(make(), regdb_root, tmp_path, go_on=True, **later, **settings)), state(whole[case]))


def test_a_frozen_base_stays_frozen_in_the_rest_of_its_epoch(regdb_root: Path, tmp_path: Path) -> None:
    wanted = fit(retraining(), regdb_root, tmp_path / "whole", FrozenBase(1))
    fit(retraining(), regdb_root, tmp_path, FrozenBase(1), StopAt("training", 1, by_signal=True))
    assert_equal(state(fit(retraining(), regdb_root, tmp_path, FrozenBase(1), go_on=True)), state(wanted))


def test_an_epoch_that_was_left_early_is_not_counted_as_stable(regdb_root: Path, tmp_path: Path) -> None:
    wanted = fit(search(), regdb_root, tmp_path / "whole", StopWhenStable(5))["callbacks"]
    fit(search(), regdb_root, tmp_path, StopWhenStable(5), StopAt("training", 1, by_signal=False))
    found = fit(search(), regdb_root, tmp_path, StopWhenStable(5), go_on=True)["callbacks"]
    assert found == wanted
    assert next(iter(found.values()))["ranking"]


class Poisoned(StopAt):
    """Spoils a weight before the signal comes."""

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, *args: Any) -> None:
        torch.nn.init.constant_(pl_module.network.neck.norm.weight, torch.nan)
        super().on_train_batch_end(trainer, pl_module, *args)


def test_weights_that_are_not_finite_are_not_kept(regdb_root: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):  # of the last checkpoint
        fit(retraining(), regdb_root, tmp_path, Poisoned("training", 1, by_signal=True))
    assert not list((tmp_path / "checkpoints").glob("*"))


def test_a_loop_inside_a_hook_ends_at_a_signal(regdb_root: Path, tmp_path: Path) -> None:
    class Inside(pl.Callback):
        rows = 0

        def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
            if trainer.current_epoch == 1:
                for _ in training_rows(trainer, 4):
                    self.rows += 1
                    os.kill(os.getpid(), signal.SIGTERM)

    inside = Inside()
    never = StopAt("nowhere", 0, by_signal=True)
    kept = fit(retraining(), regdb_root, tmp_path, inside, never)
    assert (inside.rows, kept["epoch"]) == (1, 0)  # the end of the epoch was not reached, and nothing half done is kept


def test_gradients_of_another_network_are_refused(regdb_root: Path, tmp_path: Path) -> None:
    stopped = fit(retraining(), regdb_root, tmp_path, StopAt("training", 1, by_signal=True), accumulate_grad_batches=3)
    assert stopped["gradients"].keys() == {name for name, value in retraining().named_parameters() if value.requires_grad}
    for wrong in (3, {"a": 1}, {"nowhere": torch.zeros(1)}, {next(iter(stopped["gradients"])): torch.zeros(1)}):
        with pytest.raises(CheckpointError, match="gradients"):
            retraining().on_load_checkpoint({**stopped, "gradients": wrong})
