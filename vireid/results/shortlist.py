"""The shortlist of a search: which points were tried, who proposed them, and the scores of their forks."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from vireid.structures import Genotype
from vireid.structures.stages import stages_of

SHORT = {"shared_bn": "shared", "separate_bn": "separate", "separate_ibn": "sep. ibn"}
"""Short names of candidates in tables. Other candidates keep their names."""


@dataclass(frozen=True)
class Tried:
    """A point of a shortlist.

    Attributes:
        stages: content of every stage, by the stage's name: one candidate, or the numbers of sites with the rarer candidates.
        proposers: names of those that proposed the point.
        scores: cheap scores, by name.
        forks: mAP on held-out people, 0..1 (``None`` if the fork diverged), and its standard error over people (``None`` if it is not
            known), by the length of the fork as a fraction of a training.
        behind: difference in mAP to the best point after forks of the same length, and the standard error of this difference, person
            by person; ``None`` if it is not known.
        price: number of modality-specific sites.
        chosen: whether the search chose this point.
    """

    stages: dict[str, str]
    proposers: tuple[str, ...]
    scores: dict[str, float]
    forks: dict[str, tuple[float | None, float | None]]
    behind: tuple[float, float | None] | None
    price: float
    chosen: bool


def shortlist_of(genotype: Genotype) -> list[Tried]:
    """The points that were tried before ``genotype`` was chosen, the best of the last round first, those that diverged last.

    Empty if the file of the genotype lists none.

    Provenance is free text from any source, so rows of another form are skipped.
    """
    derivation = genotype.provenance.get("derivation")
    rows = derivation.get("shortlist") if isinstance(derivation, Mapping) else None
    tried = [one for row in rows if (one := _tried(row, genotype)) is not None] if isinstance(rows, list) else []
    return sorted(tried, key=_place)


def _place(one: Tried) -> tuple[float, float]:
    last = max(one.forks, key=float)
    reached = one.forks[last][0]
    return -float(last), math.inf if reached is None else -reached


def shortlist_table(tried: list[Tried]) -> Table:
    """Table of the points that were tried, the best first; mAP in percent.

    Only the difference to the best has a standard error here, because the spread of people is the same for all points. The CSV file
    has both standard errors, and the cheap scores.
    """
    lengths = sorted({length for one in tried for length in one.forks}, key=float)
    table = Table(title="Shortlist: mAP on held-out people after forks, percent", title_justify="left")
    table.add_column("point, by stage", overflow="fold")
    table.add_column("named by", overflow="fold")
    for length in lengths:
        table.add_column(f"after {length}", justify="right")
    table.add_column("behind", justify="right", no_wrap=True)
    table.add_column("price", justify="right", no_wrap=True)
    for one in tried:
        forks = [_reached(one.forks[length][0]) if length in one.forks else "" for length in lengths]
        mark = "bold" if one.chosen else ""
        table.add_row(
            describe(one.stages), ", ".join(one.proposers).replace("_", " "), *forks, _percent(one.behind), f"{one.price:g}", style=mark
        )
    return table


def shortlist_csv(tried: list[Tried]) -> str:
    """All facts about every point, as CSV."""
    stages, scores, lengths = _columns(tried)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    forks = [name for length in lengths for name in (f"mAP after {length}", f"error after {length}")]
    writer.writerow(["chosen", *stages, "named by", *scores, *forks, "behind", "error of behind", "price"])
    for one in tried:
        values = [value for length in lengths for value in one.forks.get(length, (None, None))]
        told = [one.stages.get(name) for name in stages], [one.scores.get(name) for name in scores]
        writer.writerow([int(one.chosen), *told[0], "; ".join(one.proposers), *told[1], *values, *(one.behind or (None, None)), one.price])
    return text.getvalue()


def describe(stages: Mapping[str, str]) -> str:
    """A point in words: the stages whose content is not shared.

    Example:
        >>> describe({"stem": "separate", "layer1": "separate", "layer2": "shared"})
        'separate: stem, layer1'
        >>> describe({"stem": "shared", "layer1": "shared"})
        'all shared'
    """
    kinds = dict.fromkeys(kind for kind in stages.values() if kind != "shared")
    if len(set(stages.values())) == 1:
        return f"all {next(iter(stages.values()))}"
    return "; ".join(f"{kind}: {', '.join(name for name, has in stages.items() if has == kind)}" for kind in kinds)


def _columns(tried: list[Tried]) -> tuple[list[str], list[str], list[str]]:
    """Names of stages, of scores and of lengths of forks."""
    lengths = sorted({length for one in tried for length in one.forks}, key=float)
    stages = dict.fromkeys(name for one in tried for name in one.stages)
    return list(stages), list(dict.fromkeys(name for one in tried for name in one.scores)), lengths


def _tried(row: Any, genotype: Genotype) -> Tried | None:
    try:
        choices = {str(site): str(candidate) for site, candidate in row["choices"].items()}
        point = Genotype(genotype.space, choices, {"stages": genotype.provenance.get("stages")})
        behind = None if row["behind"] is None else (float(row["behind"]), _maybe(row["behind_error"]))
        return Tried(
            _by_stage(point),
            tuple(map(str, row["proposers"])),
            {str(name): float(value) for name, value in row["scores"].items() if value is not None},
            {f"{float(length):g}": (_maybe(fork["mAP"]), _maybe(fork["error"])) for length, fork in row["forks"].items()} or _no_forks(),
            behind,
            float(row["price"]),
            row["chosen"] is True,
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _no_forks() -> dict[str, tuple[float | None, float | None]]:
    raise ValueError("A point that was never forked was not tried.")


def _by_stage(point: Genotype) -> dict[str, str]:
    """Content of every stage: one candidate, or the rarer candidates with their numbers."""
    found: dict[str, Counter[str]] = {}
    for site, stage in stages_of(point).items():
        found.setdefault(stage, Counter())[SHORT.get(point.choices[site], point.choices[site])] += 1
    return {stage: _words(counts) for stage, counts in found.items()}


def _words(counts: Counter[str]) -> str:
    if len(counts) == 1:
        return next(iter(counts))
    total = sum(counts.values())
    return ", ".join(f"{name} {count}/{total}" for name, count in counts.items() if name != "shared")


def _reached(value: float | None) -> str:
    """What a fork reached; the mAP of a fork that diverged is not a number."""
    return "diverged" if value is None else _percent((value, None))


def _percent(value: tuple[float, float | None] | None) -> str:
    if value is None:
        return ""
    return f"{100 * value[0]:.1f}" + ("" if value[1] is None else f" ±{100 * value[1]:.1f}")


def _maybe(value: Any) -> float | None:
    return None if value is None else float(value)
