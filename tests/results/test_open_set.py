"""Protocols report the people whom a threshold misses, beside CMC and mAP."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from vireid.metrics import fnir, fpir
from vireid.results import read_results, results_table, score, write_metrics
from vireid.structures import Evaluation, Modality, Record, Rule, Setting, Trial

PEOPLE, EACH = 40, 9
CAMERAS = {"sysu": (1, 2, 3, 4, 5, 6), "market": (1, 2, 3), "llcm": (1, 2, 3), "regdb": (1, 2)}
UNTRAINED = {"sysu": {3: 2}}  # cameras 2 and 3 are one place


def evaluation(rule: Rule, trials: int = 1) -> tuple[Evaluation, torch.Tensor]:
    """People before several cameras: a third of the images of each is searched in another third; embeddings around one for each person."""
    random = np.random.default_rng(7)
    labels = [(pid, CAMERAS[rule][shot % len(CAMERAS[rule])]) for pid in range(PEOPLE) for shot in range(2 * EACH)]
    records = tuple(Record(f"{row}.jpg", pid, camera, Modality.VISIBLE) for row, (pid, camera) in enumerate(labels))
    rows = np.arange(len(labels)).reshape(PEOPLE, 2 * EACH)
    drawn = tuple(Trial(rows[:, :EACH].ravel(), random.permutation(rows[:, EACH : EACH + 3].ravel())) for _ in range(trials))
    centres = random.standard_normal((PEOPLE, 16))
    embeddings = centres[[pid for pid, _ in labels]] + 0.8 * random.standard_normal((len(labels), 16))
    return Evaluation(records, (Setting("own/x", rule, drawn),)), torch.from_numpy(embeddings).float()


def tops(rule: Rule, found: Evaluation, embeddings: torch.Tensor, trial: Trial) -> list[tuple[float, float]]:
    """Best score of the own person and of all others, by a loop over entries."""
    unit = embeddings.double().numpy()
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    pairs = []
    for query in trial.query:
        own, others = [np.nan], [np.nan]
        for entry in trial.gallery:
            one, two = found.records[query], found.records[entry]
            places = [UNTRAINED.get(rule, {}).get(record.camid, record.camid) for record in (one, two)]
            same_person, same_place = one.pid == two.pid, places[0] == places[1]
            if (rule == "sysu" and same_place) or (rule in ("market", "llcm") and same_place and same_person):
                continue
            (own if same_person else others).append(float(unit[query] @ unit[entry]))
        pairs.append((np.nan if len(own) == 1 else np.nanmax(own), np.nanmax(others)))
    return pairs


@pytest.mark.parametrize("rule", ["sysu", "regdb", "llcm", "market"])
def test_every_query_is_searched_by_the_rule_of_its_protocol(rule: Rule) -> None:
    found, embeddings = evaluation(rule)
    (row,) = score(found, embeddings, open_set=True)
    expected = np.array(tops(rule, found, embeddings, found.settings[0].trials[0]))
    (queries,) = row.per_query
    assert queries.mated is not None
    assert queries.non_mated is not None
    np.testing.assert_allclose(np.stack([queries.mated, queries.non_mated], 1), expected, atol=1e-6)
    (points,) = row.open_set
    assert [point.target for point in points] == [0.1, 0.01]
    threshold = points[0].threshold
    assert threshold is not None
    assert fpir(queries.non_mated, threshold.value) == threshold.fpir <= 0.1
    ranks = np.where(queries.mated > queries.non_mated, 1, 2)
    assert points[0].fnir == row.fnir(0.1) == fnir(queries.mated, ranks, threshold.value)
    assert 0 < points[0].fnir < 1
    assert row.fnir(0.01) is None
    assert "needs at least 3000 searches" in points[1].refused


def test_the_table_and_the_file_tell_it(tmp_path: Path) -> None:
    found, embeddings = evaluation("regdb", trials=3)
    rows = score(found, embeddings, open_set=True)
    console = Console(width=120, record=True)
    console.print(results_table(rows, "title"))
    text = console.export_text()
    assert f"{100 * (rows[0].fnir(0.1) or 0):.2f}" in text
    assert "@0.1" in text
    assert "@0.01" not in text
    assert "people missed at rank 1 if strangers pass" in text
    write_metrics(tmp_path / "metrics.json", rows)
    content = (tmp_path / "metrics.json").read_text()
    assert content.count('"fnir"') == 6
    (back,) = read_results(tmp_path).results
    assert back == rows[0]
    for before, after in zip(rows[0].per_query, back.per_query, strict=True):
        np.testing.assert_array_equal(before.mated, after.mated)
        np.testing.assert_array_equal(before.non_mated, after.non_mated)


def test_without_it_nothing_is_reported(tmp_path: Path) -> None:
    found, embeddings = evaluation("regdb")
    (row,) = score(found, embeddings)
    assert (row.open_set, row.fnir(0.1), row.per_query[0].mated) == ((), None, None)
    assert "open_set" not in row.to_dict()
    console = Console(width=120, record=True)
    console.print(results_table([row], "title"))
    assert "FNIR" not in console.export_text()
