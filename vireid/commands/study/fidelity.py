"""How well a supernet ranks networks, beside how well one training ranks them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np

from vireid.commands.jobs.job import state
from vireid.commands.study.plan import Plan
from vireid.commands.study.results import Run
from vireid.commands.study.scores import read_scores
from vireid.metrics import RankCorrelation, rank_correlation, top_overlap

TOP = 5


def fidelity_figures(plan: Plan, runs: Sequence[Run]) -> dict[str, Any] | None:
    """Rank correlations over the ranked genotypes; ``None`` if the study does not ask for them or too few runs are finished.

    - ``searches``: for each search seed, the scores of its supernet against the mean held-out mAP of the retrainings.
    - ``mean_of_searches``: the same for the scores averaged over the supernets.
    - ``seeds``: every two retraining seeds against each other. Training noise allows no higher correlation than this.
    - ``seed_noise``: standard deviation of that noise.
    - ``rounded``: the correlations on scores that are rounded to ``seed_noise``.
    """
    fidelity = plan.settings.fidelity
    if fidelity is None:
        return None
    alone = standalone(plan, runs)
    jobs = {seed: plan.job(f"scores/{fidelity.search}-seed{seed}") for seed in plan.settings.search_seeds}
    scores = {seed: read_scores(plan.folder / job.name / "scores.json") for seed, job in jobs.items() if state(job, plan.folder).finished}
    names = [name for name in alone if all(name in found for found in scores.values())]
    if len(names) < 3 or not scores:
        return None
    trained = np.array([list(alone[name].values()) for name in names])  # (genotypes, seeds)
    noise = seed_noise(trained) if trained.shape[1] > 1 else None
    mean = trained.mean(1)
    asked = {str(seed): np.array([found[name] for name in names]) for seed, found in scores.items()}
    seeds = list(plan.settings.retrain_seeds)
    between = [(seeds[i], seeds[j], trained[:, i], trained[:, j]) for i, j in combinations(range(len(seeds)), 2)]
    return {
        "search": fidelity.search,
        "genotypes": names,
        "standalone": {name: list(alone[name].values()) for name in names},
        "supernet": {seed: values.tolist() for seed, values in asked.items()},
        "seed_noise": noise,
        "searches": {seed: compared(values, mean, noise) for seed, values in asked.items()},
        "mean_of_searches": compared(np.mean(list(asked.values()), axis=0), mean, noise),
        "seeds": {f"{one} and {other}": compared(first, second, noise) for one, other, first, second in between},
    }


def seed_noise(trained: Any) -> float:
    """Standard deviation of one training, after the effect that a seed has on all genotypes alike is removed.

    A seed draws the held-out identities. They make retrieval easier or harder for all genotypes, which changes no ranking.

    Args:
        trained: ``(G, S)`` scores of at least 2 genotypes by at least 2 seeds: genotype + seed + noise.
    """
    genotypes, seeds = trained.shape
    rest = trained - trained.mean(1, keepdims=True) - trained.mean(0) + trained.mean()
    return float(np.sqrt((rest**2).sum() / ((genotypes - 1) * (seeds - 1))))


def standalone(plan: Plan, runs: Sequence[Run]) -> dict[str, dict[int, float]]:
    """Held-out mAP by network and seed, for the ranked networks that are trained with every seed."""
    found: dict[str, dict[int, float]] = {}
    for run in runs:
        if run.network.ranked and run.heldout is not None:
            found.setdefault(run.network.name, {})[run.seed] = run.heldout
    return {name: values for name, values in found.items() if len(values) == len(plan.settings.retrain_seeds)}


def compared(a: Any, b: Any, noise: float | None) -> dict[str, Any]:
    """Both correlations, the bound of chance, and tau again with differences below the noise counted as ties."""
    found: RankCorrelation = rank_correlation(a, b)
    figures = {**asdict(found), "bound": found.bound, "top": min(TOP, len(a)), "top_overlap": top_overlap(a, b, min(TOP, len(a)))}
    if noise:
        rounded = rank_correlation(np.round(a / noise), np.round(b / noise))
        figures["rounded"] = {"tau": rounded.tau, "tau_low": rounded.tau_low, "tau_high": rounded.tau_high}
    return {key: None if isinstance(value, float) and np.isnan(value) else value for key, value in figures.items()}
