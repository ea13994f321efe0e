"""Temperatures by epoch."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.golden.cdnet import golden
from vireid.errors import SettingsError
from vireid.search import CombinedDepth
from vireid.settings import instantiate
from vireid.tasks import Fixed, Geometric, Linear, SearchModule, Stepped, Temperature, TwoLevels
from vireid.tasks.search.temperature import geometric, linear, stepped

DATA = golden("schedules")
OSNET = np.load(Path(__file__).parents[2] / "golden" / "osnet_nas_mixing.npz")
ALL = [Geometric(), Linear(), Stepped(), Fixed()]


@pytest.mark.parametrize("temperature", ALL, ids=lambda t: type(t).__name__)
@pytest.mark.parametrize("steps", [0, 1, 2, 120])
def test_contract(temperature: Temperature, steps: int) -> None:
    values = [temperature(step, steps) for step in range(-3, steps + 2)]
    assert values[:3] == [values[0]] * 3, "the warm-up has the first temperature"
    assert all(0 < later <= earlier for earlier, later in pairwise(values))
    assert instantiate(temperature.settings()).settings() == temperature.settings()


def test_a_fixed_temperature_stays() -> None:
    assert {Fixed(0.7)(step, 50) for step in range(-1, 60)} == {0.7}


def test_temperature_runs_from_first_to_last_architecture_epoch() -> None:
    values = [geometric(5.0, 0.5, step, 50) for step in range(-10, 50)]
    assert values[:11] == [5.0] * 11
    assert values[-1] == pytest.approx(0.5)
    assert np.allclose(np.diff(np.log(values[10:])), np.log(0.1) / 49)


@pytest.mark.parametrize("row", range(6))
def test_stepped_temperature_equals_the_published_code(row: int) -> None:
    start, floor, every, factor, fixed = OSNET["temp_cfg"][row].tolist()
    if fixed or every == -1:  # the published code then leaves the floor alone
        found = [geometric(start, start, epoch, 150) for epoch in range(150)]
    else:
        found = [stepped(start, floor, epoch, int(every), factor) for epoch in range(150)]
    np.testing.assert_allclose(found, OSNET["temp_lmda"][row], rtol=1e-12)


def test_temperature_of_the_gdas_folder() -> None:
    found = [linear(10.0, 0.1, epoch, 240) for epoch in range(240)]
    np.testing.assert_allclose(found, DATA["gdas_tau_240"], rtol=1e-12)
    assert linear(10.0, 0.1, 0, 1) == 0.1
    assert linear(10.0, 0.1, 0, 0) == 10.0


def test_a_search_takes_the_linear_temperature() -> None:
    space = CombinedDepth("cnet_3", planes=(8, 16), stages=(1,))
    module = SearchModule(4, space, None, strategy=TwoLevels(temperature=Linear(), warmup_epochs=0))
    module._trainer = SimpleNamespace(max_epochs=240, current_epoch=60)  # type: ignore[assignment]
    assert module.strategy.temperature_now(module) == pytest.approx(DATA["gdas_tau_240"][60], rel=1e-12)


@pytest.mark.parametrize("kind", [Geometric, Linear, Stepped])
@pytest.mark.parametrize("name", ["start", "end"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_impossible_temperatures_are_refused(kind: type[Temperature], name: str, value: float) -> None:
    with pytest.raises(SettingsError, match=f"`{name}` of {kind.__name__} must be a positive, finite number, got {value}"):
        kind(**{name: value})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start": 1.0, "end": 5.0}, "The temperature of Stepped falls, but `end` is above `start`: 5.0 and 1.0"),
        ({"every": 0}, "`every` of Stepped must be at least 1 epoch, got 0"),
        ({"factor": 0.0}, "`factor` of Stepped must be above 0 and at most 1, got 0.0"),
        ({"factor": 1.5}, "`factor` of Stepped must be above 0 and at most 1, got 1.5"),
    ],
)
def test_impossible_steps_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Stepped(**arguments)


def test_a_fixed_temperature_must_be_positive() -> None:
    with pytest.raises(SettingsError, match=r"`value` of Fixed must be a positive, finite number, got 0\.0"):
        Fixed(0.0)
