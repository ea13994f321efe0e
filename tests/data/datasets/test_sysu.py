"""SYSU-MM01: layout, lists and the two lineages of galleries, on a tree of empty files with the true counts."""

from __future__ import annotations

import random
import re
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import SYSU_IMAGES, SYSU_TEST, SYSU_TRAIN, SYSU_VAL, make_sysu
from vireid.data import SYSU
from vireid.data.datasets.releases import RELEASES, SYSU_IMAGES as OFFICIAL_IMAGES, Found, differences, found_in_sysu
from vireid.data.datasets.sysu import OFFICIAL_VAL_IDS
from vireid.errors import DatasetError, DatasetNotFoundError
from vireid.structures import Evaluation, Modality, Record, Setting

GOLDEN = Path(__file__).parents[2] / "golden"
CAMERAS = {"all": (1, 2, 4, 5), "indoor": (1, 2)}


@pytest.fixture(scope="module")
def splits() -> Mapping[str, Any]:
    return dict(np.load(GOLDEN / "sysu-protocol" / "sysu-splits.npz"))


@pytest.fixture(scope="module")
def selection() -> Mapping[str, Any]:
    return dict(np.load(GOLDEN / "evaluation-selection.npz"))


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory, splits: Mapping[str, Any]) -> SYSU:
    """Test identities of the release with their true number of (empty) files, and the official permutations."""
    root = tmp_path_factory.mktemp("release")
    for camera in range(1, 7):
        (root / f"cam{camera}").mkdir()
        for pid in splits["test_id"]:
            count = splits["counts"][camera - 1, pid]
            folder = root / f"cam{camera}/{pid:04d}"
            if count:
                folder.mkdir()
            for number in range(1, count + 1):
                (folder / f"{number:04d}.jpg").touch()
    (root / "exp").mkdir()
    for split in ("train", "val", "test"):
        (root / f"exp/{split}_id.txt").write_text(",".join(map(str, splits[f"{split}_id"])))
    shutil.copy(GOLDEN / "sysu-protocol" / "rand_perm_cam.mat", root / "exp")
    return SYSU(root)


def triple(record: Record) -> tuple[int, int, int]:
    return record.camid, record.pid, int(Path(record.path).stem)


def drawn(evaluation: Evaluation, protocol: str, trial: int) -> list[tuple[int, int, int]]:
    setting = next(setting for setting in evaluation.settings if setting.protocol == protocol)
    return [triple(evaluation.records[row]) for row in setting.trials[trial].gallery]


@pytest.fixture(scope="module")
def seeded(release: SYSU) -> Evaluation:
    state = random.getstate()
    evaluation = release.evaluation("seeded")
    assert random.getstate() == state
    return evaluation


@pytest.fixture(scope="module")
def official(release: SYSU) -> Evaluation:
    return release.evaluation("official")


@pytest.mark.parametrize("mode", ["all", "indoor"])
def test_seeded_galleries_are_those_of_research_code(seeded: Evaluation, selection: Mapping[str, Any], mode: str) -> None:
    for trial, expected in enumerate(selection[f"sysu_{mode}_1shot"].tolist()):
        assert drawn(seeded, f"sysu/{mode}/single-shot/seeded", trial) == [tuple(row) for row in expected]
        numbers = selection[f"sysu_{mode}_10shot"][trial].tolist()
        images = [(camera, pid, number) for (camera, pid, _), row in zip(expected, numbers, strict=True) for number in row]
        assert drawn(seeded, f"sysu/{mode}/multi-shot/seeded", trial) == images


@pytest.mark.parametrize("mode", ["all", "indoor"])
@pytest.mark.parametrize(("name", "shots"), [("single-shot", 1), ("multi-shot", 10)])
def test_official_galleries_are_the_first_of_the_permutations(
    official: Evaluation, splits: Mapping[str, Any], mode: str, name: str, shots: int
) -> None:
    expected: list[list[tuple[int, int, int]]] = [[] for _ in range(10)]
    for camera in CAMERAS[mode]:
        flat, start = splits[f"perm_cam{camera}"], 0
        for pid in splits["test_id"]:
            count = int(splits["counts"][camera - 1, pid])
            rows = flat[start : start + 10 * count].reshape(10, count)
            start += 10 * count
            for trial in range(10):
                expected[trial].extend((camera, int(pid), int(number)) for number in rows[trial, :shots])
    for trial in range(10):
        assert drawn(official, f"sysu/{mode}/{name}/official", trial) == expected[trial]


def test_queries_and_sizes(seeded: Evaluation, official: Evaluation, selection: Mapping[str, Any]) -> None:
    sizes = {"all/single-shot": 301, "all/multi-shot": 3010, "indoor/single-shot": 112, "indoor/multi-shot": 1120}
    for evaluation, lineage in ((seeded, "seeded"), (official, "official")):
        assert [setting.protocol for setting in evaluation.settings] == [f"sysu/{name}/{lineage}" for name in sizes]
        for setting, size in zip(evaluation.settings, sizes.values(), strict=True):
            assert setting.rule == "sysu"
            assert len(setting.trials) == 10
            for trial in setting.trials:
                assert (len(trial.query), len(trial.gallery)) == (3803, size)
                assert len(set(trial.gallery.tolist())) == size
    head = [triple(seeded.records[row]) for row in seeded.settings[0].trials[0].query[:50]]
    assert head == [tuple(row) for row in selection["query_order_head"].tolist()]


def test_records_are_visible_first_without_doubles(seeded: Evaluation) -> None:
    modalities = [record.modality for record in seeded.records]
    assert modalities == sorted(modalities)
    assert len(set(seeded.records)) == len(seeded.records)
    used = {row for setting in seeded.settings for trial in setting.trials for row in (*trial.query, *trial.gallery)}
    assert used == set(range(len(seeded.records)))
    assert all(Path(record.path).is_absolute() for record in seeded.records)


def test_tables_of_the_release(release: SYSU, splits: Mapping[str, Any]) -> None:
    assert release.ids("val") == OFFICIAL_VAL_IDS == tuple(splits["val_id"])
    counts = {}
    for split in OFFICIAL_IMAGES:
        for camera in range(1, 7):
            sizes = splits["counts"][camera - 1, splits[f"{split}_id"]]
            counts[split, f"cam{camera}"] = int((sizes > 0).sum()), int(sizes.sum())
    lengths = {split: len(splits[f"{split}_id"]) for split in OFFICIAL_IMAGES}
    assert differences(Found("sysu", release.root, counts, lengths)) == []
    counts["test", "cam3"] = 93, 1880
    assert differences(Found("sysu", release.root, counts, {**lengths, "val": 98})) == [
        "val has 98 identities, the release 99",
        "test has 1880 cam3 images, the release 1883",
    ]


def test_what_is_on_disk_is_counted_per_camera(release: SYSU) -> None:
    found = found_in_sysu(release)
    assert found.identities == RELEASES["sysu"].identities
    assert {key: images for key, (_, images) in found.counts.items() if key[0] == "test"} == {
        key: images for key, images in RELEASES["sysu"].images.items() if key[0] == "test"
    }


def test_training_records(sysu_root: Path) -> None:
    dataset = SYSU(sysu_root)
    records = dataset.train_records(dataset.training_ids())
    assert {record.pid for record in records} == {*SYSU_TRAIN, *SYSU_VAL}
    assert {record.pid for record in dataset.train_records(dataset.training_ids("train"))} == set(SYSU_TRAIN)
    assert len(records) == SYSU_IMAGES * (6 * len(SYSU_TRAIN) + 3 * len(SYSU_VAL))
    assert all((record.modality == Modality.INFRARED) == (record.camid in (3, 6)) for record in records)
    assert all(f"cam{record.camid}/{record.pid:04d}/" in record.path and Path(record.path).is_file() for record in records)


@pytest.mark.parametrize("folder", ["cam1", "cam6", "exp"])
def test_an_absent_folder_is_named(tmp_path: Path, folder: str) -> None:
    for name in SYSU.FOLDERS:
        if name != folder:
            (tmp_path / name).mkdir()
    with pytest.raises(DatasetNotFoundError, match=rf"No `{folder}/` folder under `root=.*expected cam1/.*Set `data.init_args.root`"):
        SYSU(tmp_path)


def test_wrong_root() -> None:
    with pytest.raises(FileNotFoundError, match=r"There is no folder `root='data/nowhere'`; expected one with cam1/.* and exp/"):
        SYSU("data/nowhere")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree that the test may damage."""
    return make_sysu(tmp_path / "sysu")


def test_absent_and_damaged_lists(tree: Path) -> None:
    (tree / "exp/test_id.txt").unlink()
    with pytest.raises(DatasetNotFoundError, match=r"no `exp/test_id.txt` under"):
        SYSU(tree).evaluation()
    for text, found in (("", "0"), (",,", "0"), ("1," * 100_001, "100,001")):
        (tree / "exp/train_id.txt").write_text(text)
        with pytest.raises(DatasetError, match=rf"must hold 1 to 100,000 identity numbers separated by commas, found {found}\."):
            SYSU(tree).training_ids()
    (tree / "exp/train_id.txt").write_text("1,2,three")
    with pytest.raises(DatasetError, match=r"must hold identity numbers separated by commas, found 'three'"):
        SYSU(tree).training_ids()


def test_validation_list_is_derived_with_a_warning(tree: Path) -> None:
    (tree / "exp/val_id.txt").unlink()
    with pytest.raises(DatasetNotFoundError, match=r"no `exp/val_id.txt`.*none of the official validation identities"):
        SYSU(tree).ids("val")
    (tree / "cam3/0007").rename(tree / "cam3/0334")
    dataset = SYSU(tree)
    with pytest.warns(UserWarning, match="using 334..433 without 347"):
        assert dataset.ids("val") == (334,)
    assert dataset.ids("val") == (334,)  # no second warning


def test_an_empty_identity_folder_is_as_absent_but_an_identity_without_any_image_is_an_error(tree: Path) -> None:
    for file in (tree / "cam1/0001").iterdir():
        file.unlink()
    dataset = SYSU(tree)
    assert {record.camid for record in dataset.train_records([1])} == {2, 3, 4, 5, 6}
    with pytest.raises(DatasetError, match=r"Identity 99 has no image in cam1, .*cam6 under"):
        dataset.train_records([1, 99])


def test_strays_are_ignored_with_one_warning(tree: Path) -> None:
    plain = SYSU(tree)
    with pytest.warns(UserWarning, match="fewer than 10 images"):
        expected = plain.evaluation()
    for folder in ("cam1", "cam3"):
        (tree / folder / "0010" / "Thumbs.db").touch()
    dataset = SYSU(tree)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert dataset.evaluation().settings[0].trials[3].gallery.tolist() == expected.settings[0].trials[3].gallery.tolist()
    (message,) = [str(warning.message) for warning in caught if "Ignored" in str(warning.message)]
    assert re.search(r"Ignored 2 entries .* not images, e.g. 'cam./0010/Thumbs.db'", message)
    assert len(dataset.strays) == 2


def test_fewer_files_than_shots_are_all_taken_with_a_warning(sysu_root: Path) -> None:
    with pytest.warns(UserWarning, match=r"16 test folders under .* hold fewer than 10 images, e.g. 'cam1/0010': all are taken"):
        evaluation = SYSU(sysu_root).evaluation(trials=2)
    multi = _setting(evaluation, "sysu/all/multi-shot/seeded")
    assert [len(trial.gallery) for trial in multi.trials] == [len(SYSU_TEST) * 4 * SYSU_IMAGES] * 2


def _setting(evaluation: Evaluation, protocol: str) -> Setting:
    return next(setting for setting in evaluation.settings if setting.protocol == protocol)


def test_official_galleries_need_permutations_that_fit(tree: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match=r"no `exp/rand_perm_cam.mat`.*use `gallery: seeded`"):
        SYSU(tree).evaluation("official")
    shutil.copy(GOLDEN / "sysu-protocol" / "rand_perm_cam.mat", tree / "exp")
    with pytest.raises(DatasetError, match=r"permutes \d+ images of cam\d/\d{4} in 10 trials, but 3 are on disk"):
        SYSU(tree).evaluation("official")


@pytest.mark.parametrize("trials", [0, 11])
def test_number_of_trials(sysu_root: Path, trials: int) -> None:
    with pytest.raises(ValueError, match=f"`trials` must be 1 to 10 for SYSU-MM01, got {trials}"):
        SYSU(sysu_root).evaluation(trials=trials)
