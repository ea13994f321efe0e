"""MSMT17: both versions, lists, and identities of the test that are not those of the training."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import make_msmt17
from vireid.data import MSMT17
from vireid.errors import DatasetError, DatasetNotFoundError, SettingsError
from vireid.structures import Modality

VERSIONS = {"MSMT17_V1": ("train", "test"), "MSMT17_V2": ("mask_train_v2", "mask_test_v2")}


@pytest.mark.parametrize("version", VERSIONS)
def test_versions_and_roots(tmp_path: Path, version: str) -> None:
    inside = make_msmt17(tmp_path / version, VERSIONS[version])
    assert MSMT17(tmp_path).root == MSMT17(inside).root == inside
    splits = MSMT17(tmp_path, "trainval").splits()
    assert {split: len(records) for split, records in splits.items()} == {"train": 24, "query": 9, "gallery": 9}
    for split, records in splits.items():
        for record in records:
            assert record.modality == Modality.VISIBLE
            assert Path(record.path).is_file()
            assert Path(record.path).parent.parent == inside / VERSIONS[version][split != "train"]
            assert int(Path(record.path).name.split("_")[2]) == record.camid
        assert {record.camid for record in records} == {1, 2, 15}


def test_train_on(msmt17_root: Path) -> None:
    few, many = MSMT17(msmt17_root).train_records(), MSMT17(msmt17_root, "trainval").train_records()
    assert ({record.pid for record in few}, {record.pid for record in many}) == ({0, 1, 2}, {0, 1, 2, 3})
    assert many[: len(few)] == few
    with pytest.raises(SettingsError, match='`train_on` must be "train" or "trainval", got \'test\''):
        MSMT17(msmt17_root, "test")  # type: ignore[arg-type]


def test_protocol_and_identities(msmt17_root: Path) -> None:
    dataset = MSMT17(msmt17_root, "trainval")
    evaluation = dataset.evaluation()
    (setting,) = evaluation.settings
    assert (setting.protocol, setting.rule, len(setting.trials)) == ("msmt17/query-to-gallery", "market", 1)
    assert [evaluation.records[row] for row in setting.trials[0].query] == dataset.query_records()
    assert [evaluation.records[row] for row in setting.trials[0].gallery] == dataset.gallery_records()
    assert {record.pid for record in evaluation.records} == {10_000, 10_001, 10_002}
    assert all(int(Path(record.path).name[:4]) == record.pid - 10_000 for record in evaluation.records)


def test_roots_that_are_none(tmp_path: Path, market_root: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match=r"No `train/` folder under .*expected train/ and test/"):
        MSMT17(market_root)
    (tmp_path / "train").mkdir()
    (tmp_path / "test").mkdir()
    with pytest.raises(DatasetNotFoundError, match=r"There is no `list_train.txt` under .*Set `data.init_args.root`"):
        MSMT17(tmp_path)
    for version in VERSIONS:
        (tmp_path / version).mkdir()
    with pytest.raises(SettingsError, match=r"holds MSMT17_V1 and MSMT17_V2: set `data.init_args.root` to one of the two"):
        MSMT17(tmp_path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "`list_query.txt` under .* is empty"),
        ("0000/0000_000_01_x.jpg", r"Line 1 of `list_query.txt` must read `0000/0000_000_01_0303morning_0008_0.jpg 0`"),
        ("0000/0000_000_16_0303morning_0008_0.jpg 0", "with a camera 01 to 15, found '0000/0000_000_16"),
        ("0000/0000_000_00_0303morning_0008_0.jpg 0", "with a camera 01 to 15"),
        ("0000/portrait.jpg 0", "with a camera 01 to 15, found '0000/portrait.jpg'"),
    ],
)
def test_damaged_lists(tmp_path: Path, line: str, message: str) -> None:
    root = make_msmt17(tmp_path / "msmt17")
    (root / "list_query.txt").write_text(line)
    with pytest.raises(DatasetError, match=message):
        MSMT17(root).evaluation()


def test_absent_lists(tmp_path: Path) -> None:
    root = make_msmt17(tmp_path / "msmt17")
    (root / "list_val.txt").unlink()
    assert MSMT17(root).train_records()
    with pytest.raises(DatasetNotFoundError, match=r"There is no `list_val.txt` under"):
        MSMT17(root, "trainval").train_records()
