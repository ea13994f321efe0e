"""LLCM: layout, both directions, and the draws of research code on a tree of empty files."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import LLCM_CAMERAS, LLCM_TEST, LLCM_TRAIN, make_llcm
from vireid.data import LLCM
from vireid.errors import DatasetError, DatasetNotFoundError
from vireid.structures import Evaluation, Modality, Record, Setting

GOLDEN = Path(__file__).parents[2] / "golden"
GOLDEN_IDS = range(1, 71, 3)
V2I, I2V, SWAPPED = "llcm/visible-to-infrared", "llcm/infrared-to-visible", "llcm/visible-to-infrared/swapped"


@pytest.fixture(scope="module")
def selection() -> Mapping[str, Any]:
    return dict(np.load(GOLDEN / "evaluation-selection.npz"))


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """The tree of the golden file, below a folder whose name would mislead a parser of whole paths."""
    root = tmp_path_factory.mktemp("cam5") / "llcm"
    for kind, extra in (("vis", 0), ("nir", 3)):
        (root / kind).mkdir(parents=True)
        for camera in range(1, 10):
            for pid in GOLDEN_IDS:
                count = 0 if (kind, camera) == ("nir", 3) else (7 * camera + 5 * pid + extra) % 9
                folder = root / f"test_{kind}/cam{camera}/{pid:04d}"
                if count:
                    folder.mkdir(parents=True)
                for number in range(count):
                    (folder / f"{pid:04d}_c{camera:02d}_s000001_f{number:04d}_{kind}.jpg").touch()
    (root / "idx").mkdir()
    (root / "idx/test_id.txt").write_text(",".join(map(str, GOLDEN_IDS)))
    state = random.getstate()
    evaluation = LLCM(root).evaluation(swapped=True)
    assert random.getstate() == state
    return evaluation


def setting_of(evaluation: Evaluation, protocol: str) -> Setting:
    return next(setting for setting in evaluation.settings if setting.protocol == protocol)


def records(evaluation: Evaluation, protocol: str, part: str, trial: int = 0) -> list[Record]:
    rows = getattr(setting_of(evaluation, protocol).trials[trial], part)
    return [evaluation.records[row] for row in rows]


def triple(record: Record) -> tuple[int, int, int]:
    return record.camid, record.pid, int(Path(record.path).stem.split("_")[3][1:])


@pytest.mark.parametrize(("protocol", "gallery", "query"), [(V2I, "nir", "vis"), (I2V, "vis", "nir")])
def test_draws_of_research_code(golden: Evaluation, selection: Mapping[str, Any], protocol: str, gallery: str, query: str) -> None:
    assert len(setting_of(golden, protocol).trials) == 10
    for trial, expected in enumerate(selection[f"llcm_{gallery}"].tolist()):
        assert [triple(record) for record in records(golden, protocol, "gallery", trial)] == [tuple(row) for row in expected]
        queries = records(golden, protocol, "query", trial)
        assert len(queries) == len(set(queries)) == int(selection[f"llcm_{query}_num_query"])


def test_the_swapped_form_is_the_drawn_infrared_images_against_all_visible_ones(golden: Evaluation, selection: Mapping[str, Any]) -> None:
    for trial in range(10):
        assert records(golden, SWAPPED, "query", trial) == records(golden, V2I, "gallery", trial)
        assert records(golden, SWAPPED, "gallery", trial) == records(golden, V2I, "query", trial)
    assert len(records(golden, SWAPPED, "gallery")) == int(selection["llcm_vis_num_query"])


@pytest.mark.parametrize(
    ("protocol", "query", "gallery"),
    [
        (V2I, Modality.VISIBLE, Modality.INFRARED),
        (I2V, Modality.INFRARED, Modality.VISIBLE),
        (SWAPPED, Modality.INFRARED, Modality.VISIBLE),
    ],
)
def test_directions(llcm_root: Path, protocol: str, query: Modality, gallery: Modality) -> None:
    evaluation = LLCM(llcm_root).evaluation(trials=3, swapped=True)
    setting = setting_of(evaluation, protocol)
    assert (setting.rule, len(setting.trials)) == ("llcm", 3)
    for trial in range(3):
        assert {record.modality for record in records(evaluation, protocol, "query", trial)} == {query}
        assert {record.modality for record in records(evaluation, protocol, "gallery", trial)} == {gallery}


def test_the_swapped_form_must_be_asked_for(llcm_root: Path) -> None:
    assert [setting.protocol for setting in LLCM(llcm_root).evaluation().settings] == [V2I, I2V]
    assert [setting.protocol for setting in LLCM(llcm_root).evaluation(swapped=True).settings] == [V2I, I2V, SWAPPED]


def test_training_records(llcm_root: Path) -> None:
    found = LLCM(llcm_root).train_records()
    assert [record.modality for record in found] == [Modality.VISIBLE] * 24 + [Modality.INFRARED] * 24
    assert {record.pid for record in found} == set(LLCM_TRAIN)
    for modality, kind in ((Modality.VISIBLE, "vis"), (Modality.INFRARED, "nir")):
        mine = [record for record in found if record.modality == modality]
        assert {record.camid for record in mine} == set(LLCM_CAMERAS[kind])
        assert all(f"/{kind}/{record.pid:04d}/{record.pid:04d}_c{record.camid:02d}_" in record.path for record in mine)
        assert all(Path(record.path).is_absolute() and Path(record.path).is_file() for record in mine)


def test_infrared_camera_3_is_not_read(tmp_path: Path) -> None:
    root = make_llcm(tmp_path / "llcm")
    (root / "test_nir/cam3/0003").mkdir(parents=True)
    (root / "test_nir/cam3/0003/0003_c03_s000001_f0000_nir.jpg").touch()
    infrared = LLCM(root).test_records(Modality.INFRARED)
    assert {record.camid for record in infrared} == {1, 2, 4}
    assert {record.pid for record in infrared} == set(LLCM_TEST)


def test_strays_are_ignored_with_a_warning(tmp_path: Path) -> None:
    root = make_llcm(tmp_path / "llcm")
    expected = LLCM(root).evaluation()
    (root / "test_vis/cam1/0003/Thumbs.db").touch()
    dataset = LLCM(root)
    with pytest.warns(UserWarning, match=r"Ignored 1 entries .* not images, e.g. 'test_vis/cam1/0003/Thumbs.db'"):
        assert dataset.evaluation().records == expected.records
    assert dataset.strays == ("test_vis/cam1/0003/Thumbs.db",)


@pytest.mark.parametrize("folder", LLCM.FOLDERS)
def test_an_absent_folder_is_named(tmp_path: Path, folder: str) -> None:
    for name in LLCM.FOLDERS:
        if name != folder:
            (tmp_path / name).mkdir()
    with pytest.raises(DatasetNotFoundError, match=rf"No `{folder}/` folder under `root=.*expected vis/.*Set `data.init_args.root`"):
        LLCM(tmp_path)


def test_wrong_roots(tmp_path: Path, market_root: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match=r"There is no folder `root='data/nowhere'`; expected one with vis/.* and idx/"):
        LLCM("data/nowhere")
    with pytest.raises(DatasetNotFoundError, match=r"No `vis/` folder under `root="):
        LLCM(market_root)


@pytest.mark.parametrize("trials", [0, 11])
def test_number_of_trials(llcm_root: Path, trials: int) -> None:
    with pytest.raises(ValueError, match=f"`trials` must be 1 to 10 for LLCM, got {trials}"):
        LLCM(llcm_root).evaluation(trials=trials)


def test_absent_and_damaged_lists(tmp_path: Path) -> None:
    root = make_llcm(tmp_path / "llcm")
    good = (root / "idx/train_nir.txt").read_text()
    for text, message in (
        ("", r"`idx/train_nir.txt` under .* is empty"),
        ("\nnir/0001/0001_c01_s1_f1_nir.jpg", r"Line 2 of `idx/train_nir.txt` must read `nir/<id>/.* <label>`, found 'nir/0001/"),
        ("vis/0001/0001_c01_s1_f1_vis.jpg 0", r"`idx/train_nir.txt` must name files like `nir/.*, found 'vis/0001/"),  # other modality
        ("nir/0001/0001.jpg 0", r"must name files like"),
        ("nir/one/0001_c01_s1_f1_nir.jpg 0", r"must name files like"),
    ):
        (root / "idx/train_nir.txt").write_text(text)
        with pytest.raises(DatasetError, match=message):
            LLCM(root).train_records()
    (root / "idx/train_nir.txt").write_text(good + good.splitlines()[0])
    with pytest.warns(UserWarning, match=r"`idx/train_nir.txt` under .* names 1 files twice: they are kept"):
        LLCM(root).train_records()
    (root / "idx/train_nir.txt").unlink()
    with pytest.raises(DatasetNotFoundError, match=r"There is no `idx/train_nir.txt` under"):
        LLCM(root).train_records()
    (root / "idx/test_id.txt").write_text("3,99")
    with pytest.raises(
        DatasetError, match=r"Identity 99 has no image in test_vis/ or test_nir/ under .*although `idx/test_id.txt` names it"
    ):
        LLCM(root).test_split()
    (root / "idx/test_id.txt").write_text("three")
    with pytest.raises(DatasetError, match="must hold identity numbers separated by commas, found 'three'"):
        LLCM(root).evaluation()
    (root / "idx/test_id.txt").unlink()
    with pytest.raises(DatasetNotFoundError, match=r"no `idx/test_id.txt` under"):
        LLCM(root).evaluation()
