"""What forks of many points say, written by ``forks.py``: they rank as trainings do, and say nothing where people are shuffled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.worlds.claims import kendall
from tests.worlds.test_truth import measured

FORKED = Path(__file__).parent / "forked"
FOUND = sorted(path.stem for path in FORKED.glob("*.json"))
RANKED, CONTROLS = ([name for name in FOUND if name.endswith("-shuffled") is shuffled] for shuffled in (False, True))


def forks(name: str) -> dict[str, dict[str, float]]:
    """mAP and its error over people after a quarter of a training, by point."""
    content: dict[str, Any] = json.loads((FORKED / f"{name}.json").read_text(encoding="utf-8"))
    return {code: rounds["0.25"] for code, rounds in content["forks"].items()}


@pytest.mark.parametrize("name", RANKED)
def test_forks_rank_as_trainings_do(name: str) -> None:
    world, _, people = name.partition("-")
    truth, found = measured(world, int(people)), forks(name)
    assert len(found) >= 30
    assert kendall([found[code]["mAP"] for code in found], [truth[code] for code in found]) >= 0.3


@pytest.mark.parametrize("name", CONTROLS)
def test_forks_of_shuffled_people_are_equal_within_their_errors(name: str) -> None:
    found = forks(name)
    reached = [one["mAP"] for one in found.values()]
    assert len(found) >= 8
    assert max(reached) - min(reached) <= 2 * max(one["error"] for one in found.values())
