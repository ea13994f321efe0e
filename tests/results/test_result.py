"""Results on disk: what was written is read, what is not ours or not whole is refused."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.results.written import PIDS, SYSU, average_precisions, result, write
from vireid.errors import MissingFileError, OutputError, ResultsError
from vireid.results import read_results, score, write_metrics
from vireid.results.result import METRICS
from vireid.structures import Evaluation, Modality, Record, Setting, Trial


def change(folder: Path, **changes: Any) -> None:
    path = folder / "metrics.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def change_row(folder: Path, **changes: Any) -> None:
    (row,) = json.loads((folder / "metrics.json").read_text())["results"]
    change(folder, results=[{**row, **changes}])


def test_results_come_back_bit_for_bit(tmp_path: Path) -> None:
    ap = average_precisions(3)
    ap[1][4] = np.nan
    rows = [
        result(ap, remark="saw test people"),
        result(ap, variant="flip", with_queries=False),
        result(ap[:1], "regdb/v/trial-2", digest=""),
    ]
    found = read_results(write(tmp_path, *rows))
    assert list(found.results) == rows
    assert found.about == {"phase": "retrained"}
    assert (found.path, found.name) == (tmp_path / "metrics.json", str(tmp_path))
    for before, after in zip(rows, found.results, strict=True):
        assert len(before.per_query) == len(after.per_query)
        for wrote, read in zip(before.per_query, after.per_query, strict=True):
            np.testing.assert_array_equal(read.pids, PIDS)
            for name in ("ap", "inp", "first"):
                np.testing.assert_array_equal(getattr(read, name), getattr(wrote, name))


def test_rows_without_queries_write_no_second_file(tmp_path: Path) -> None:
    found = read_results(write(tmp_path, result(with_queries=False)))
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.json"]
    assert found.results[0].per_query == ()


def test_scoring_keeps_the_identity_of_every_query(tmp_path: Path) -> None:
    records = tuple(Record(f"{side}/{pid}.jpg", pid, 1 + int(side), side) for side in Modality for pid in (4, 9, 6))
    trials = (Trial(np.array([4, 3]), np.array([0, 1, 2])), Trial(np.array([5, 3, 4]), np.array([0, 1])))
    evaluation = Evaluation(records, (Setting("own/x", "regdb", trials),))
    write_metrics(tmp_path / "metrics.json", score(evaluation, torch.eye(6)[[0, 1, 2, 0, 1, 2]]))
    (row,) = read_results(tmp_path).results
    assert [queries.pids.tolist() for queries in row.per_query] == [[9, 4], [6, 4, 9]]
    for values in (row.per_query[1].ap, row.per_query[1].inp, row.per_query[1].first):
        np.testing.assert_array_equal(values, [np.nan, 1, 1])  # person 6 is not in that gallery


def test_scores_of_the_queries_are_those_of_the_row() -> None:
    """One query finds its two matches at ranks 3 and 4, another its one match at rank 1."""
    records = tuple(Record(f"{row}.jpg", pid, 1, Modality.VISIBLE) for row, pid in enumerate((7, 8, 1, 2, 7, 7, 8)))
    embeddings = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.1], [1.0, 0.2], [1.0, 0.3], [1.0, 0.4], [0.1, 1.0]])
    (row,) = score(Evaluation(records, (Setting("x", "regdb", (Trial(np.array([0, 1]), np.arange(2, 7)),)),)), embeddings)
    (queries,) = row.per_query
    assert queries.first is not None
    assert queries.inp is not None
    assert queries.first.tolist() == [3.0, 1.0]
    np.testing.assert_allclose(queries.inp, [2 / 4, 1.0])
    np.testing.assert_allclose(queries.ap, [(1 / 3 + 2 / 4) / 2, 1.0])
    for metric, values in queries.scores().items():
        assert row.values[metric] == (pytest.approx(values.mean()),)
    assert [row.values[name][0] for name in ("rank1", "rank5")] == [0.5, 1.0]
    assert list(queries.scores()) == list(METRICS)


def test_a_file_that_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "queries.npz").mkdir()
    with pytest.raises(OutputError, match=r"queries\.npz.*what was there before is intact"):
        write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["queries.npz"]


def test_a_run_is_represented_by_its_newest_test(tmp_path: Path) -> None:
    run = tmp_path / "run"
    for number, name in enumerate(["test-2", "test-10", "validate-1", "notes"]):
        os.utime(write(run / name, result(average_precisions(number))) / "metrics.json", ns=(10 + number, 10 + number))
    assert read_results(run).path.parent.name == "test-10"
    os.utime(run / "test-2" / "metrics.json", ns=(50, 50))
    assert read_results(run).path.parent.name == "test-2"
    os.utime(run / "test-10" / "metrics.json", ns=(50, 50))  # copied: times say nothing
    assert read_results(run).path.parent.name == "test-10"
    assert read_results(run / "validate-1").path.parent.name == "validate-1"
    assert read_results(run / "notes" / "metrics.json").path.parent.name == "notes"


def test_held_out_people_only_where_there_is_no_test(tmp_path: Path) -> None:
    write(tmp_path / "validate-1")
    assert read_results(tmp_path).path.parent.name == "validate-1"


def test_a_folder_with_one_evaluation_somewhere_is_enough_and_with_several_is_not(tmp_path: Path) -> None:
    write(tmp_path / "a" / "test-1")
    assert read_results(tmp_path).name == str(tmp_path / "a" / "test-1")
    for name in "bcdefg":
        write(tmp_path / name / "test-1")
    with pytest.raises(ResultsError, match=r"holds 7 evaluations; name one: .*a.test-1, .*, \.\.\.\."):
        read_results(tmp_path)


def test_absent_results(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"There is no .*nowhere"):
        read_results(tmp_path / "nowhere")
    with pytest.raises(MissingFileError, match=r"No metrics.json under .*: run `vireid test --ckpt`"):
        read_results(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"format":', "is damaged or no metrics.json"),
        ("\udcff", "is damaged or no metrics.json"),
        ("[]", "was not written by vireid"),
        ('{"format": "other"}', "was not written by vireid"),
        ('{"format": "vireid.classification"}', "only results of retrieval"),
        ('{"format": "vireid.metrics", "version": 2}', "has version 2, this vireid reads 1"),
        ('{"format": "vireid.metrics", "version": 1}', "is damaged: KeyError 'results'"),
        ('{"format": "vireid.metrics", "version": 1, "results": [3]}', "is damaged: TypeError"),
        (
            '{"format": "vireid.metrics", "version": 1, "results": [{"protocol": "x", "mean": {}}]}',
            "of an older vireid, which kept no numbers",
        ),
    ],
)
def test_files_that_are_not_ours_or_damaged(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "metrics.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(ResultsError, match=message):
        read_results(tmp_path)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"mAP": [0.5, 0.5]}, "different numbers of trials, or none"),
        ({name: [] for name in METRICS}, "different numbers of trials, or none"),
        ({name: [0.5] * 1001 for name in METRICS}, "more than 1,000 trials"),
        ({"mINP": [0.1, 0.2, float("nan")]}, "a metric is not a fraction"),
        ({"rank1": [51.0, 52.0, 53.0]}, "a metric is not a fraction"),
        ({"rank1": ["x", 0.1, 0.2]}, "is damaged: ValueError"),
    ],
)
def test_numbers_that_cannot_be(tmp_path: Path, values: dict[str, list[float]], message: str) -> None:
    write(tmp_path)
    (row,) = json.loads((tmp_path / "metrics.json").read_text())["results"]
    change_row(tmp_path, values={**row["values"], **values})
    with pytest.raises(ResultsError, match=message):
        read_results(tmp_path)


def test_texts_must_be_texts(tmp_path: Path) -> None:
    write(tmp_path)
    change_row(tmp_path, remark=None)
    with pytest.raises(ResultsError, match="a text is expected"):
        read_results(tmp_path)


def test_queries_must_be_those_of_the_results(tmp_path: Path) -> None:
    write(tmp_path)
    content = (tmp_path / "queries.npz").read_bytes()
    (tmp_path / "queries.npz").write_bytes(content[: len(content) // 2])
    with pytest.raises(ResultsError, match=r"queries\.npz' is damaged"):
        read_results(tmp_path)
    (tmp_path / "queries.npz").write_bytes(content)
    change_row(tmp_path, variant="flip")
    with pytest.raises(ResultsError, match="is of other results than the"):
        read_results(tmp_path)
    write(tmp_path / "other", result(average_precisions(2)))
    write(tmp_path / "other2", replace(result(), queries=3))
    (tmp_path / "other" / "queries.npz").replace(tmp_path / "other2" / "queries.npz")
    with pytest.raises(ResultsError, match="does not give the rank1"):
        read_results(tmp_path / "other2")


def rewrite(folder: Path, **changes: Any) -> None:
    """Change arrays of ``queries.npz``; ``None`` removes one."""
    with np.load(folder / "queries.npz") as file:
        arrays = {**dict(file.items()), **changes}
    np.savez(folder / "queries.npz", **{name: values for name, values in arrays.items() if values is not None})


def test_queries_of_an_older_version_hold_average_precisions_alone(tmp_path: Path) -> None:
    write(tmp_path)
    rewrite(tmp_path, version=None, **{f"{name}.0.{trial}": None for name in ("inp", "first") for trial in range(3)})
    (row,) = read_results(tmp_path).results
    assert [list(queries.scores()) for queries in row.per_query] == [["mAP"]] * 3
    np.testing.assert_array_equal(row.per_query[2].ap, result().per_query[2].ap)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": np.array(4)}, r"queries\.npz' has version 4, this vireid reads 1 to 3: upgrade the package"),
        ({"version": np.array("x")}, "has version 'x', this vireid reads 1 to 3"),
        ({"ap.0.1": None}, "is damaged: trial 1 of `sysu/.*` is not whole"),
        ({"ap.0.1": np.array(["x"] * len(PIDS))}, "is damaged: trial 1 of `sysu/.*` is not whole"),
        ({"pids.0.1": np.zeros(len(PIDS))}, "is damaged: trial 1 of `sysu/.*` is not whole"),
        ({"pids.0.2": None}, "is damaged: trial 2"),
        ({"first.0.0": np.ones(3)}, "is damaged: trial 0"),
        ({"first.0.0": np.ones(100)}, "does not give the rank1 of the metrics.json beside it"),
        ({"inp.0.1": np.full(100, np.nan)}, "does not give the mINP"),
    ],
)
def test_queries_that_are_not_whole_or_newer(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    write(tmp_path)
    rewrite(tmp_path, **changes)
    with pytest.raises(ResultsError, match=message):
        read_results(tmp_path)


def test_nothing_in_a_file_of_queries_is_executed(tmp_path: Path) -> None:
    write(tmp_path)
    np.savez(tmp_path / "queries.npz", names=np.array([SYSU, print], dtype=object))
    with pytest.raises(ResultsError, match="Object arrays cannot be loaded"):
        read_results(tmp_path)
