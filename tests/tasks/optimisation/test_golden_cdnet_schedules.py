"""Learning rates of the published CDNet code, by epoch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.golden.cdnet import golden
from vireid.errors import SettingsError
from vireid.tasks import Exponential, LinearWarmup, WarmupCosine, WarmupMultiStep
from vireid.tasks.optimisation.schedules import Schedule

DATA = golden("schedules")
RECIPES: dict[str, tuple[float, Schedule]] = {
    "reid_350": (6.5e-2, WarmupMultiStep((150, 225, 300), warmup_epochs=0)),
    "msmt_pretrained_240": (4.5e-2, WarmupMultiStep((150, 225, 300), warmup_epochs=0)),
    "imagenet_240": (0.1, Exponential(0.97)),
    "search_topk_weights_240": (0.025, WarmupCosine(240, floor=1e-4 / 0.025)),
    "search_darts_weights_120": (0.025, WarmupCosine(floor=1e-4 / 0.025).over(120)),
    "search_topk_arch_240": (3e-4, WarmupMultiStep((80, 160), warmup_epochs=0)),
    "search_darts_arch_120": (3e-4, WarmupMultiStep((40, 80), warmup_epochs=0)),
    "warmup_multistep": (3e-3, LinearWarmup(WarmupMultiStep((15, 25), warmup_epochs=0), 5, factor=0.5)),
    "warmup_cosine": (0.02, LinearWarmup(WarmupCosine(warmup_epochs=5, floor=1e-4 / 0.02), 5).over(40)),
}


@pytest.mark.parametrize("name", RECIPES)
def test_rates(name: str) -> None:
    base, schedule = RECIPES[name]
    rates = [base * schedule(epoch) for epoch in range(len(DATA[name]))]
    np.testing.assert_allclose(rates, DATA[name], rtol=1e-12)


def test_arguments_of_the_warm_ups_are_those_of_the_file() -> None:
    m1, m2, warmup, factor, epochs = DATA["warmup_multistep_args"]
    assert ((m1, m2), warmup, factor, epochs) == ((15, 25), 5, 0.5, len(DATA["warmup_multistep"]))
    assert DATA["warmup_cosine_args"].tolist() == [len(DATA["warmup_cosine"]), 1e-4, 5, 0.02]


def test_length_of_a_warm_up() -> None:
    assert LinearWarmup(WarmupCosine(), 5).length == 5
    assert LinearWarmup(WarmupMultiStep((15, 25)), 5).length == 26


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"warmup_epochs": 0}, "`warmup_epochs` must be at least 1, got 0. Without"), ({"factor": 0.0}, "`factor` must be above 0 and")],
)
def test_warm_ups_that_are_none(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        LinearWarmup(Exponential(), **arguments)


@pytest.mark.parametrize("gamma", [0.0, 1.1])
def test_gamma(gamma: float) -> None:
    with pytest.raises(SettingsError, match="`gamma` must be above 0 and at most 1"):
        Exponential(gamma)


@pytest.mark.parametrize("floor", [-0.1, 1.1])
def test_floor(floor: float) -> None:
    with pytest.raises(SettingsError, match="`floor` must be 0 to 1, a share of the base rate"):
        WarmupCosine(floor=floor)
