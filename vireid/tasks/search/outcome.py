"""What a search writes: its genotype with provenance, and its course in logs and files."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from vireid.search import ArchitectureParameters
from vireid.search.provenance import site_provenance
from vireid.structures import Genotype
from vireid.tasks.search.course import log_architecture, stage_counts
from vireid.tasks.search.gains_files import write_gains
from vireid.tasks.search.run import SearchRun
from vireid.tasks.search.shortlist_files import write_shortlist
from vireid.version import __version__


def described(run: SearchRun, choices: Mapping[str, str], derivation: dict[str, Any], epochs: int, data: dict[str, Any]) -> Genotype:
    """The genotype of ``choices`` with its provenance.

    Args:
        run: the search.
        choices: candidate of every site.
        derivation: how they were chosen, plain values.
        epochs: number of finished epochs.
        data: what the search saw, plain values.
    """
    genotype = run.space.genotype(choices)
    provenance = {
        "vireid": __version__,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "data": data,
        "seed": run.seed,
        "epoch": epochs,
        "probabilities": run.architecture.table(),
        "entropy": run.architecture.entropy().mean().item(),
        "derivation": derivation,
        "parent": None,
    }
    return Genotype(genotype.space, genotype.choices, {**provenance, **site_provenance(run.space, genotype)})


def write_outcome(run: SearchRun, folder: Path, genotype: Genotype, temperature: float | None) -> None:
    """Write ``genotype.json`` and its shortlist, and add an epoch to the course of the search.

    Args:
        run: a search at the end of an epoch.
        folder: the run directory.
        genotype: the one that would be derived now.
        temperature: temperature of this epoch; ``None`` for an epoch without architecture steps, which the course leaves out.
    """
    if temperature is not None:
        log_architecture(folder, run.current_epoch, run.architecture, temperature, run.space.cost(genotype))
    genotype.save(folder / "genotype.json")
    write_shortlist(folder, genotype)
    write_gains(folder, genotype)


def architecture_values(architecture: ArchitectureParameters) -> dict[str, Any]:
    """Values to log of the logits after an epoch: probabilities of all candidates of a site except the first, and counts per stage."""
    values: dict[str, Any] = {}
    for row, site in zip(architecture.probabilities(), architecture.sites, strict=True):
        values.update({f"probability/{site.name}/{candidate}": row[k] for k, candidate in enumerate(site.candidates) if k})
    counts = stage_counts(architecture)
    return values | {f"count/{stage}/{candidate}": float(count) for (stage, candidate), count in counts.items()}
