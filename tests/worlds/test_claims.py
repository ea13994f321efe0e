"""The figures of the study, on made-up results whose figures are known."""

from __future__ import annotations

from typing import Any

import pytest

from tests.worlds.claims import WORLDS, WorldStudy, against, best_constant, claims, kendall, pooled, table
from tests.worlds.measure import points
from tests.worlds.searches import pool
from tests.worlds.study import CONSTANTS, SEEDS, UNTIED, draw, joint_codes, random_points

SEED_EFFECT = (0.0, 1.0, -1.0)


def made_up(world: str, people: int, answer: str, worths: dict[str, float]) -> WorldStudy:
    """Every point is worth 20, but for ``worths``; the seeds of a training shift all points alike."""
    names = [*CONSTANTS, *UNTIED, *random_points(), "unmatched 00000", "unmatched 11111", *worths]
    runs = {f"{name}/{seed}": worths.get(name, 20.0) + SEED_EFFECT[seed] for name in names for seed in SEEDS}
    forks = {code: {"0.125": {"mAP": worths.get(code, 20.0) / 100}} for code in (answer, "11111")}
    one: dict[str, Any] = {"answer": answer, "forks": forks, "trainings": {"total": 2.0}}
    other = {**one, "answer": "00000", "argmax": "10000"}
    names = ["random_pool", "random_joint", "alternating_joint", "alternating_separation"]
    searches = {f"{name}/{seed}": other for name in names for seed in SEEDS} | {f"shortlist/{seed}": one for seed in SEEDS}
    return WorldStudy({"world": world, "people": people, "searches": searches, "runs": runs})


def test_worth_is_the_mean_over_seeds_and_a_shift_of_a_seed_is_no_noise() -> None:
    study = made_up("bars", 10, "00011", {"00011": 23.0, "11111": 22.0})
    assert study.worth("00011") == pytest.approx(23)
    assert study.arm("shortlist") == pytest.approx(23)
    assert study.noise == pytest.approx(0, abs=1e-6)
    assert study.regret("shortlist") == pytest.approx(0)
    assert study.regret("random points of the pool") == pytest.approx(3)
    assert study.above_random("shortlist").mean == pytest.approx(3)
    assert study.forked_tau() == 1


def test_noise_is_what_neither_point_nor_seed_explains() -> None:
    study = made_up("bars", 10, "00011", {"00011": 23.0})
    study.runs["00000/0"] += 3
    rows, columns = len(study.matched), len(SEEDS)
    expected = 3 * ((1 - 1 / rows) * (1 - 1 / columns) / ((rows - 1) * (columns - 1))) ** 0.5
    assert study.noise == pytest.approx(expected)


def test_claims_hold_and_fail_as_the_figures_say() -> None:
    good = [made_up(w, p, "00011", {"00011": 22.0 + 0.1 * i, "11111": 21.0}) for p in (10, 11) for i, w in enumerate(WORLDS)]
    assert best_constant(good) == "11111"
    assert against(good, "shortlist", "11111").mean == pytest.approx(1.25)
    held = {name: holds for name, holds, _ in claims(good)}
    assert len(held) == 7
    assert all(held.values())
    poor = [made_up(w, p, "00000", {"11111": 21.0 + 0.1 * p}) for p in (10, 11) for w in WORLDS]
    failed = [name for name, holds, _ in claims(poor) if not holds]
    assert len(failed) == 7


def test_the_table_has_a_column_for_every_study() -> None:
    text = table([made_up("bars", 10, "00011", {"00011": 23.0}), made_up("contrast", 11, "00000", {})])
    heads, *rows = [line.split("|")[1:-1] for line in text.splitlines()]
    assert [head.strip() for head in heads] == ["", "bars 10", "contrast 11"]
    assert all(len(row) == 3 for row in rows)
    assert "| shortlist | 23.0 (00011) | 20.0 (00000) |" in text


def test_pooling_and_tau_by_hand() -> None:
    found = pooled([1.0, 2.0, 3.0])
    assert (found.mean, found.error) == (pytest.approx(2), pytest.approx(1 / 3**0.5))
    assert kendall([1, 2, 3], [1, 3, 2]) == pytest.approx(1 / 3)


def test_random_points_differ_between_seeds_and_repeat() -> None:
    assert random_points() == points()[-16:]
    assert draw(pool(), 9, 0) == draw(pool(), 9, 0) != draw(pool(), 9, 1)
    assert len(set(draw(pool(), 9, 0))) == 9
    assert joint_codes(9, 0) == joint_codes(9, 0) != joint_codes(9, 1)
    assert len(pool()) == len(set(pool())) == 32 + 15
