"""What was measured in the worlds: another part of a network pays in each of them. Written by ``measure.py``; nothing is trained here."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from tests.worlds.measure import points

TRUTH = Path(__file__).parent / "truth"
HALF = ["".join(code) for code in itertools.product("01", repeat=5) if code.count("1") % 2 == 0]
INSTANCE_FIRST = ("20000", "22000", "22200")


def measured(world: str, people: int = 0) -> dict[str, float]:
    """mAP of every point in percent, a mean over the seeds of the training."""
    runs = json.loads((TRUTH / f"{world}-{people}.json").read_text(encoding="utf-8"))["runs"]
    seeds = sorted({name.rpartition("/")[2] for name in runs})
    return {code: float(np.mean([runs[f"{code}/{seed}"] for seed in seeds])) for code in points()}


def effects(world: str, people: int = 0) -> tuple[list[float], float]:
    """Main effects of separating stem and stages 1 to 4 over the half of all separations, and their standard error: that of a linear model
    with ten degrees of freedom left, so that interactions count as noise."""
    found = measured(world, people)
    design = np.array([[1.0, *(1.0 if digit == "1" else -1.0 for digit in code)] for code in HALF])
    scores = np.array([found[code] for code in HALF])
    coefficients = np.linalg.lstsq(design, scores, rcond=None)[0]
    deviation = float(np.sqrt(((scores - design @ coefficients) ** 2).sum() / (len(HALF) - design.shape[1])))
    return [2 * float(value) for value in coefficients[1:]], 2 * deviation / len(HALF) ** 0.5


def best_separation(world: str) -> float:
    return max(value for code, value in measured(world).items() if set(code) <= set("01"))


def test_the_points_are_half_of_the_separations_singles_kinds_on_prefixes_and_random_ones() -> None:
    codes = points()
    assert len(codes) == len(set(codes)) == 16 + 6 + 15 + 16
    assert {*HALF, "10000", "00001", "11111", "22200", "44444"} <= {*codes}


@pytest.mark.parametrize("people", [0, 1])
@pytest.mark.parametrize(("world", "sign"), [("detail", 1), ("bars", -1)])
def test_the_stem_pays_most_in_detail_and_the_last_stage_more_in_bars(world: str, sign: int, people: int) -> None:
    found, error = effects(world, people)
    assert sign * (found[0] - found[4]) > 2 * 2**0.5 * error


@pytest.mark.parametrize("people", [0, 1])
def test_the_stem_does_not_pay_in_exposure(people: int) -> None:
    found, error = effects("exposure", people)
    assert found[0] < 2 * error


def test_instance_norm_on_the_first_stages_is_best_in_exposure_and_bad_in_bars() -> None:
    assert max(measured("exposure")[code] for code in INSTANCE_FIRST) == max(measured("exposure").values())
    assert max(measured("bars")[code] for code in INSTANCE_FIRST[:2]) < best_separation("bars") - 4  # 22200 is 3.6 behind


@pytest.mark.parametrize("world", ["detail", "bars", "exposure"])
def test_sharing_everything_loses_though_inputs_are_matched(world: str) -> None:
    found = measured(world)
    assert best_separation(world) - found["00000"] > 2.5


def test_nothing_is_to_be_found_in_contrast() -> None:
    separations = [value for code, value in measured("contrast").items() if set(code) <= set("01")]
    assert max(separations) - min(separations) < 1
