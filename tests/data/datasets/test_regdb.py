"""RegDB: lists, trials, both directions."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import REGDB_IMAGES, make_regdb
from vireid.data import RegDB
from vireid.data.datasets.releases import Found, differences, found_in
from vireid.errors import DatasetError, DatasetNotFoundError
from vireid.structures import Modality


def lines(root: Path, name: str) -> list[tuple[str, int]]:
    """Paths and folder numbers of a list, read by hand."""
    words = [line.split() for line in (root / "idx" / name).read_text().splitlines()]
    return [(str(root / path), int(path.split("/")[1])) for path, _ in words]


@pytest.mark.parametrize("trial", [1, 10])
def test_records_and_evaluation_follow_the_lists(regdb_root: Path, trial: int) -> None:
    dataset = RegDB(regdb_root, trial)
    train = dataset.train_records()
    expected = lines(regdb_root, f"train_visible_{trial}.txt") + lines(regdb_root, f"train_thermal_{trial}.txt")
    assert [(record.path, record.pid) for record in train] == expected
    assert all(record.camid == 1 + record.modality for record in train)
    evaluation = dataset.evaluation()
    visible, infrared = (lines(regdb_root, f"test_{name}_{trial}.txt") for name in ("visible", "thermal"))
    forward, backward = evaluation.settings
    assert (forward.protocol, forward.rule) == (f"regdb/visible-to-infrared/trial-{trial}", "regdb")
    assert (backward.protocol, backward.rule) == (f"regdb/infrared-to-visible/trial-{trial}", "regdb")
    for setting, query, gallery in ((forward, visible, infrared), (backward, infrared, visible)):
        (drawn,) = setting.trials
        assert [(evaluation.records[row].path, evaluation.records[row].pid) for row in drawn.query] == query
        assert [(evaluation.records[row].path, evaluation.records[row].pid) for row in drawn.gallery] == gallery
    assert not {record.pid for record in train} & {record.pid for record in evaluation.records}
    assert [record.modality for record in evaluation.records] == [Modality.VISIBLE] * len(visible) + [Modality.INFRARED] * len(infrared)


@pytest.mark.parametrize("trial", [0, 11])
def test_trials_are_one_to_ten(regdb_root: Path, trial: int) -> None:
    with pytest.raises(ValueError, match=rf"^`trial` must be 1 to 10 for RegDB, got {trial}\.$"):
        RegDB(regdb_root, trial)


def test_an_absent_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "Visible").mkdir()
    (tmp_path / "Thermal").mkdir()
    with pytest.raises(
        DatasetNotFoundError,
        match=r"^No `idx/` folder under `root='.*'`; expected Visible/, Thermal/ and idx/. Set `data.init_args.root`.$",
    ):
        RegDB(tmp_path)
    with pytest.raises(DatasetNotFoundError, match=r"There is no folder `root='.*absent'`; expected one with Visible/"):
        RegDB(tmp_path / "absent")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree that the test may damage."""
    return make_regdb(tmp_path / "regdb")


def test_absent_empty_and_damaged_lists(tree: Path) -> None:
    dataset = RegDB(tree, 3)
    (tree / "idx/train_thermal_3.txt").unlink()
    with pytest.raises(DatasetNotFoundError, match=r"no `idx/train_thermal_3.txt` under .*; trial 3 needs it"):
        dataset.train_records()
    (tree / "idx/test_visible_3.txt").write_text("\n")
    with pytest.raises(DatasetError, match=r"`idx/test_visible_3.txt` under .* is empty"):
        dataset.evaluation()
    (tree / "idx/test_visible_3.txt").write_text("Visible/1/a.bmp 0\na.bmp\n")
    with pytest.raises(DatasetError, match=r"Line 2 of `idx/test_visible_3.txt` must read .*found 'a.bmp'"):
        dataset.evaluation()
    (tree / "idx/test_visible_3.txt").write_text("a.bmp 0\n")
    with pytest.raises(DatasetError, match=r"`idx/test_visible_3.txt` must name files like `Visible/<id>/<file> <label>`, found 'a.bmp'"):
        dataset.evaluation()
    (tree / "idx/test_visible_3.txt").write_text("Visible/1/a.bmp 0\nVisible/1/a.bmp 0\n")
    with pytest.warns(UserWarning, match="names 1 files twice"):
        dataset.evaluation()


def test_tables_of_the_release(regdb_root: Path) -> None:
    found = found_in("regdb", regdb_root, RegDB(regdb_root).splits())
    assert found.counts["train", "visible"] == (6, 6 * REGDB_IMAGES)
    assert found.identities == {"train": 6, "test": 6}
    assert len(differences(found)) == 6
    official = dict.fromkeys(found.counts, (206, 2060))
    assert differences(Found("regdb", regdb_root, official, {"train": 206, "test": 206})) == []
    official["test", "infrared"] = (205, 2050)
    assert differences(Found("regdb", regdb_root, official, {"train": 206, "test": 205})) == [
        "test has 205 identities, the release 206",
        "test has 2050 infrared images, the release 2060",
    ]
