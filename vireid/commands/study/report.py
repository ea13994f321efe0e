"""All figures of a study: groups, differences, agreement of searches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from vireid.commands.study.fidelity import fidelity_figures
from vireid.commands.study.networks import RANDOM
from vireid.commands.study.plan import Plan
from vireid.commands.study.results import Run, chosen_row, finished_runs, missing, search_seconds
from vireid.metrics import paired_test, permutation_test
from vireid.results import read_results
from vireid.search import space_of
from vireid.structures import Genotype
from vireid.version import __version__

FORMAT, VERSION = "vireid.study", 2
TEMPLATE = "grey template (untrained)"
TEMPLATE_FOLDER = "template"
MEASURED = ("mAP", "rank1")
Groups = Mapping[str, Sequence[Run]]


def study_report(plan: Plan) -> dict[str, Any]:
    """Content of ``study.json`` as plain values: the figures of the finished runs, and a list of the missing runs.

    Raises:
        ResultsError: results are damaged or cannot be compared.
    """
    runs = finished_runs(plan)
    groups = grouped(runs)
    rows = [_row(plan, name, groups) for name in groups]
    return {
        "format": FORMAT,
        "version": VERSION,
        "vireid": __version__,
        "missing": missing(plan),
        "protocol": next((run.test.protocol for run in runs if run.test is not None), ""),
        "reference": plan.settings.reference,
        "rows": [*_template_rows(plan), *rows],
        "agreement": {name: agreement([run.genotype for run in first_seeds(groups[name])]) for name in groups if _several(groups[name])},
        "fidelity": fidelity_figures(plan, runs),
        "runs": [_run_figures(run) for run in runs],
        "settings": plan.settings.to_dict(),
    }


def grouped(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """Tested runs by the row that they belong to."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        if run.test is not None:
            groups.setdefault(run.network.group, []).append(run)
    return groups


def first_seeds(runs: Sequence[Run]) -> list[Run]:
    """One run of every network."""
    return list({run.network.name: run for run in reversed(runs)}.values())[::-1]


def network_means(runs: Sequence[Run], metric: str = "mAP") -> dict[str, float]:
    """Mean over the retraining seeds of every network."""
    values: dict[str, list[float]] = {}
    for run in runs:
        values.setdefault(run.network.name, []).append(_value(run, metric))
    return {name: float(np.mean(of_seeds)) for name, of_seeds in values.items()}


def agreement(genotypes: Sequence[Genotype]) -> dict[str, Any]:
    """Number of pairs of genotypes of one space; mean, least and largest share of sites at which two choose the same."""
    choices = np.array([[genotype.choices[site] for site in genotypes[0].choices] for genotype in genotypes])
    shares = [np.mean(choices[number] == choices[number + 1 :], axis=1) for number in range(len(choices) - 1)]
    pairs = sum(map(len, shares))
    found = {"mean": sum(map(np.sum, shares)) / pairs, "lowest": min(map(np.min, shares)), "highest": max(map(np.max, shares))}
    return {"pairs": pairs, **{name: float(value) for name, value in found.items()}}


def _several(runs: Sequence[Run]) -> bool:
    return len(first_seeds(runs)) > 1


def _value(run: Run, metric: str) -> float:
    assert run.test is not None
    return run.test.mean[metric]


def _row(plan: Plan, name: str, groups: Groups) -> dict[str, Any]:
    runs = groups[name]
    random, reference = groups.get(RANDOM, []), groups.get(plan.settings.reference, [])
    row: dict[str, Any] = {"name": name, "networks": len(first_seeds(runs)), "runs": len(runs)}
    row |= {metric: spread(runs, metric) for metric in MEASURED}
    if random:
        middle = float(np.mean([_value(run, "mAP") for run in random]))
        row["relative_improvement"] = 100 * (row["mAP"]["mean"] - middle) / middle if middle else None
    if random and name != RANDOM:
        row["against_random"] = {"queries": over_queries(runs, random), "networks": over_networks(runs, random)}
    if reference and name != plan.settings.reference:
        row["against_reference"] = {"queries": over_queries(runs, reference), "seeds": over_seeds(runs, reference)}
    return {**row, "cost": _cost(plan, runs)}


def spread(runs: Sequence[Run], metric: str) -> dict[str, float | None]:
    """Mean and sample deviations: over all runs, between the means of networks, and between seeds of one network (pooled)."""
    values = [_value(run, metric) for run in runs]
    means = network_means(runs, metric)
    left = [value - means[run.network.name] for value, run in zip(values, runs, strict=True)]
    freedom = len(values) - len(means)
    return {
        "mean": float(np.mean(values)),
        "std": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        "std_between_networks": float(np.std(list(means.values()), ddof=1)) if len(means) > 1 else None,
        "std_between_seeds": float(np.sqrt(np.sum(np.square(left)) / freedom)) if freedom else None,
        "best_network": max(means.values()),
    }


def over_queries(a: Sequence[Run], b: Sequence[Run]) -> dict[str, Any] | None:
    """Paired test of the mean average precision of every query, by identity. It covers only the choice of people."""
    sides = [
        np.mean([np.concatenate([queries.ap for queries in run.test.per_query]) for run in side if run.test is not None], axis=0)
        for side in (a, b)
        if _has_queries(side)
    ]
    if len(sides) < 2:
        return None
    first = a[0].test
    assert first is not None
    valid = np.isfinite(sides[0]) & np.isfinite(sides[1])
    return asdict(paired_test(sides[0][valid], sides[1][valid], np.concatenate([queries.pids for queries in first.per_query])[valid]))


def over_networks(a: Sequence[Run], b: Sequence[Run]) -> dict[str, Any]:
    """Permutation test of the means of networks. It covers search, or the choice of the genotype, and training."""
    return asdict(permutation_test(list(network_means(a).values()), list(network_means(b).values())))


def over_seeds(a: Sequence[Run], b: Sequence[Run]) -> dict[str, Any] | None:
    """Paired test of the means of every retraining seed that both sides have."""
    seeds = sorted({run.seed for run in a} & {run.seed for run in b})
    if not seeds:
        return None
    first, second = ([float(np.mean([_value(run, "mAP") for run in side if run.seed == seed])) for seed in seeds] for side in (a, b))
    return asdict(paired_test(first, second))


def _has_queries(runs: Sequence[Run]) -> bool:
    return all(run.test is not None and run.test.per_query for run in runs)


def _cost(plan: Plan, runs: Sequence[Run]) -> dict[str, float | None]:
    costs = [space_of(run.genotype).cost(run.genotype) for run in first_seeds(runs)]
    named = {name: float(np.mean([cost[name] for cost in costs])) for name in ("parameters", "modality_specific_sites")}
    searches = [search_seconds(plan, run.network) for run in first_seeds(runs)]
    return {**named, "search_seconds": _mean(searches), "retrain_seconds": _mean([run.seconds for run in runs])}


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _template_rows(plan: Plan) -> list[dict[str, Any]]:
    folder = plan.folder / TEMPLATE_FOLDER
    if not plan.settings.template or not (folder / "metrics.json").exists():
        return []
    row = chosen_row(read_results(folder).results, plan.settings.protocol, folder)
    return [
        {"name": TEMPLATE, "networks": 0, "runs": 1, **{metric: {"mean": row.mean[metric], "std": None} for metric in MEASURED}, "cost": {}}
    ]


def _run_figures(run: Run) -> dict[str, Any]:
    tested = {metric: _value(run, metric) for metric in MEASURED} if run.test is not None else None
    return {
        "network": run.network.name,
        "group": run.network.group,
        "seed": run.seed,
        "test": tested,
        "heldout_mAP": run.heldout,
        "seconds": run.seconds,
    }
