"""What a test keeps for pictures: equal to naive loops, read back as written, and refused where it is damaged."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests.metrics.naive import naive_evaluate
from tests.results.tested import FinishedTest, run_test
from tests.results.written import result, write
from vireid.errors import ResultsError, SettingsError
from vireid.metrics import evaluate
from vireid.results import read_results
from vireid.results.detailing import camera_matrix, count_scores, rank_trial
from vireid.results.details import BINS, shown_queries
from vireid.structures import Rule, Trial
from vireid.tasks import Retrieval

LOCATIONS = {1: 1, 2: 2, 3: 2, 4: 4, 5: 5, 6: 6}


def corner_people(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, Trial]:
    """60 images of 6 people in 6 cameras whose embeddings are corners of a cube: distances are exact, and many are equal."""
    random = np.random.default_rng(seed)
    embeddings = torch.tensor(random.choice([-1.0, 1.0], (60, 4)), dtype=torch.float32)
    pids, camids = torch.tensor(random.integers(0, 6, 60)), torch.tensor(random.integers(1, 7, 60))
    return embeddings, pids, camids, Trial(np.arange(40, 60), random.permutation(40))


def is_ignored(rule: Rule, pid: int, camid: int, other: int, camera: int) -> bool:
    if rule == "sysu":
        return LOCATIONS[camid] == LOCATIONS[camera]
    return rule in ("llcm", "market") and pid == other and camid == camera


@pytest.mark.parametrize("rule", ["sysu", "regdb", "llcm", "market"])
def test_ranked_lists_are_those_of_the_evaluator(rule: Rule) -> None:
    embeddings, pids, camids, trial = corner_people()
    found = rank_trial(trial, rule, embeddings, pids, camids, depth=50)
    q, g = trial.query, trial.gallery
    matrix = 1 - F.normalize(embeddings[q]) @ F.normalize(embeddings[g.copy()]).T
    scores = evaluate(matrix, pids[q], pids[g.copy()], camids[q], camids[g.copy()], rule=rule)
    for row, query in enumerate(q.tolist()):
        order = sorted(range(40), key=lambda column: (float(matrix[row, column]), column))  # ties in the order of the gallery
        assert found.entries[row].tolist() == [int(g[column]) for column in order] + [-1] * 10
        assert found.distances[row, :40].tolist() == [float(matrix[row, column]) for column in order]
        expected = [is_ignored(rule, int(pids[query]), int(camids[query]), int(pids[g[c]]), int(camids[g[c]])) for c in order]
        assert found.ignored[row].tolist() == expected + [False] * 10
        counted = [int(pids[g[c]]) for c, gone in zip(order, expected, strict=True) if not gone]
        hits = [place for place, pid in enumerate(counted, start=1) if pid == int(pids[query])]
        ap = np.mean([number / place for number, place in enumerate(hits, start=1)]) if hits else np.nan
        np.testing.assert_allclose(scores["ap"][row], ap, rtol=0, atol=1e-12)
    short = rank_trial(trial, rule, embeddings, pids, camids, depth=7)
    np.testing.assert_array_equal(short.entries, found.entries[:, :7])
    assert np.isnan(found.distances[:, 40:]).all()


@pytest.mark.parametrize("rule", ["sysu", "market"])
def test_the_camera_matrix_is_that_of_a_naive_loop(rule: Rule) -> None:
    embeddings, pids, camids, trial = corner_people(3)
    found = camera_matrix(trial, rule, embeddings, pids, camids)
    unit = F.normalize(embeddings).numpy()
    seen = 0
    for row, mine in enumerate(found.query_cameras):
        for column, other in enumerate(found.gallery_cameras):
            q = [i for i in trial.query if camids[i] == mine]
            g = [i for i in trial.gallery if camids[i] == other]
            labels = [np.array([int(of[i]) for i in rows]) for of, rows in ((pids, q), (pids, g), (camids, q), (camids, g))]
            scores = naive_evaluate(1 - unit[q] @ unit[g].T, *labels, rule=rule, topk=(1,))
            ap = np.array([np.nan]) if scores is None else scores["ap"]
            valid = ~np.isnan(ap)
            assert found.queries[row, column] == valid.sum()
            seen += bool(valid.any())
            expected = ap[valid].mean() if valid.any() else np.nan
            np.testing.assert_allclose(found.mean_ap[row, column], expected, rtol=0, atol=1e-12)
    assert seen > 5


def test_scores_are_counted_as_in_a_naive_loop() -> None:
    embeddings, pids, _, _ = corner_people()
    modalities = torch.tensor([0] * 35 + [1] * 25)
    found = count_scores(embeddings, pids, modalities)
    expected = np.zeros((3, 2, BINS), np.int64)
    unit = F.normalize(embeddings).numpy()
    for first in range(60):
        for second in range(first + 1, 60):
            place = min(max(int((1 - unit[first] @ unit[second]) * 100), 0), BINS - 1)
            expected[int(modalities[first] + modalities[second]), int(pids[first] != pids[second]), place] += 1
    np.testing.assert_array_equal(found.counts, expected)
    assert (found.counts.sum(), found.images, found.of) == (60 * 59 // 2, 60, 60)


def test_of_many_images_whole_people_are_drawn() -> None:
    embeddings, pids, _, _ = corner_people()
    found = count_scores(embeddings, pids, torch.zeros(60, dtype=torch.int64), most=30)
    sizes = torch.bincount(pids).tolist()
    assert 30 - max(sizes) < found.images <= 30
    assert found.of == 60
    assert found.counts.sum() == found.images * (found.images - 1) // 2
    pairs = {sum(size * (size - 1) // 2 for size, kept in zip(sizes, bits, strict=True) if kept) for bits in np.ndindex((2,) * 6)}
    assert found.counts[0, 0].sum() in pairs  # of some of the six people, each whole


def test_the_shown_queries_are_hardest_median_and_easiest() -> None:
    ap, pids = np.linspace(0, 1, 30), np.arange(30) // 2
    found = shown_queries(ap, pids, 3)
    assert (found["hardest"].tolist(), found["easiest"].tolist()) == ([0, 2, 4], [29, 27, 25])
    assert len({pids[row] for row in found["median"]}) == 3
    assert np.abs(ap[found["median"]] - 0.5).max() < 0.15
    few = shown_queries(np.array([0.1, 0.2, np.nan, 0.3]), np.zeros(4), 12)
    assert {name: rows.tolist() for name, rows in few.items()} == {"hardest": [0], "median": [1], "easiest": [3]}


def equal(first: Any, second: Any) -> bool:
    if is_dataclass(first):
        return all(equal(getattr(first, field.name), getattr(second, field.name)) for field in fields(first))
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(equal(first[key], second[key]) for key in first)
    if isinstance(first, tuple):
        return len(first) == len(second) and all(map(equal, first, second))
    return bool(np.array_equal(first, second, equal_nan=isinstance(first, np.ndarray) and first.dtype.kind == "f"))


def test_a_test_writes_details_that_are_read_back(tested: FinishedTest) -> None:
    found = read_results(tested.folder)
    shown = found.results[0]
    assert [len(trials) for trials in found.details.ranks.values()] == [1] * 4
    assert set(found.details.cameras) == {result.protocol for result in found.results}
    ranks = found.details.ranks[shown.protocol][0]
    images = found.images
    assert images is not None
    assert images.embeddings.dtype == np.float16
    np.testing.assert_allclose(images.embeddings, F.normalize(tested.embeddings).numpy(), rtol=0, atol=1e-3)
    assert images.paths.tolist() == [record.path for record in tested.evaluation.records]
    np.testing.assert_array_equal(images.pids[ranks.query], shown.per_query[0].pids)
    people = np.where(ranks.ignored | (ranks.entries < 0), -1, images.pids[ranks.entries])  # the gallery has fewer than 50 images
    for person, first, row in zip(images.pids[ranks.query], np.asarray(shown.per_query[0].first), people, strict=True):
        assert list(dict.fromkeys(row[row >= 0].tolist())).index(person) + 1 == first
    assert found.details.scores is not None
    assert found.details.scores.of == len(images.pids)
    assert shown.open_set == tested.module.results[0].open_set
    write(tested.folder / "again", *found.results, details=found.details)
    assert equal(read_results(tested.folder / "again").details, found.details)


def test_all_trials_are_kept_on_demand(sysu_root: Path, tmp_path: Path) -> None:
    run_test(sysu_root, tmp_path, Retrieval(ranks="all"))
    found = read_results(tmp_path)
    assert {len(trials) for trials in found.details.ranks.values()} == {10}
    assert {result.trials for result in found.results} == {10}
    with pytest.raises(SettingsError, match="`ranks` must be first or all"):
        Retrieval(ranks="some")  # type: ignore[arg-type]


def test_files_of_older_versions_have_no_details(tested: FinishedTest, tmp_path: Path) -> None:
    write(tmp_path, result())
    with np.load(tmp_path / "queries.npz") as arrays:
        older = {name: array for name, array in arrays.items() if name != "version"}
    np.savez(tmp_path / "queries.npz", **older, version=np.array(2))
    found = read_results(tmp_path)
    assert len(found.results[0].per_query) == 3
    assert (found.details.ranks, found.details.scores, found.details.attention, found.images) == ({}, None, None, None)


DAMAGES: dict[str, Any] = {
    "entries.0.0": np.zeros((3, 50), np.int32),
    "distances.0.0": np.zeros((1, 1), np.int64),
    "ignored.0.0": np.zeros((2, 50), bool),
    "query.0.0": np.full(24, -5),
    "cameras.mean_ap.0": np.full((2, 4), 7.0),
    "cameras.queries.0": np.zeros((9, 9), np.int64),
    "scores": np.zeros((3, 2, 7), np.int64),
    "scores.images": np.zeros(3, np.int64),
    "attention.maps": np.full((1, 2, 2, 2), 3.0),
    "attention.query": np.zeros(2, np.int64),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_details_are_refused(tested: FinishedTest, tmp_path: Path, name: str) -> None:
    (tmp_path / "metrics.json").write_bytes((tested.folder / "metrics.json").read_bytes())
    with np.load(tested.folder / "queries.npz") as arrays:
        np.savez(tmp_path / "queries.npz", **{**arrays, name: DAMAGES[name]})
    with pytest.raises(ResultsError, match=r"is damaged: .*\. Run `vireid test` again"):
        _ = read_results(tmp_path).details


@pytest.mark.parametrize(
    ("name", "value"),
    [("embeddings", np.zeros(3)), ("pids", np.zeros(2, np.int64)), ("camids", np.array(["x"])), ("embeddings", np.full((96, 2), np.nan))],
)
def test_damaged_images_are_refused(tested: FinishedTest, tmp_path: Path, name: str, value: Any) -> None:
    (tmp_path / "metrics.json").write_bytes((tested.folder / "metrics.json").read_bytes())
    with np.load(tested.folder / "embeddings.npz") as arrays:
        np.savez(tmp_path / "embeddings.npz", **{**arrays, name: value})
    with pytest.raises(ResultsError, match=r"embeddings\.npz' is damaged: its"):
        _ = read_results(tmp_path).images
