"""Market-1501 and DukeMTMC-reID: file names, junk and distractors, one protocol."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.conftest import TEST, TRAIN, make_duke, make_market
from vireid.data import DukeMTMC, Market1501
from vireid.errors import DatasetError, DatasetNotFoundError
from vireid.metrics import evaluate
from vireid.structures import Evaluation, Modality, Record


def parts(evaluation: Evaluation) -> tuple[list[Record], list[Record]]:
    (trial,) = evaluation.settings[0].trials
    return [evaluation.records[row] for row in trial.query], [evaluation.records[row] for row in trial.gallery]


@pytest.mark.parametrize(("dataset", "tree", "extra"), [(Market1501, "market_root", {0}), (DukeMTMC, "duke_root", {20})])
class TestBoth:
    def test_splits(self, dataset: type[Market1501] | type[DukeMTMC], tree: str, extra: set[int], request: pytest.FixtureRequest) -> None:
        root = request.getfixturevalue(tree)
        splits = dataset(root).splits()
        assert {split: len(records) for split, records in splits.items()} == {"train": 24, "query": 9, "gallery": 20}
        assert {record.pid for record in splits["train"]} == set(TRAIN)
        assert {record.pid for record in splits["query"]} == set(TEST)
        assert {record.pid for record in splits["gallery"]} == {*TEST, *extra}
        folders = {"train": "bounding_box_train", "query": "query", "gallery": "bounding_box_test"}
        for split, records in splits.items():
            assert [record.path for record in records] == sorted(record.path for record in records)
            for record in records:
                assert record.modality == Modality.VISIBLE
                assert Path(record.path).name.startswith(f"{record.pid:04d}_c{record.camid}")
                assert Path(record.path).parent == root / folders[split]
                assert Path(record.path).is_file()

    def test_protocol(self, dataset: type[Market1501] | type[DukeMTMC], tree: str, extra: set[int], request: pytest.FixtureRequest) -> None:
        evaluation = dataset(request.getfixturevalue(tree)).evaluation()
        (setting,) = evaluation.settings
        assert (setting.protocol, setting.rule) == (f"{dataset.NAME}/query-to-gallery", "market")
        query, gallery = parts(evaluation)
        assert all("/query/" in record.path for record in query)
        assert all("/bounding_box_test/" in record.path for record in gallery)
        assert extra < {record.pid for record in gallery}

    def test_root_is_the_folder_or_the_one_above(
        self, dataset: type[Market1501] | type[DukeMTMC], tree: str, extra: set[int], tmp_path: Path
    ) -> None:
        make = make_market if dataset is Market1501 else make_duke
        inside = make(tmp_path / dataset.FOLDER)
        assert dataset(tmp_path).root == dataset(inside).root == inside
        assert dataset(tmp_path).train_records() == dataset(inside).train_records()
        (inside / "query").rename(inside / "queries")
        with pytest.raises(
            DatasetNotFoundError, match=r"No `query/` folder under .*expected bounding_box_train/, query/ and bounding_box_test/"
        ):
            dataset(tmp_path)


def test_protocol_ids_differ() -> None:
    assert (Market1501.NAME, DukeMTMC.NAME) == ("market1501", "dukemtmc")


def test_junk_is_dropped_everywhere_and_distractors_lower_precision(tmp_path: Path) -> None:
    root = make_market(tmp_path / "market")
    (root / "query/-1_c1s1_000009_01.jpg").touch()
    (root / "bounding_box_train/-1_c1s1_000009_01.jpg").touch()
    evaluation = Market1501(root).evaluation()
    assert all("/-1_" not in record.path for record in (*evaluation.records, *Market1501(root).train_records()))
    query, gallery = parts(evaluation)

    def average_precision(distance_of_distractors: float, kept: list[Record]) -> float:
        distances = torch.tensor([[distance_of_distractors if g.pid == 0 else float(g.pid != q.pid) for g in kept] for q in query])
        numbers = [torch.tensor([getattr(record, name) for record in part]) for name in ("pid", "camid") for part in (query, kept)]
        return float(evaluate(distances, *numbers, rule="market")["mAP"])

    assert sum(record.pid == 0 for record in gallery) == 2
    assert average_precision(9.0, gallery) == pytest.approx(1)
    first_two_wrong = sum((j / (j + 2)) for j in range(1, 5)) / 4  # four images of the identity in the two other cameras
    assert average_precision(-1.0, gallery) == pytest.approx(first_two_wrong)
    assert average_precision(-1.0, [record for record in gallery if record.pid != 0]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bounding_box_train/portrait.jpg", r"`bounding_box_train/portrait.jpg` under .* is not named like `0001_c1s1_000151_01.jpg`"),
        ("query/0003_c7s1_000001_00.jpg", r"is of camera 7; Market-1501-v15.09.15 has cameras 1 to 6"),
        ("query/0003_c0s1_000001_00.jpg", r"is of camera 0"),
        ("query/0000_c1s1_000001_00.jpg", r"is a distractor \(identity 0\), which belongs to the gallery alone"),
        ("bounding_box_train/0000_c1s1_000001_00.jpg", r"is a distractor"),
    ],
)
def test_images_that_are_not_the_release_s(tmp_path: Path, name: str, message: str) -> None:
    root = make_market(tmp_path / "market")
    (root / name).touch()
    with pytest.raises(DatasetError, match=message):
        Market1501(root).splits()


def test_one_is_never_taken_for_the_other(market_root: Path, duke_root: Path, llcm_root: Path) -> None:
    with pytest.raises(DatasetError, match=r"is not named like `0001_c1s1_000151_01.jpg`, as the images of Market-1501-v15.09.15 are"):
        Market1501(duke_root).evaluation()
    with pytest.raises(DatasetError, match=r"is not named like `0005_c2_f0046985.jpg`, as the images of DukeMTMC-reID are"):
        DukeMTMC(market_root).train_records()
    with pytest.raises(DatasetNotFoundError, match=r"No `bounding_box_train/` folder under"):
        Market1501(llcm_root)


def test_camera_8_of_duke(tmp_path: Path) -> None:
    root = make_duke(tmp_path / "duke")
    (root / "query/0003_c8_f0000001.jpg").touch()
    assert max(record.camid for record in DukeMTMC(root).records("query")) == 8
    (root / "query/0003_c9_f0000001.jpg").touch()
    with pytest.raises(DatasetError, match="is of camera 9; DukeMTMC-reID has cameras 1 to 8"):
        DukeMTMC(root).records("query")


def test_strays_and_empty_folders(tmp_path: Path) -> None:
    root = make_market(tmp_path / "market")
    (root / "bounding_box_train/Thumbs.db").touch()
    with pytest.warns(UserWarning, match=r"Ignored 1 entries .*'bounding_box_train/Thumbs.db'"):
        Market1501(root).train_records()
    for path in (root / "query").iterdir():
        path.unlink()
    with pytest.raises(DatasetError, match=r"`query/` under .* holds no image of a person"):
        Market1501(root).evaluation()
