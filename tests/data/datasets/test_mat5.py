"""The MATLAB reader against scipy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.io

from vireid.data import read_mat
from vireid.errors import DatasetError, DatasetNotFoundError

OFFICIAL = Path(__file__).parents[2] / "golden" / "sysu-protocol" / "rand_perm_cam.mat"


def test_the_official_file_reads_as_scipy_reads_it() -> None:
    mine, theirs = read_mat(OFFICIAL)["rand_perm_cam"], scipy.io.loadmat(OFFICIAL, mat_dtype=True)["rand_perm_cam"]
    assert mine.shape == theirs.shape
    for camera, expected in zip(mine.ravel(), theirs.ravel(), strict=True):
        assert camera.shape == expected.shape
        for cell, reference in zip(camera.ravel(), expected.ravel(), strict=True):
            assert cell.dtype == reference.dtype
            np.testing.assert_array_equal(cell, reference)


@pytest.mark.parametrize("compressed", [False, True])
def test_numbers_and_nested_cells(tmp_path: Path, compressed: bool) -> None:
    rng = np.random.default_rng(0)
    inner = np.empty((2, 1), dtype=object)
    inner[:, 0] = [np.arange(6, dtype=np.uint8).reshape(2, 3), np.zeros((0, 3))]
    outer = np.empty((1, 2), dtype=object)
    outer[0] = [inner, rng.normal(size=(3, 2))]
    values = {"a": np.arange(5.0)[None], "b": rng.integers(-9, 9, (3, 4), dtype=np.int16), "large": rng.normal(size=(40, 30)), "c": outer}
    scipy.io.savemat(tmp_path / "x.mat", values, do_compression=compressed)
    found = read_mat(tmp_path / "x.mat")
    assert list(found) == list(values)
    for name in ("a", "b", "large"):
        np.testing.assert_array_equal(found[name], values[name])
        assert found[name].dtype == values[name].dtype
    np.testing.assert_array_equal(found["c"][0, 0][0, 0], inner[0, 0])
    assert found["c"][0, 0][1, 0].shape == (0, 3)
    np.testing.assert_array_equal(found["c"][0, 1], outer[0, 1])


def test_errors(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match="no MATLAB file"):
        read_mat(tmp_path / "absent.mat")
    other = tmp_path / "other.mat"
    other.write_bytes(b"\x89HDF" + bytes(200))
    with pytest.raises(DatasetError, match="not a MATLAB level 5 file"):
        read_mat(other)
    cut = tmp_path / "cut.mat"
    cut.write_bytes(OFFICIAL.read_bytes()[:5000])
    with pytest.raises(DatasetError, match="damaged"):
        read_mat(cut)
    scipy.io.savemat(tmp_path / "text.mat", {"text": "abc"})
    with pytest.raises(DatasetError, match="MATLAB class 4"):
        read_mat(tmp_path / "text.mat")
