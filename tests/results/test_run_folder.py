"""The folder of a run: stitched curves, the course of a search, and what is no run."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from tests.results.written import write
from vireid.errors import MissingFileError, ResultsError
from vireid.results.course import read_course
from vireid.results.details import Images
from vireid.results.embedding_space import modality_gap, principal_axes
from vireid.results.run_folder import read_run
from vireid.results.training import read_training
from vireid.search import BNSeparation


def test_what_a_resumed_run_logged_again_counts(tmp_path: Path) -> None:
    (tmp_path / "metrics-before-resume-1.csv").write_text("epoch,step,train/loss\n0,1,9\n1,2,8\n2,3,7\n")
    (tmp_path / "metrics-before-resume-10.csv").write_text("epoch,step,train/loss,val/mAP\n1,2,6,\n1,2,,0.5\n")
    (tmp_path / "metrics-before-resume-2.csv").write_text("epoch,step,train/loss\n1,2,7\n")
    (tmp_path / "metrics.csv").write_text("epoch,step,train/loss\n,5,3\n2,3,nan\n3,4,2\n")
    found = read_training(tmp_path)
    assert found is not None
    assert found.resumes == 3
    epochs, values = found["train/loss"]
    assert epochs == [0, 1, 2, 3]
    assert (values[0], values[1], values[3]) == (9, 6, 2)
    assert math.isnan(values[2])
    assert found["val/mAP"] == ([1], [0.5])
    assert found["x"] == ([], [])


def test_the_course_of_a_search_is_read_site_by_site(tmp_path: Path) -> None:
    (tmp_path / "architecture_summary.csv").write_text("epoch,entropy,margin\n1,0.7,0.1\n2,0.6,0.2\n")
    rows = ["epoch,site,stage,candidate,probability", "1,bn1,stem,a,0.5", "1,bn1,stem,b,0.5", "2,bn1,stem,a,0.25", "2,x,layer1,b,0.75"]
    (tmp_path / "architecture.csv").write_text("\n".join([*rows, "3,x,layer1,b,0.1"]))  # of an epoch without a summary
    found = read_course(tmp_path)
    assert found is not None
    assert (found.epochs, found.stages, found.entropy, found.margin) == ([1, 2], {"bn1": "stem", "x": "layer1"}, [0.7, 0.6], [0.1, 0.2])
    np.testing.assert_array_equal(found.probabilities["a"], [[0.5, 0.25], [np.nan, np.nan]])
    np.testing.assert_array_equal(found.probabilities["b"], [[0.5, np.nan], [np.nan, 0.75]])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("metrics.csv", "epoch,x\nzero,1\n"),
        ("metrics.csv", "epoch,x\n0,one\n"),
        ("architecture.csv", "epoch\n1\n"),
        ("metrics.csv", "\udcff"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / "architecture_summary.csv").write_text("epoch,entropy,margin\n1,0.7,0.1\n")
    (tmp_path / "metrics.csv").write_text("")
    (tmp_path / name).write_text(content, errors="surrogateescape")
    with pytest.raises(ResultsError, match=rf"{name}' is damaged"):
        read_run(tmp_path)


def test_a_test_knows_the_run_it_lies_in(tmp_path: Path) -> None:
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "run" / "metrics.csv").write_text("epoch,step,train/loss\n0,1,9\n")
    (tmp_path / "run" / "config.yaml").write_text("seed: 1\n")
    write(tmp_path / "run" / "test-1")
    for path in (tmp_path / "run", tmp_path / "run" / "test-1", tmp_path / "run" / "test-1" / "metrics.json"):
        found = read_run(path)
        assert (found.folder, found.config, found.is_search) == (tmp_path / "run", "seed: 1\n", False)
        assert found.tested is not None
        assert found.training is not None
    apart = read_run(write(tmp_path / "apart"))
    assert (apart.folder, apart.training, apart.genotype) == (tmp_path / "apart", None, None)


def test_a_search_without_a_test_is_a_run_and_an_empty_folder_is_none(tmp_path: Path) -> None:
    BNSeparation("resnet10").baselines()["all_shared"].save(tmp_path / "search" / "genotype.json")
    found = read_run(tmp_path / "search")
    assert (found.is_search, found.tested, found.course) == (True, None, None)
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingFileError, match=r"empty' is no run: it holds no metrics\.json of a test"):
        read_run(tmp_path / "empty")
    with pytest.raises(MissingFileError, match=r"There is no .*absent"):
        read_run(tmp_path / "absent")


def images(rows: list[list[float]], pids: list[int], modalities: list[int]) -> Images:
    labels = np.array(pids)
    return Images(np.array(rows), labels.astype(str), labels, labels, np.array(modalities), labels.astype(str))


def test_the_modality_gap_by_hand() -> None:
    """Visible centres (1, 0) and (0, 1), infrared (0, 1) and (-1, 0): means (1/2, 1/2) and (-1/2, 1/2). Person 9 is visible alone."""
    rows = [[2.0, 0.0], [0.0, 3.0], [0.0, 1.0], [-1.0, 0.0], [5.0, 5.0]]
    found = modality_gap(images(rows, [1, 2, 1, 2, 9], [0, 0, 1, 1, 0]))
    assert found is not None
    assert (found.gap, found.same, found.people, found.count) == pytest.approx((1.0, math.sqrt(2), math.sqrt(2), 2))
    assert modality_gap(images(rows, [1, 2, 1, 3, 9], [0, 0, 1, 1, 0])) is None


@pytest.mark.parametrize("shape", [(20, 4), (4, 20)])
def test_axes_are_those_of_a_singular_value_decomposition(shape: tuple[int, int]) -> None:
    rows = np.random.default_rng(0).normal(size=shape)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    left, values, _ = np.linalg.svd(unit - unit.mean(0), full_matrices=False)
    places, shares = principal_axes(rows)
    np.testing.assert_allclose(np.abs(places), np.abs(left[:, :2] * values[:2]), rtol=0, atol=1e-5)
    np.testing.assert_allclose(shares, values[:2] ** 2 / (values**2).sum(), rtol=1e-5)
    assert principal_axes(rows[:1])[0].tolist() == [[0, 0]]
