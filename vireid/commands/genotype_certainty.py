"""How sure a search was of its genotype, by stage."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import fmean

from rich.table import Table

from vireid.structures import Genotype
from vireid.structures.looks import stages

SHOWN = 5


def probabilities_of(genotype: Genotype) -> dict[str, list[float]]:
    """Probabilities of every site from a genotype's provenance, highest first; empty if it has none.

    Provenance is free text that anybody may have written, so rows that are not probabilities are ignored.
    """
    table = genotype.provenance.get("probabilities")
    rows = table if isinstance(table, Mapping) else {}
    return {site: sorted(rows[site], reverse=True) for site in genotype.choices if _are_probabilities(rows.get(site))}


def margin(row: list[float]) -> float:
    """Largest minus second largest probability."""
    return row[0] - row[1]


def entropy(row: list[float]) -> float:
    """Entropy in nats: 0 for a certain choice, log K for K equal probabilities."""
    return -sum(p * math.log(p) for p in row if p > 0) + 0.0


def certainty_table(genotype: Genotype) -> Table:
    """Mean margin and mean entropy of the sites of every stage, and of all sites."""
    rows = probabilities_of(genotype)
    table = Table("stage", "sites", "mean margin", "mean entropy", title="How sure the search was", title_justify="left")
    by_stage = {stage: [rows[site] for site, _ in sites if site in rows] for stage, sites in stages(genotype).items()}
    for stage, found in {**by_stage, "all": list(rows.values())}.items():
        if found:
            table.add_row(stage, str(len(found)), f"{fmean(map(margin, found)):.3f}", f"{fmean(map(entropy, found)):.3f}")
    return table


def least_certain(genotype: Genotype) -> str:
    """The sites with the smallest margins, e.g. ``bn1 (0.020), layer1.0.bn2 (0.100)``."""
    margins = {site: margin(row) for site, row in probabilities_of(genotype).items()}
    return ", ".join(f"{site} ({margins[site]:.3f})" for site in sorted(margins, key=lambda site: margins[site])[:SHOWN])


def _are_probabilities(row: object) -> bool:
    if not isinstance(row, list) or len(row) < 2:
        return False
    return all(isinstance(p, (int, float)) and not isinstance(p, bool) and 0 <= p <= 1 for p in row)
