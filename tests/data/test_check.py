"""``vireid data``: what is found in good and damaged trees."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.conftest import make_duke, make_folder, make_llcm, make_market, make_msmt17, make_regdb, make_sysu
from vireid import cli
from vireid.commands.data import main
from vireid.data import RegDB, SYSUDataModule, check_dataset
from vireid.data.check import detect_layout
from vireid.errors import DatasetError, OutputError, SettingsError

GOLDEN = Path(__file__).parent.parent / "golden"


def test_good_trees(sysu_root: Path, regdb_root: Path, folder_root: Path) -> None:
    for root, layout, images in ((sysu_root, "sysu", 207), (regdb_root, "regdb", 96), (folder_root, "folder", 24)):
        calls: list[tuple[int, int]] = []
        report = check_dataset(root, lambda done, total, calls=calls: calls.append((done, total)))  # type: ignore[misc]
        assert (report.layout, report.images, report.errors, report.ok) == (layout, images, [], True)
        assert calls == [(done, images) for done in range(1, images + 1)]
    counts = check_dataset(sysu_root).counts
    assert counts["val", "cam3"] == (3, 9)
    assert counts["val", "cam1"] == (0, 0)
    assert "val has 9 cam3 images, the release 1980" in check_dataset(sysu_root).warnings


def test_unknown_layout(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"none of the known layouts; looked for cam1/ .*idx/ \(RegDB\).*visible/ and infrared/.*\.csv"):
        check_dataset(tmp_path)
    with pytest.raises(DatasetError, match="none of the known layouts"):
        main(["data", "check", str(tmp_path / "absent")])
    table = tmp_path / "people.csv"
    table.touch()
    assert detect_layout(table) == "folder"


def test_every_bad_image_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = make_sysu(tmp_path / "tree")
    files = [root / f"cam{camera}/0001/0001.jpg" for camera in (1, 2, 4)]
    files[0].write_bytes(b"")
    files[1].write_bytes(files[1].read_bytes()[:200])
    files[2].write_text("no image")
    (root / "cam5/0001/notes.txt").touch()
    report = check_dataset(root)
    assert [(str(file) in error) for file, error in zip(files, report.errors, strict=True)] == [True] * 3
    for error, reason in zip(report.errors, ("the file is empty", "truncated", "not an image"), strict=True):
        assert reason in error.lower()
    assert "1 entries are not images, e.g. cam5/0001/notes.txt" in report.warnings
    assert main(["data", "check", str(root)]) == 2
    shown = capsys.readouterr().out
    assert str(files[0]) in shown
    assert "3 errors" in shown


def test_missing_lists_and_identities_of_sysu(tmp_path: Path) -> None:
    root = make_sysu(tmp_path / "tree")
    (root / "exp/val_id.txt").unlink()
    (root / "exp/train_id.txt").write_text("1,2,77,10")
    errors = check_dataset(root).errors
    assert any("no `exp/val_id.txt`" in error for error in errors)
    assert any("Identity 77 has no image" in error for error in errors)
    (root / "exp/val_id.txt").write_text("7")
    shutil.copy(GOLDEN / "sysu-protocol/rand_perm_cam.mat", root / "exp")
    errors = check_dataset(root).errors
    assert any("1 identities are in the test list and in a training list, e.g. 10" in error for error in errors)
    assert any("but 3 are on disk" in error for error in errors)


def test_missing_lists_and_images_of_regdb(tmp_path: Path) -> None:
    root = make_regdb(tmp_path / "tree")
    (root / "idx/test_visible_4.txt").unlink()
    missing = Path(RegDB(root).train_records()[0].path)
    missing.unlink()
    assert check_dataset(root).errors == [
        f"There is no `idx/test_visible_4.txt` under {str(root)!r}; trial 4 needs it.",
        f"There is no image {str(missing)!r}, although the dataset's lists or folders name it.",
    ]


def test_identities_with_one_modality_in_folders(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "tree")
    shutil.rmtree(root / "infrared/3")
    (error,) = check_dataset(root).errors
    assert error.startswith("identity 3 of ")
    assert error.endswith(" has visible images only")


def test_drawing_and_checking_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "drawn"
    small = ["--identities=6", "--test_identities=2", "--images=1", "--height=32", "--width=16", "--seed=3"]
    assert main(["data", "synthesize", f"--root={root}", "--layout=sysu", *small]) == 0
    assert "Wrote 6 identities" in capsys.readouterr().out
    assert main(["data", "check", str(root)]) == 0
    assert SYSUDataModule(root, num_workers=0).num_classes == 4
    with pytest.raises(OutputError, match="not an empty folder"):
        main(["data", "synthesize", f"--root={root}"])
    with pytest.raises(SettingsError, match="`identities` must be a whole number"):
        main(["data", "synthesize", f"--root={tmp_path / 'other'}", "--identities=0"])


OTHERS = {"llcm": make_llcm, "market1501": make_market, "dukemtmc": make_duke, "msmt17": make_msmt17}
LISTED = {  # images, identities and images of two splits, a sentence about the release
    "llcm": (84, ("train", "infrared"), (4, 24), ("test", "visible"), (3, 18), "train has 4 identities, the release 713"),
    "market1501": (53, ("train", "visible"), (4, 24), ("gallery", "visible"), (4, 20), "gallery has 20 visible images, the release 15913"),
    "dukemtmc": (53, ("train", "visible"), (4, 24), ("gallery", "visible"), (4, 20), "gallery has 20 visible images, the release 17661"),
    "msmt17": (42, ("train", "visible"), (4, 24), ("query", "visible"), (3, 9), "train has 24 visible images, the release 32621"),
}


@pytest.mark.parametrize("layout", OTHERS)
class TestOtherLayouts:
    def test_good_trees(self, layout: str, tmp_path: Path) -> None:
        images, first, numbers, second, others, sentence = LISTED[layout]
        report = check_dataset(OTHERS[layout](tmp_path / "tree"))
        assert (report.layout, report.images, report.errors) == (layout, images, [])
        assert (report.counts[first], report.counts[second]) == (numbers, others)
        assert sentence in report.warnings

    def test_bad_and_missing_images(self, layout: str, tmp_path: Path) -> None:
        root = OTHERS[layout](tmp_path / "tree")
        used = sorted((root / "nir" / "0001").iterdir()) if layout == "llcm" else sorted((root / "train/0000").glob("*"))
        files = (used or sorted((root / "bounding_box_train").iterdir()))[:2]
        files[0].write_bytes(b"")
        files[1].write_text("no image")
        errors = check_dataset(root).errors
        assert errors == [
            f"Cannot read image {str(files[0])!r}: the file is empty (0 bytes). Replace the file.",
            f"Cannot read image {str(files[1])!r}: it is not an image in a known format (JPEG, PNG, BMP, TIFF, WEBP). Replace the file.",
        ]
        if layout in ("llcm", "msmt17"):
            files[0].unlink()
            assert any(f"no image {str(files[0])!r}" in error for error in check_dataset(root).errors)

    def test_a_split_that_cannot_be_read_is_an_error_and_the_others_are_checked(self, layout: str, tmp_path: Path) -> None:
        root = OTHERS[layout](tmp_path / "tree")
        if layout in ("llcm", "msmt17"):
            (root / {"llcm": "idx/train_nir.txt", "msmt17": "list_train.txt"}[layout]).write_text("")
        else:
            (root / "bounding_box_train" / "portrait.jpg").touch()
        report = check_dataset(root)
        (error,) = report.errors
        assert "is empty" in error or "is not named like" in error
        assert {split for split, _ in report.counts} == ({"test"} if layout == "llcm" else {"query", "gallery"})

    def test_people_in_training_and_test(self, layout: str, tmp_path: Path) -> None:
        root = OTHERS[layout](tmp_path / "tree")
        if layout == "llcm":
            (root / "idx/train_vis.txt").write_text((root / "idx/test_vis.txt").read_text())
            (root / "idx/train_nir.txt").write_text((root / "idx/test_nir.txt").read_text())
        elif layout != "msmt17":  # where training and test are counted apart
            for path in (root / "query").iterdir():
                shutil.copy(path, root / "bounding_box_train")
        errors = check_dataset(root).errors
        assert errors == ([] if layout == "msmt17" else ["3 identities are in the test and in the training, e.g. 3"])


def test_layouts_by_the_folder_above_and_by_their_second_version(tmp_path: Path) -> None:
    for name, make, layout in (
        ("Market-1501-v15.09.15", make_market, "market1501"),
        ("DukeMTMC-reID", make_duke, "dukemtmc"),
        ("MSMT17_V1", make_msmt17, "msmt17"),
    ):
        make(tmp_path / layout / name)
        assert detect_layout(tmp_path / layout) == layout
        assert check_dataset(tmp_path / layout).ok
    assert check_dataset(make_msmt17(tmp_path / "new", ("mask_train_v2", "mask_test_v2"))).ok
    for name in ("bounding_box_train", "bounding_box_test"):
        (tmp_path / "empty" / name).mkdir(parents=True)
    assert detect_layout(tmp_path / "empty") == "market1501"


def test_strays_and_one_modality_in_the_other_layouts(tmp_path: Path) -> None:
    market, llcm = make_market(tmp_path / "market"), make_llcm(tmp_path / "llcm")
    (market / "query/Thumbs.db").touch()
    assert "1 entries are not images, e.g. query/Thumbs.db" in check_dataset(market).warnings
    lines = (llcm / "idx/train_nir.txt").read_text().splitlines()
    (llcm / "idx/train_nir.txt").write_text("\n".join(line for line in lines if "/0005/" not in line))
    assert check_dataset(llcm).errors == ["identity 5 of train has visible images only"]


@pytest.mark.parametrize(("layout", "found"), [("llcm", "llcm"), ("market", "market1501")])
def test_drawn_trees_of_the_other_layouts(layout: str, found: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--identities=6", "--images=2", "--height=32", "--width=16"]
    assert main(["data", "synthesize", f"--root={tmp_path / 'drawn'}", f"--layout={layout}", *small]) == 0
    assert main(["data", "check", str(tmp_path / "drawn")]) == 0
    assert f"{found}, " in " ".join(capsys.readouterr().out.split())  # a long folder wraps the title


@pytest.mark.parametrize("words", [[], ["check"], ["check", "a", "--wrong=1"], ["synthesize", "--layout=other"], ["other"]])
def test_bad_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["data", *words])
    assert caught.value.code == 2
    assert "error" in capsys.readouterr().err
