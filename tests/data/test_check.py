"""``vireid data``: what is found in good and damaged trees."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.conftest import make_folder, make_regdb, make_sysu
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
    assert "cam3 has 9 val images, the release 1980" in check_dataset(sysu_root).warnings


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
    for error, reason in zip(report.errors, ("empty file", "truncated", "not an image"), strict=True):
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
        f"{missing}: missing",
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


@pytest.mark.parametrize("words", [[], ["check"], ["check", "a", "--wrong=1"], ["synthesize", "--layout=other"], ["other"]])
def test_bad_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["data", *words])
    assert caught.value.code == 2
    assert "error" in capsys.readouterr().err
