"""What a genotype file says about its sites: which are tied, and what they cost.

Provenance is free text that anybody may have written, so entries of another form are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table

from vireid.printable import printable
from vireid.structures import Genotype


def ties(genotype: Genotype) -> dict[str, list[str]]:
    """Tied sites, which take the same candidate, by the name of their group."""
    told = genotype.provenance.get("ties")
    rows = told if isinstance(told, Mapping) else {}
    return {str(group): sites for group, sites in rows.items() if isinstance(sites, list) and sites and _are_sites(sites, genotype)}


def cost_table(genotype: Genotype) -> Table | None:
    """Table of the numbers under ``cost``; ``None`` without any."""
    numbers = _numbers(genotype.provenance.get("cost"))
    if not numbers:
        return None
    table = Table("cost", "", title_justify="left", show_header=False)
    for name, value in numbers.items():
        table.add_row(_words(name), _written(value))
    return table


def site_cost_table(genotype: Genotype) -> Table | None:
    """Table of the numbers under ``site_costs``, one row for every site that has any; ``None`` without any."""
    told = genotype.provenance.get("site_costs")
    costs = {site: _numbers(told.get(site)) for site in genotype.choices} if isinstance(told, Mapping) else {}
    names = list(dict.fromkeys(name for cost in costs.values() for name in cost))
    if not names:
        return None
    table = Table("site", "candidate", *map(_words, names), title="What sites add; others add nothing", title_justify="left")
    for site, cost in costs.items():
        if cost:
            table.add_row(printable(site), printable(genotype.choices[site]), *(_written(cost.get(name, 0)) for name in names))
    return table


def _numbers(told: object) -> dict[str, int | float]:
    pairs = told.items() if isinstance(told, Mapping) else ()
    return {str(name): value for name, value in pairs if isinstance(value, (int, float))}


def _words(name: str) -> str:
    return printable(name.replace("_", " "))


def _written(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"


def _are_sites(names: list[object], genotype: Genotype) -> bool:
    return all(isinstance(name, str) and name in genotype.choices for name in names)
