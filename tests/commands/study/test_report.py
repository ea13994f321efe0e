"""Figures of a study, from results written by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from vireid.commands.study.fidelity import compared, seed_noise
from vireid.commands.study.networks import Network
from vireid.commands.study.plots import draw_study
from vireid.commands.study.report import agreement, network_means, over_networks, over_queries, over_seeds, spread
from vireid.commands.study.results import Run, check_equal_budget, chosen_row
from vireid.commands.study.scores import read_scores, write_scores
from vireid.commands.study.table import markdown
from vireid.errors import ResultsError
from vireid.metrics import paired_test, permutation_test, rank_correlation
from vireid.results import Result
from vireid.results.result import METRICS, TrialQueries
from vireid.search import BNSeparation

SPACE = BNSeparation("resnet10", width=8)
SHARED, SEPARATE = SPACE.baselines()["all_shared"], SPACE.baselines()["all_separate"]
PIDS = np.array([1, 1, 2, 2, 3, 3])


def run(name: str, seed: int, ap: Sequence[float], group: str = "random") -> Run:
    values = np.array(ap, dtype=np.float64)
    result = Result("sysu/all", {metric: (float(values.mean()),) for metric in METRICS}, len(ap), per_query=(TrialQueries(PIDS, values),))
    return Run(Network(name, group, Path("x.json")), SHARED, seed, result, None, 1.0)


def level(name: str, seed: int, mean: float) -> Run:
    return run(name, seed, [mean] * 6)


FOUR = [level("a", 0, 0.2), level("a", 1, 0.4), level("b", 0, 0.5), level("b", 1, 0.5)]


def test_spread_over_runs_between_networks_and_between_seeds() -> None:
    found = spread(FOUR, "mAP")
    assert found["mean"] == pytest.approx(0.4)
    assert found["std"] == pytest.approx(np.std([0.2, 0.4, 0.5, 0.5], ddof=1))
    assert found["std_between_networks"] == pytest.approx(np.std([0.3, 0.5], ddof=1))
    assert found["std_between_seeds"] == pytest.approx(math.sqrt(0.02 / 2))  # squares 0.01 + 0.01, one degree of freedom each
    assert found["best_network"] == pytest.approx(0.5)
    assert network_means(FOUR) == pytest.approx({"a": 0.3, "b": 0.5})


def test_a_single_run_has_no_deviation() -> None:
    found = spread(FOUR[:1], "mAP")
    assert [found[name] for name in ("std", "std_between_networks", "std_between_seeds")] == [None] * 3


def test_queries_pair_means_over_runs_by_identity() -> None:
    a = [run("a", 0, [0.1, 0.2, 0.3, 0.4, 0.5, math.nan]), run("a", 1, [0.3, 0.2, 0.3, 0.4, 0.5, math.nan])]
    b = [run("b", 0, [0.1, 0.1, 0.1, 0.1, 0.9, math.nan])]
    expected = paired_test([0.2, 0.2, 0.3, 0.4, 0.5], [0.1, 0.1, 0.1, 0.1, 0.9], PIDS[:5])
    found = over_queries(a, b)
    assert found is not None
    assert found["difference"] == pytest.approx(expected.difference)
    assert (found["p_value"], found["units"]) == (expected.p_value, 3)


def test_without_average_precisions_queries_are_not_compared() -> None:
    result = Result("sysu/all", dict.fromkeys(METRICS, (0.5,)), 6)
    assert over_queries([Run(FOUR[0].network, SHARED, 0, result, None, None)], FOUR) is None


def test_networks_are_permuted_and_seeds_are_paired() -> None:
    other = [level("c", 0, 0.1), level("c", 1, 0.2)]
    assert over_networks(FOUR, other)["p_value"] == permutation_test([0.3, 0.5], [0.15]).p_value
    found = over_seeds(FOUR, other)
    assert found is not None
    assert found["difference"] == pytest.approx(paired_test([0.35, 0.45], [0.1, 0.2]).difference)
    assert over_seeds(FOUR, [level("c", 7, 0.1)]) is None


def test_agreement_is_the_share_of_equal_choices() -> None:
    stem = SPACE.baselines()["stem_separate"]
    found = agreement([SHARED, SEPARATE, stem])
    sites = len(SPACE.sites())
    assert found == {
        "pairs": 3,
        "mean": pytest.approx(1 / 3),
        "lowest": 0,
        "highest": pytest.approx((sites - 1) / sites),
    }


def test_correlations_with_and_without_differences_below_the_noise() -> None:
    a, b = np.array([0.10, 0.20, 0.30, 0.31]), np.array([0.1, 0.2, 0.42, 0.41])
    found = compared(a, b, noise=0.1)
    assert found["tau"] == pytest.approx(4 / 6)
    assert found["bound"] == pytest.approx(1.96 * rank_correlation(a, b).sigma)
    assert found["rounded"]["tau"] == pytest.approx(1)  # 1 2 3 3 and 1 2 4 4
    assert "rounded" not in compared(a, b, noise=None)
    assert compared(np.ones(4), b, noise=None)["tau"] is None


def test_seed_noise_is_what_seeds_do_not_do_to_all_genotypes_alike() -> None:
    additive = np.array([[0.1], [0.4], [0.2]]) + np.array([0.0, 0.3])
    assert seed_noise(additive) == pytest.approx(0, abs=1e-12)
    noise = np.array([[1, -1], [-1, 1], [0, 0]]) * 0.1
    assert seed_noise(additive + noise) == pytest.approx(math.sqrt(0.04 / 2))  # (3 - 1)(2 - 1) degrees of freedom
    draw = np.random.default_rng(0)
    layouts = [draw.normal(0, 1, (4, 1)) + draw.normal(0, 3, 3) + draw.normal(0, 0.5, (4, 3)) for _ in range(4000)]
    squares = [seed_noise(layout) ** 2 for layout in layouts]
    deviation = 0.25 * math.sqrt(2 / 6 / len(layouts))  # of the mean of variances with 6 degrees of freedom
    assert np.mean(squares) == pytest.approx(0.25, abs=4 * deviation)


def test_the_first_row_without_variant_is_chosen() -> None:
    values = dict.fromkeys(METRICS, (0.5,))
    rows = [Result("sysu/all/single", values, 1, variant="flip"), Result("sysu/all/single", values, 1), Result("sysu/indoor", values, 1)]
    assert chosen_row(rows, "sysu/all", Path("x")) is rows[1]
    assert chosen_row(rows, "", Path("x")) is rows[1]
    with pytest.raises(ResultsError, match="No row of 'x' begins with `protocol` 'regdb'; it holds sysu/all/single, "):
        chosen_row(rows, "regdb", Path("x"))


def config(folder: Path, epochs: int, seed: int) -> Path:
    folder.mkdir()
    model = {"class_path": "m", "init_args": {"seed": seed, "genotype": f"{seed}.json", "num_classes": seed}}
    data = {"class_path": "d", "init_args": {"seed": seed}}
    content = {"seed_everything": seed, "run_dir": str(folder), "trainer": {"max_epochs": epochs}, "model": model, "data": data}
    (folder / "config.yaml").write_text(yaml.safe_dump(content))
    return folder


def test_runs_of_another_budget_are_refused(tmp_path: Path) -> None:
    same = [config(tmp_path / "a", 2, seed=0), config(tmp_path / "b", 2, seed=1)]
    check_equal_budget(same)
    check_equal_budget([])
    with pytest.raises(ResultsError, match=r"c' was not trained as .*a' was: they differ in more than seed and genotype"):
        check_equal_budget([*same, config(tmp_path / "c", 3, seed=0)])


def test_runs_of_before_and_after_a_new_option_are_compared(tmp_path: Path) -> None:
    old, new, other = (config(tmp_path / name, 2, seed=0) for name in ("old", "new", "other"))
    for folder, value in ((new, "false"), (other, "true")):
        with (folder / "config.yaml").open("a") as file:
            file.write(f"compile: {value}\n")
    check_equal_budget([old, new])
    with pytest.raises(ResultsError, match="was not trained as"):
        check_equal_budget([old, other])


def test_scores_round_trip_and_damage_is_named(tmp_path: Path) -> None:
    write_scores(tmp_path / "scores.json", {"a": 0.25})
    assert read_scores(tmp_path / "scores.json") == {"a": 0.25}
    for text in ("{", "[]", json.dumps({"format": "other", "version": 1})):
        (tmp_path / "scores.json").write_text(text)
        with pytest.raises(ResultsError, match="holds no scores of a supernet"):
            read_scores(tmp_path / "scores.json")


def report(**changed: Any) -> dict[str, Any]:
    empty = {
        "missing": ["search/bn-seed0"],
        "protocol": "",
        "reference": "all_shared",
        "rows": [],
        "agreement": {},
        "fidelity": None,
        "runs": [],
    }
    return {**empty, **changed}


def test_a_report_of_nothing_says_what_is_missing(tmp_path: Path) -> None:
    assert "**Unfinished**: 1 runs are missing (search/bn-seed0)." in markdown(report())
    assert "Unfinished" not in markdown(report(missing=[]))
    assert draw_study(report(), tmp_path) == []


def test_a_row_of_the_table() -> None:
    spread = {"mean": 0.25, "std": 0.01, "std_between_networks": 0.02, "std_between_seeds": None}
    test = {"p_value": 0.0004, "smallest_p": 0.0001}
    row = {"name": "searched (bn)", "networks": 3, "runs": 6, "mAP": spread, "rank1": spread, "relative_improvement": -1.25, "cost": {}}
    row |= {"against_random": {"queries": test, "networks": {"p_value": 0.5, "smallest_p": 0.25}}}
    lines = markdown(report(rows=[row])).splitlines()
    assert "| searched (bn) | 3 x 2 | 25.00 ± 1.00 | 25.00 ± 1.00 | 2.00 | - | -1.2 | < 0.001 | 0.500 (0.25) | - | - |" in lines
