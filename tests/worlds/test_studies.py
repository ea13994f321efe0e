"""The frozen study: its files are whole and of one program, and the page says what they say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.worlds.claims import ARMS, STUDIES, WORLDS, WorldStudy, claims, load, summary
from tests.worlds.study import CONSTANTS, SEEDS, random_points

PAGE = Path(__file__).parents[2] / "configs" / "README.md"
ALL = load()


def test_every_world_was_studied_on_two_populations_by_one_program() -> None:
    assert [(one.world, one.people) for one in ALL] == [(world, people) for world in (*WORLDS, "contrast") for people in (10, 11)]
    assert len({path.read_text(encoding="utf-8").split('"digest": "')[1][:64] for path in STUDIES.glob("*.json")}) == 1


@pytest.mark.parametrize("one", ALL, ids=lambda one: f"{one.world}-{one.people}")
def test_every_answer_and_all_it_is_compared_with_were_trained(one: WorldStudy) -> None:
    for arm in ARMS:
        assert all(len(one.trained(answer)) == len(SEEDS) for answer in one.answers(arm))
    for name in (*CONSTANTS, *random_points()):
        assert 0 < min(one.trained(name)) <= max(one.trained(name)) < 100


def test_the_page_has_the_figures_of_the_files() -> None:
    assert summary(ALL) in PAGE.read_text(encoding="utf-8")


def test_the_untied_studies_are_whole() -> None:
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((STUDIES.parent / "studies_untied").glob("*.json"))]
    assert len(found) == len({(one["world"], one["trunk"], one["people"]) for one in found}) == 8
    for one in found:
        for search in one["searches"].values():
            assert all(f"{search['answer']}/{seed}" in one["runs"] for seed in SEEDS)


def test_the_study_at_width_32_says_what_the_page_says() -> None:
    (one,) = load(STUDIES.parent / "studies_width32")
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    for arm in ARMS:
        assert all(len(one.trained(answer)) == len(SEEDS) for answer in one.answers(arm))
    known = [f"{one.worth(name):.1f}" for name in ("00000", "11111", "10000")]
    assert "All shared has {}, all separate {} and the stem alone {}".format(*known) in text
    searches = [arm for arm in ARMS if not arm.startswith("random")]
    assert max(abs(one.arm(arm) - one.worth("11111")) for arm in searches) < 0.2
    regrets = [one.regret(arm) for arm in (*searches, "random points of the pool")]
    assert (round(min(regrets), 1), round(max(regrets), 1)) == (0.9, 1.2)
    best = max(one.matched, key=one.worth)
    assert f"({best}: {one.worth(best):.1f}, IN on the stem and stage 1: {one.worth('22000'):.1f})" in text
    assert f"better search there ({one.arm('random joint points'):.1f})" in text
    assert f"(tau {one.forked_tau():.2f};".replace("0.", ".") in text


def test_claims_hold_as_the_page_says() -> None:
    held = {arm: [holds for _, holds, _ in claims(ALL, arm)] for arm in ("shortlist", "alternating, joint, no forks")}
    assert held["shortlist"] == [True, False, True, True, False, False, False]
    assert all(held["alternating, joint, no forks"])
