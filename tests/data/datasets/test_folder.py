"""A user's own people: folders and tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import make_folder
from vireid.data import PairedFolder
from vireid.errors import DatasetError, DatasetNotFoundError
from vireid.structures import Modality, Record


def pids(records: list[Record]) -> set[int]:
    return {record.pid for record in records}


def test_folders_without_a_division_are_split_by_identity(folder_root: Path) -> None:
    dataset = PairedFolder(folder_root, test_fraction=1 / 3)
    train, test = dataset.train_records(), dataset.test_records()
    assert (len(pids(train)), len(pids(test))) == (4, 2)
    assert pids(train) | pids(test) == {1, 2, 3, 4, 5, 6}
    assert not pids(train) & pids(test)
    assert pids(PairedFolder(folder_root, 1 / 3).test_records()) == pids(test)
    assert len({frozenset(pids(PairedFolder(folder_root, 1 / 3, seed).test_records())) for seed in range(9)}) > 1
    for record in (*train, *test):
        assert record.camid == 1 + record.modality
        assert f"/{record.modality.name.lower()}/{record.pid}/" in record.path


def test_train_and_test_folders_and_names_as_identities(tmp_path: Path) -> None:
    make_folder(tmp_path / "train", ("carol", "alice"))
    make_folder(tmp_path / "test", ("bob",))
    dataset = PairedFolder(tmp_path)
    assert pids(dataset.train_records()) == {1, 3}  # alice, bob, carol
    assert pids(dataset.test_records()) == {2}
    evaluation = dataset.evaluation()
    assert [setting.protocol for setting in evaluation.settings] == ["folder/visible-to-infrared", "folder/infrared-to-visible"]
    assert [setting.rule for setting in evaluation.settings] == ["regdb", "regdb"]
    assert [len(setting.trials[0].query) for setting in evaluation.settings] == [2, 2]
    assert [record.modality for record in evaluation.records] == sorted(record.modality for record in evaluation.records)


def table(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "people.csv"
    file.write_text(text)
    return file


def test_a_table(tmp_path: Path) -> None:
    file = table(
        tmp_path,
        "path,pid,camid,modality,split\na/1.png,7,5,visible,train\na/2.png,7,,infrared,train\nb/1.png,8,6,infrared,test\nb/2.png,8,2,visible,test\n",
    )
    dataset = PairedFolder(file)
    assert dataset.train_records() == [
        Record(str(tmp_path / "a/1.png"), 7, 5, Modality.VISIBLE),
        Record(str(tmp_path / "a/2.png"), 7, 2, Modality.INFRARED),
    ]
    assert [record.camid for record in dataset.test_records()] == [2, 6]


def test_a_table_without_split_and_camera(tmp_path: Path) -> None:
    rows = "".join(f"{pid}{modality}.png,{modality},{pid}\n" for pid in range(4) for modality in ("visible", "infrared"))
    dataset = PairedFolder(table(tmp_path, "path,modality,pid\n" + rows))
    assert len(pids(dataset.train_records())) == len(pids(dataset.test_records())) == 2
    assert {record.camid for record in dataset.train_records()} == {1, 2}


HEAD = "path,pid,camid,modality,split\n"
BAD_TABLES = {
    "path,pid\nx,1\n": r"lacks the column 'modality'; expected path, pid, camid, modality, split",
    HEAD: "names no image",
    HEAD + "x.png,1,1,thermal,train\n": r"Line 2 .*: `modality` must be visible or infrared, got 'thermal'",
    HEAD + "x.png,1,1,visible,val\n": r"Line 2 .*: `split` must be train or test, got 'val'",
    HEAD + "x.png,1,one,visible,train\n": r"`camid` must be a whole number, got 'one'",
    HEAD + "x.png,,1,visible,train\n": r"Line 2 .* needs a path and a pid",
    HEAD + "x.png,1,1,visible,train\ny.png,2,1,visible,\n": r"either every line has a `split`, or none has",
    HEAD + "x.png,1,1,visible,train\ny.png,1,1,visible,test\n": r"1 identities .* are in both train and test, e.g. 1",
}


@pytest.mark.parametrize(("text", "message"), BAD_TABLES.items())
def test_bad_tables(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        PairedFolder(table(tmp_path, text))


def test_bad_folders(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match=r"There is no folder or CSV file `root='.*absent'`; expected visible/ and infrared/"):
        PairedFolder(tmp_path / "absent")
    make_folder(tmp_path / "one", ("1", "2"))
    (tmp_path / "one/infrared").rename(tmp_path / "one/ir")
    with pytest.raises(DatasetNotFoundError, match=r"No `infrared/` folder under `root='.*one'`; expected visible/ and infrared/"):
        PairedFolder(tmp_path / "one")
    (tmp_path / "half/train").mkdir(parents=True)
    with pytest.raises(DatasetNotFoundError, match=r"has a `train/` folder; expected both train/ and test/"):
        PairedFolder(tmp_path / "half")
    make_folder(tmp_path / "empty", ("1", "2"))
    (tmp_path / "empty/visible/0003").mkdir()
    with pytest.raises(DatasetError, match=r"Folder `visible/0003` under .* holds no image: remove it or add images"):
        PairedFolder(tmp_path / "empty")
    with pytest.raises(ValueError, match=r"`test_fraction` must be between 0 and 1, got 1"):
        PairedFolder(tmp_path, test_fraction=1)
    make_folder(tmp_path / "single", ("1",))
    with pytest.raises(ValueError, match=r"needs at least two, got 1"):
        PairedFolder(tmp_path / "single")


def test_strays_are_ignored_with_a_warning(tmp_path: Path) -> None:
    make_folder(tmp_path)
    (tmp_path / "visible/notes.txt").touch()
    (tmp_path / "visible/1/.hidden").touch()
    with pytest.warns(UserWarning, match="Ignored 2 entries"):
        PairedFolder(tmp_path)
