"""What a genotype file tells of its sites: which are tied, and what they cost.

Provenance is free text that anybody may have written: what is of another form is passed over.
"""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table

from vireid.structures import Genotype


def ties(genotype: Genotype) -> dict[str, list[str]]:
    """Sites of every group that takes one candidate together, by the name of the group."""
    told = genotype.provenance.get("ties")
    rows = told if isinstance(told, Mapping) else {}
    return {str(group): sites for group, sites in rows.items() if isinstance(sites, list) and sites and _are_sites(sites, genotype)}


def cost_table(genotype: Genotype) -> Table | None:
    """The numbers under ``cost``; ``None`` where there are none."""
    told = genotype.provenance.get("cost")
    numbers = {name: value for name, value in told.items() if isinstance(value, (int, float))} if isinstance(told, Mapping) else {}
    if not numbers:
        return None
    table = Table("cost", "", title_justify="left", show_header=False)
    for name, value in numbers.items():
        table.add_row(str(name).replace("_", " "), f"{value:,}" if isinstance(value, int) else f"{value:.4f}")
    return table


def _are_sites(names: list[object], genotype: Genotype) -> bool:
    return all(isinstance(name, str) and name in genotype.choices for name in names)
