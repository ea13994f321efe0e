from pathlib import Path

import numpy as np
import pytest
import torch

from vireid.errors import SettingsError
from vireid.tasks import Constant, WarmupCosine, WarmupMultiStep

GOLDEN = np.load(Path(__file__).parents[2] / "golden" / "cmnas_lr.npz")
BASES = np.array([0.001, 0.01, 0.01])  # trunk, neck, classifier: README of the golden files


def rates(schedule: WarmupMultiStep, epochs: int) -> np.ndarray:
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr} for lr in BASES]
    optimizer = torch.optim.SGD(groups)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: schedule(epoch))
    table = []
    for _ in range(epochs):
        table.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    return np.array(table)


def test_constant() -> None:
    assert [Constant()(epoch) for epoch in (0, 1, 99)] == [1.0, 1.0, 1.0]
    assert (Constant().length, Constant().over(7).settings()["class_path"]) == (0, "vireid.tasks.Constant")


def test_published_schedule_equals_the_golden_rates() -> None:
    np.testing.assert_allclose(rates(WarmupMultiStep(), 120), GOLDEN["lr_default"], rtol=1e-12)


def test_other_arguments_equal_the_golden_rates() -> None:
    schedule = WarmupMultiStep(
        tuple(int(m) for m in GOLDEN["alt_milestones"]),
        float(GOLDEN["alt_gamma"]),
        int(GOLDEN["alt_warmup_epochs"]),
        float(GOLDEN["alt_warmup_factor"]),
    )
    np.testing.assert_allclose(rates(schedule, 12), GOLDEN["lr_alt"], rtol=1e-12)


def test_descending_milestones_are_refused() -> None:
    with pytest.raises(SettingsError, match="ascending order"):
        WarmupMultiStep((70, 40))


def test_cosine_ends_near_zero_and_refuses_a_warm_up_that_fills_the_run() -> None:
    schedule = WarmupCosine(10, 2)
    assert schedule(0) < schedule(1) < schedule(2) == 1.0
    assert 0 < schedule(9) < 0.05
    with pytest.raises(SettingsError, match=r"0\.\.3 for 4 epochs"):
        WarmupCosine(4, 4)


def test_lengths_say_how_long_a_run_must_be() -> None:
    assert WarmupMultiStep((30, 45), warmup_epochs=5).length == 46
    assert WarmupMultiStep((), warmup_epochs=5).length == 5
    assert WarmupCosine(12, 1).length == 12
    assert WarmupCosine(None, 3).length == 3


def test_a_cosine_of_open_length_takes_that_of_the_run() -> None:
    schedule = WarmupCosine(warmup_epochs=2)
    assert [schedule.over(10)(epoch) for epoch in range(10)] == [WarmupCosine(10, 2)(epoch) for epoch in range(10)]
    assert WarmupCosine(4).over(10)(4) == 0
    with pytest.raises(SettingsError, match="needs the length of the run"):
        schedule(5)
    for epochs in (2, -1):
        with pytest.raises(SettingsError, match=f"`trainer.max_epochs` is {epochs}: set it above the `warmup_epochs`"):
            schedule.over(epochs)
    steps = WarmupMultiStep()
    assert steps.over(10) is steps
