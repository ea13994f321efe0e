"""Ratios that benchmarks measure: a table at the end, and what has become worse than it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from tests.benchmarks.machine import commit, machine

RECORDED = Path(__file__).parent / "recorded.json"
WORSE = 1.1
"""A ratio that is so many times the recorded one is named."""
Ratio = Callable[..., None]
_KEY = pytest.StashKey[list["Measured"]]()


@dataclass(frozen=True)
class Measured:
    """A ratio against a floor or a peer; less is better.

    Attributes:
        name: what was measured, and by what it was divided.
        value: the ratio.
        goal: what it may be at most; ``None`` if there is none.
    """

    name: str
    value: float
    goal: float | None = None

    def row(self, before: float | None) -> str:
        goal = "" if self.goal is None else f"{self.goal:.2f}"
        recorded = "" if before is None else f"{before:.2f}"
        remark = "worse" if before is not None and self.value > WORSE * before else ""
        return f"| {self.name} | {self.value:.2f} | {goal} | {recorded} | {remark} |"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record", action="store_true", help="keep the ratios of this run as those to compare with")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_KEY] = []


@pytest.fixture
def ratio(request: pytest.FixtureRequest) -> Ratio:
    """``ratio(name, value, goal)`` puts a ratio into the table, and fails if it is above its goal."""

    def measured(name: str, value: float, goal: float | None = None) -> None:
        request.config.stash[_KEY].append(Measured(name, value, goal))
        assert goal is None or value <= goal, f"{name}: {value:.3f} is above its goal {goal}"

    return measured


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    found = config.stash[_KEY]
    if not found:
        return
    before = json.loads(RECORDED.read_text(encoding="utf-8")) if RECORDED.exists() else {"ratios": {}}
    terminalreporter.write_sep("=", f"ratios on {machine()}; recorded on {before.get('machine', 'no machine')}, {before.get('date', '')}")
    lines = ["| what | ratio | goal | recorded | |", "|---|---:|---:|---:|---|"]
    lines += [one.row(before["ratios"].get(one.name)) for one in found]
    terminalreporter.write("\n".join(lines) + "\n")
    if config.getoption("--record"):
        ratios = before["ratios"] | {one.name: round(one.value, 4) for one in found}
        about = {"machine": machine(), "date": date.today().isoformat(), "commit": commit()}
        RECORDED.write_text(json.dumps({**about, "ratios": ratios}, indent=1) + "\n", encoding="utf-8")
