"""Classes of torch that a file may name, where, and with what."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from vireid.errors import CheckpointError, SettingsError
from vireid.settings import check_class_paths, check_objects, import_class, instantiate
from vireid.settings.torch_classes import PLACES, public_classes, without_torch
from vireid.tasks import SGD, TorchOptimizer, TorchSchedule

RMSPROP = {"class_path": "torch.optim.RMSprop", "init_args": {"lr": 0.5, "foreach": None}}
STEP = {"class_path": "torch.optim.lr_scheduler.StepLR", "init_args": {"step_size": 2}}


def optimizer(value: Any, **shared: Any) -> dict[str, Any]:
    return {"class_path": "vireid.tasks.TorchOptimizer", "init_args": {"optimizer": value, **shared}}


def schedule(value: Any) -> dict[str, Any]:
    return {"class_path": "vireid.tasks.TorchSchedule", "init_args": {"scheduler": value}}


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module ``planted_code`` on the path; the file that is returned appears when it is imported."""
    flag = tmp_path / "imported"
    (tmp_path / "planted_code.py").write_text(f"open({str(flag)!r}, 'w').close()\nclass Planted: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    return flag


def read(settings: Any) -> Any:
    """As a checkpoint is read."""
    check_class_paths(settings)
    check_objects(settings)
    return instantiate(settings)


def test_the_places_are_arguments_of_ours() -> None:
    for cls, name in ((TorchOptimizer, "optimizer"), (TorchSchedule, "scheduler")):
        assert (f"vireid.tasks.{cls.__name__}", name) in PLACES
    assert len(PLACES) == 2


def test_public_classes_are_torch_s_own() -> None:
    found = public_classes("torch.optim", "Optimizer")
    assert found["torch.optim.RMSprop"] is torch.optim.RMSprop
    assert not {"torch.optim.Optimizer", "torch.optim.lr_scheduler", "torch.optim.swa_utils"} & set(found)
    assert all(path.count(".") == 2 for path in found)


def test_a_class_of_torch_in_its_place_is_rebuilt() -> None:
    made = read(optimizer(RMSPROP, schedule=schedule(STEP), lr_factors={"trunk": 0.1}))
    assert made.choice.settings() == RMSPROP
    assert made.schedule.choice.settings() == STEP
    rest, ours = without_torch(optimizer(RMSPROP, gradient_clip_val=1.0))
    assert rest == {"class_path": "vireid.tasks.TorchOptimizer", "init_args": {"gradient_clip_val": 1.0}}
    assert (ours["optimizer"].func, ours["optimizer"].keywords) == (torch.optim.RMSprop, RMSPROP["init_args"])


PATHS = [
    "planted_code.Planted",
    "torch.optim.RMSpropX",
    "torch.optim.Optimizer",
    "torch.optim.rmsprop.RMSprop",
    "torch.optim.lr_scheduler.StepLR",
    "torch.optim.lr_scheduler.Optimizer",
    "torch.optim.swa_utils.SWALR",
    "torch.optim._multi_tensor.SGD",
    "torch.optim.planted_code",
    "torch.optim.",
    "torch.optim",
    "torch.optim.RMSprop.step",
    "torch.optim..RMSprop",
    " torch.optim.RMSprop",
    "torch.nn.Linear",
    "torch.load",
    "os.system",
    "vireid.tasks.SGD",
    "RMSprop",
    "",
    None,
    3,
    ["torch.optim.RMSprop"],
]


@pytest.mark.parametrize("path", PATHS)
def test_any_other_path_is_refused_before_it_is_imported(planted: Path, path: Any) -> None:
    settings, modules = optimizer({"class_path": path, "init_args": {}}), set(sys.modules)
    for reading in (check_class_paths, check_objects, instantiate):
        with pytest.raises(CheckpointError, match=r"asks to import .* as vireid\.tasks\.TorchOptimizer\(optimizer=\.\.\.\)"):
            reading(settings)
    assert not planted.exists()
    assert set(sys.modules) == modules


@pytest.mark.parametrize("path", ["torch.optim.RMSprop", "torch.optim.lr_scheduler._LRScheduler", "torch.optim.lr_scheduler.LRScheduler"])
def test_a_schedule_is_a_scheduler(path: str) -> None:
    with pytest.raises(CheckpointError, match=r"There it may name a public class of torch\.optim\.lr_scheduler, and nothing else"):
        check_class_paths(schedule({"class_path": path}))


@pytest.mark.parametrize(
    "settings",
    [
        RMSPROP,
        {"class_path": "vireid.RetrainModule", "init_args": {"optimizer": RMSPROP}},
        {"class_path": "vireid.tasks.SGD", "init_args": {"schedule": STEP}},
        optimizer(RMSPROP, schedule=STEP),
        optimizer([RMSPROP]),
        {"class_path": "vireid.tasks.TorchOptimizer", "init_args": {"scheduler": RMSPROP}},
        {"class_path": "vireid.tasks.TorchSchedule", "init_args": {"optimizer": STEP}},
        {"class_path": "vireid.tasks.optimisation.torch_optimizer.TorchOptimizer", "init_args": {"optimizer": RMSPROP}},
        {"class_path": "vireid.tasks.EMA", "init_args": {"optimizer": RMSPROP}},
        {"optimizer": RMSPROP},
        {"class_path": "vireid.tasks.TorchOptimizer", "optimizer": RMSPROP},
    ],
)
def test_classes_of_torch_elsewhere_are_refused(settings: Any) -> None:
    with pytest.raises(CheckpointError, match=r"asks to import 'torch\.optim|are damaged: unexpected 'optimizer'"):
        check_class_paths(settings)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lr": "planted_code.Planted"}, "`lr` must be a number or a word, got 'planted_code.Planted'"),
        ({"lr": {"class_path": "planted_code.Planted"}}, "`lr` must be a number or a word, got {'class_path'"),
        ({"lr": [{"class_path": "planted_code.Planted"}]}, "`lr` must be a number or a word"),
        ({"lr": ["planted_code.Planted"]}, "`lr` must be a number or a word"),
        ({"lr": [[0.1]]}, "`lr` must be a number or a word"),
        ({"lr": "planted_code.py"}, "`lr` must be a number or a word"),
        ({"lr": "/etc/passwd"}, "`lr` must be a number or a word"),
        ({"lr.class_path": "planted_code.Planted"}, "`lr.class_path` must be a number or a word"),
        ([0.1], "must be `class_path` and `init_args`"),
        ("planted_code.Planted", "must be `class_path` and `init_args`"),
    ],
)
def test_arguments_that_could_be_imported_are_refused(planted: Path, arguments: Any, message: str) -> None:
    settings = optimizer({"class_path": "torch.optim.RMSprop", "init_args": arguments})
    for reading in (check_class_paths, check_objects, instantiate):
        with pytest.raises(CheckpointError, match=message.replace(".", r"\.").replace("{", r"\{")):
            reading(settings)
    assert not planted.exists()


def test_keys_beside_class_path_and_init_args_are_refused() -> None:
    for extra in ({"dict_kwargs": {"lr": 1.0}}, {"lr": 1.0}):
        with pytest.raises(CheckpointError, match="must be `class_path` and `init_args`, got"):
            check_class_paths(optimizer({**RMSPROP, **extra}))


@pytest.mark.parametrize("text", ["planted_code.Planted", "torch.optim.RMSprop", "os.system", "planted.yaml"])
def test_a_text_in_place_of_a_class_of_torch(planted: Path, text: str) -> None:
    """A parser would import it."""
    for settings, name in ((optimizer(text), "optimizer"), (schedule(text), "scheduler"), (SGD(0.1).settings(), "schedule")):
        hostile = {**settings, "init_args": {**settings["init_args"], name: text}}
        check_class_paths(hostile)
        with pytest.raises(CheckpointError, match=f"needs the settings of an object as `{name}`"):
            check_objects(hostile)
    assert not planted.exists()


def test_no_class_of_torch_is_imported_by_itself() -> None:
    with pytest.raises(CheckpointError, match=r"asks to import 'torch\.optim\.RMSprop'. Only classes of vireid are imported"):
        import_class("torch.optim.RMSprop")


def test_arguments_that_do_not_fit_are_an_error_of_the_file() -> None:
    with pytest.raises(SettingsError, match=r"torch\.optim\.RMSprop cannot be built from its arguments: .*alhpa"):
        read(optimizer({"class_path": "torch.optim.RMSprop", "init_args": {"alhpa": 0.5}}))
