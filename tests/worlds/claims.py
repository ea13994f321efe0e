"""What the study of the worlds says: ``python -m tests.worlds.claims`` prints the table and the claims from the files of the study.

A point is worth its mean mAP over the seeds of its trainings, in percent; an arm the mean of its answers over the seeds of the search.
Differences are pooled over worlds and people: a mean, and the standard error between them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from tests.worlds.study import CONSTANTS, SEEDS, UNTIED, random_points

STUDIES = Path(__file__).parent / "studies"
WORLDS = ("detail", "noise", "lamp", "bars", "exposure", "mixed")
"""The worlds with something to find; ``contrast`` is the control."""
ARMS = {
    "shortlist": ("shortlist", "answer"),
    "alternating, joint": ("alternating_joint", "answer"),
    "alternating, joint, no forks": ("alternating_joint", "argmax"),
    "alternating, separation": ("alternating_separation", "answer"),
    "alternating, separation, no forks": ("alternating_separation", "argmax"),
    "random points of the pool": ("random_pool", "answer"),
    "random joint points": ("random_joint", "answer"),
}


NAMED = {
    "all shared": "00000",
    "all separate": "11111",
    "stem separate": "10000",
    "IN on stem and stage 1": "22000",
    "IBN-a": "ibn_a",
    "IBN-b": "ibn_b",
    "all shared, one mean for both modalities": "unmatched 00000",
    "all separate, one mean for both modalities": "unmatched 11111",
}


@dataclass(frozen=True)
class Difference:
    """A mean and its standard error."""

    mean: float
    error: float

    def __str__(self) -> str:
        return f"{self.mean:+.2f} ({self.error:.2f})"

    @property
    def in_errors(self) -> float:
        return self.mean / self.error if self.error else float(np.sign(self.mean)) * float("inf")


def pooled(values: Sequence[float]) -> Difference:
    """The mean of differences and its standard error between them."""
    return Difference(float(np.mean(values)), float(np.std(values, ddof=1) / len(values) ** 0.5))


class WorldStudy:
    """The results of one world and its people."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.world, self.people = str(content["world"]), int(content["people"])
        self.searches, self.runs = content["searches"], content["runs"]

    def trained(self, name: str) -> list[float]:
        """mAP of every seed."""
        return [self.runs[f"{name}/{seed}"] for seed in SEEDS]

    def worth(self, name: str) -> float:
        """Mean mAP of a point."""
        return float(np.mean(self.trained(name)))

    def answers(self, arm: str) -> list[str]:
        """The answer of every seed of a search."""
        search, key = ARMS[arm]
        return [self.searches[f"{search}/{seed}"][key] for seed in SEEDS]

    def arm(self, arm: str) -> float:
        """Mean mAP of the answers."""
        return float(np.mean([self.worth(answer) for answer in self.answers(arm)]))

    @cached_property
    def matched(self) -> list[str]:
        """Everything that was trained on matched inputs."""
        return [name for name in dict.fromkeys(key.rsplit("/", 1)[0] for key in self.runs) if not name.startswith("unmatched")]

    @cached_property
    def noise(self) -> float:
        """Standard deviation of a run beside the effects of its point and of its seed."""
        table = np.array([self.trained(name) for name in self.matched])
        rest = table - table.mean(1, keepdims=True) - table.mean(0, keepdims=True) + table.mean()
        return float(np.sqrt((rest**2).sum() / ((table.shape[0] - 1) * (table.shape[1] - 1))))

    @cached_property
    def random(self) -> list[float]:
        """Mean mAP of each random point of the joint space."""
        return [self.worth(code) for code in random_points()]

    def above_random(self, arm: str) -> Difference:
        """An arm minus the mean of random joint points; the error of both means."""
        found = [self.worth(answer) for answer in self.answers(arm)]
        spread = np.var(self.random, ddof=1) / len(self.random) + np.var(found, ddof=1) / len(found) + self.noise**2 / len(SEEDS)
        return Difference(float(np.mean(found) - np.mean(self.random)), float(spread**0.5))

    def regret(self, arm: str) -> float:
        """What the best point measured has more. Two seeds name it and the third values it, in all three ways."""
        lost = []
        for naming in combinations(range(len(SEEDS)), len(SEEDS) - 1):
            (judge,) = set(range(len(SEEDS))) - set(naming)
            best = max(self.matched, key=lambda name, by=naming: sum(self.trained(name)[seed] for seed in by))  # type: ignore[misc]
            lost += [self.trained(best)[judge] - self.trained(answer)[judge] for answer in self.answers(arm)]
        return float(np.mean(lost))

    def price(self, search: str, forks: bool = True) -> float:
        """Trainings that a search takes, with its forks or without, a mean over its seeds."""
        terms = [self.searches[f"{search}/{seed}"]["trainings"] for seed in SEEDS]
        return float(np.mean([term["total"] if forks else term["search"] for term in terms]))

    def forked_tau(self) -> float:
        """Kendall's tau between mAP after the first round of forks and after training, a mean over the shortlists."""
        found = []
        for seed in SEEDS:
            forks = self.searches[f"shortlist/{seed}"]["forks"]
            codes = [code for code in forks if code in self.matched]
            found.append(kendall([min(forks[code].items())[1]["mAP"] for code in codes], [self.worth(code) for code in codes]))
        return float(np.mean(found))


def kendall(first: Sequence[float], second: Sequence[float]) -> float:
    """Kendall's tau-a."""
    signs = [np.sign(first[i] - first[j]) * np.sign(second[i] - second[j]) for i, j in combinations(range(len(first)), 2)]
    return float(np.mean(signs))


def load(folder: Path = STUDIES) -> list[WorldStudy]:
    """Every study in a folder, in the order of the worlds."""
    found = [WorldStudy(json.loads(path.read_text(encoding="utf-8"))) for path in sorted(folder.glob("*.json"))]
    order = (*WORLDS, "contrast")
    return sorted(found, key=lambda one: (order.index(one.world), one.people))


def against(studies: Sequence[WorldStudy], arm: str, other: str) -> Difference:
    """An arm minus another arm, or minus a point, pooled."""
    return pooled([one.arm(arm) - (one.arm(other) if other in ARMS else one.worth(other)) for one in studies])


def best_constant(studies: Sequence[WorldStudy]) -> str:
    """The constant with the largest mean over all studies."""
    return max([*CONSTANTS, *UNTIED], key=lambda name: float(np.mean([one.worth(name) for one in studies])))


def claims(studies: Sequence[WorldStudy], arm: str = "shortlist") -> Iterator[tuple[str, bool, str]]:
    """What is claimed of an arm, whether it holds, and the figures."""
    worlds = {world: [one for one in studies if one.world == world] for world in WORLDS}
    found = [one for group in worlds.values() for one in group]
    above = {world: _mean([one.above_random(arm) for one in group]) for world, group in worlds.items()}
    clear = [world for world, difference in above.items() if difference.in_errors > 2]
    yield "above random joint points by 2 SE in 5 worlds", len(clear) >= 5, ", ".join(f"{w} {d}" for w, d in above.items())
    for other, errors in (("random points of the pool", 1), ("random joint points", 2)):
        difference = against(found, arm, other)
        yield f"above the best of {other} at the same price by {errors} SE", difference.in_errors > errors, str(difference)
    constant = best_constant(found)
    difference = against(found, arm, constant)
    yield "not below the best constant by 1 SE", difference.mean >= -difference.error, f"{constant}: {difference}"
    ahead = {world: float(np.mean([one.arm(arm) - one.worth("11111") for one in group])) for world, group in worlds.items()}
    noise = {world: float(np.mean([one.noise for one in group])) for world, group in worlds.items()}
    text = ", ".join(f"{world} {value:+.2f} ({noise[world]:.2f})" for world, value in ahead.items())
    yield "in no world below all separate by 2 deviations of a run", all(ahead[w] >= -2 * noise[w] for w in WORLDS), text
    exposure = _mean([_to_all_separate(one, arm) for one in worlds["exposure"]])
    yield "above all separate in exposure by 2 SE", exposure.in_errors > 2, str(exposure)
    regret = float(np.mean([one.regret(arm) for one in found]))
    yield "regret to the best point at most .4", regret <= 0.4, f"{regret:.2f}"


def _to_all_separate(one: WorldStudy, arm: str) -> Difference:
    """Seed by seed of the training, since runs of a seed share their noise."""
    return pooled((np.mean([one.trained(answer) for answer in one.answers(arm)], axis=0) - one.trained("11111")).tolist())


def _mean(found: Sequence[Difference]) -> Difference:
    return Difference(float(np.mean([d.mean for d in found])), float(np.sqrt(sum(d.error**2 for d in found)) / len(found)))


def table(studies: Sequence[WorldStudy]) -> str:
    """Markdown: a row for every arm and constant, a column for every study."""
    rows = {
        **{arm: [f"{one.arm(arm):.1f} ({', '.join(dict.fromkeys(one.answers(arm)))})" for one in studies] for arm in ARMS},
        **{name: [f"{one.worth(name):.1f}" for one in studies] for name in [*CONSTANTS, *UNTIED, "unmatched 00000", "unmatched 11111"]},
        "random joint points, mean": [f"{np.mean(one.random):.1f}" for one in studies],
        "best point measured": [_best(one) for one in studies],
        "deviation of a run": [f"{one.noise:.2f}" for one in studies],
        "tau of forks": [f"{one.forked_tau():.2f}" for one in studies],
        "price of the shortlist, trainings": [f"{one.price('shortlist'):.1f}" for one in studies],
    }
    heads = [f"{one.world} {one.people}" for one in studies]
    lines = ["| | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    return "\n".join([*lines, *(f"| {name} | " + " | ".join(cells) + " |" for name, cells in rows.items())])


def summary(studies: Sequence[WorldStudy]) -> str:
    """Markdown: mAP of arms and of what they are compared with, a mean over the people of each world; regret; price in trainings."""
    worlds = {world: [one for one in studies if one.world == world] for world in (*WORLDS, "contrast")}
    found = [one for world in WORLDS for one in worlds[world]]
    heads = [*(f"`{world}`" for world in worlds), "regret", "price"]
    lines = ["| | " + " | ".join(heads) + " |", "|---" + "|---:" * len(heads) + "|"]
    for arm, (search, key) in ARMS.items():
        price = float(np.mean([one.price(search, forks=key == "answer") for one in found]))
        regret = float(np.mean([one.regret(arm) for one in found]))
        lines.append(_row(arm, [[one.arm(arm) for one in group] for group in worlds.values()], f"{regret:.2f}", f"{price:.1f}"))
    for name, code in NAMED.items():
        lines.append(_row(name, [[one.worth(code) for one in group] for group in worlds.values()], "", ""))
    lines.append(_row("16 random joint points, mean", [[float(np.mean(one.random)) for one in group] for group in worlds.values()], "", ""))
    best = [[max(map(one.worth, one.matched)) for one in group] for group in worlds.values()]
    return "\n".join([*lines, _row("the best of all points trained", best, "", "")])


def _row(name: str, groups: Sequence[Sequence[float]], *rest: str) -> str:
    return "| " + " | ".join([name, *(f"{np.mean(values):.1f}" for values in groups), *rest]) + " |"


def _best(one: WorldStudy) -> str:
    name = max(one.matched, key=one.worth)
    return f"{one.worth(name):.1f} ({name})"


def main() -> None:
    studies = load(Path(sys.argv[1]) if len(sys.argv) > 1 else STUDIES)
    sys.stdout.write(table(studies) + "\n\n")
    for arm in ARMS:
        if not arm.startswith("random"):
            sys.stdout.write(f"{arm}\n")
            for name, holds, figures in claims(studies, arm):
                sys.stdout.write(f"  {'holds' if holds else 'FAILS'}: {name}: {figures}\n")


if __name__ == "__main__":
    main()
