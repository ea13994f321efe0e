"""The report of a study as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HEAD = (
    "network",
    "networks x runs each",
    "mAP",
    "R1",
    "std between networks",
    "std between seeds",
    "vs random mean, %",
    "p, random (people)",
    "p, random (networks)",
    "p, reference (people)",
    "p, reference (seeds)",
)
COST = ("network", "parameters", "modality-specific sites", "search, s", "retraining, s")


def markdown(report: Mapping[str, Any]) -> str:
    """Tables of results, cost, agreement and rank correlation, each followed by what its numbers mean."""
    parts = [f"# Study: {report['protocol'] or 'no results yet'}", *_missing(report), _results(report), _cost(report)]
    if report["agreement"]:
        parts.append(_agreement(report))
    if report["fidelity"]:
        parts.append(_fidelity(report["fidelity"]))
    return "\n\n".join(parts) + "\n"


def _missing(report: Mapping[str, Any]) -> list[str]:
    names = report["missing"]
    return [f"**Unfinished**: {len(names)} runs are missing ({', '.join(names[:5])}{', ...' if len(names) > 5 else ''})."] if names else []


def _results(report: Mapping[str, Any]) -> str:
    lines = [_line(HEAD), _ruler(len(HEAD))]
    for row in report["rows"]:
        random, reference = row.get("against_random") or {}, row.get("against_reference") or {}
        each = f"{row['networks']} x {row['runs'] / row['networks']:g}" if row["networks"] else "-"
        gain = row.get("relative_improvement")
        cells = [row["name"], each, _mean_std(row["mAP"]), _mean_std(row["rank1"])]
        cells += [_percent(row["mAP"].get(name)) for name in ("std_between_networks", "std_between_seeds")]
        cells += ["-" if gain is None else f"{gain:+.1f}"]
        cells += [_p(random.get("queries")), _p(random.get("networks")), _p(reference.get("queries")), _p(reference.get("seeds"))]
        lines.append(_line(cells))
    note = (
        "Percent; mean ± sample deviation over all runs. Every network was trained with the same budget. `vs random mean` is the "
        f"relative improvement of mAP over the random networks. The reference is {report['reference']}. Tests over people pair the mean "
        "average precision of each query, by identity, and cover the choice of people alone; tests over networks permute the means of "
        "single networks and cover search and training; tests over seeds pair retraining seeds. Brackets hold the smallest p that so few "
        "units can give."
    )
    return "\n".join([*lines, "", note])


def _cost(report: Mapping[str, Any]) -> str:
    lines = [_line(COST), _ruler(len(COST))]
    for row in report["rows"]:
        cost = row["cost"]
        if cost:
            sites = f"{cost['modality_specific_sites']:.1f}"
            seconds = ("-" if cost[name] is None else f"{cost[name]:.0f}" for name in ("search_seconds", "retrain_seconds"))
            lines.append(_line([row["name"], f"{cost['parameters']:,.0f}", sites, *seconds]))
    return "\n".join(lines) + "\n\nMeans over the networks of a row; seconds of the runs that were not interrupted."


def _agreement(report: Mapping[str, Any]) -> str:
    lines = [_line(("networks", "pairs", "equal choices, %", "lowest", "highest")), _ruler(5)]
    for name, found in report["agreement"].items():
        lines.append(_line([name, str(found["pairs"]), *(_percent(found[share]) for share in ("mean", "lowest", "highest"))]))
    return "\n".join(lines) + "\n\nShare of sites at which two genotypes choose the same; the random row is what chance gives."


def _fidelity(found: Mapping[str, Any]) -> str:
    lines = [_line(("ranking", "Kendall tau-b", "Spearman rho", f"top {_first(found)['top']}", "tau, rounded to noise")), _ruler(5)]
    rows = {f"supernet of search seed {seed}": figures for seed, figures in found["searches"].items()}
    rows["mean of the supernets"] = found["mean_of_searches"]
    rows |= {f"stand-alone seeds {pair} (ceiling)": figures for pair, figures in found["seeds"].items()}
    for name, figures in rows.items():
        rounded = figures.get("rounded", {})
        lines.append(
            _line(
                [
                    name,
                    _interval(figures, "tau"),
                    _interval(figures, "rho"),
                    _percent(figures["top_overlap"]),
                    _interval(rounded, "tau"),
                ]
            )
        )
    first = _first(found)
    noise = "not known from one seed" if found["seed_noise"] is None else f"{100 * found['seed_noise']:.2f} points of mAP"
    note = (
        f"{first['items']} genotypes: mAP on held-out identities with inherited weights and statistics of their own, against the mean "
        "of the retrainings; 95 % bootstrap intervals over genotypes. Which identities are held out is a function of the seed of a run. "
        "The last rows say how well one training predicts another, which bounds what can be asked of a supernet. "
        f"Deviation between seeds, without what a seed does to all alike: {noise}. Without any relation tau deviates by "
        f"{first['sigma']:.3f}, so |tau| below {first['bound']:.2f} is within chance."
    )
    return "\n".join([*lines, "", note])


def _first(found: Mapping[str, Any]) -> Mapping[str, Any]:
    figures: Mapping[str, Any] = found["mean_of_searches"]
    return figures


def _interval(figures: Mapping[str, Any], name: str) -> str:
    value, low, high = (figures.get(key) for key in (name, f"{name}_low", f"{name}_high"))
    if value is None:
        return "-"
    return f"{value:.2f}" if low is None or high is None else f"{value:.2f} [{low:.2f}, {high:.2f}]"


def _mean_std(spread: Mapping[str, Any]) -> str:
    return _percent(spread["mean"]) + ("" if spread["std"] is None else f" ± {_percent(spread['std'])}")


def _percent(fraction: float | None) -> str:
    return "-" if fraction is None else f"{100 * fraction:.2f}"


def _p(test: Mapping[str, Any] | None) -> str:
    if test is None:
        return "-"
    least = "" if test["smallest_p"] < 0.01 else f" ({test['smallest_p']:.2g})"
    return ("< 0.001" if test["p_value"] < 0.001 else f"{test['p_value']:.3f}") + least


def _line(cells: tuple[str, ...] | list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _ruler(columns: int) -> str:
    return "|---|" + "---:|" * (columns - 1)
