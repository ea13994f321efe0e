"""What `vireid data check` says of images that are read, but are not what images of people usually are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import make_folder
from vireid.commands.data import main
from vireid.data import check_dataset
from vireid.data.inspection import FEWEST, findings, inspect
from vireid.errors import SettingsError
from vireid.structures import Modality, Record


def flat(path: Path, level: int) -> Record:
    """An image of one grey level."""
    Image.new("L", (4, 4), level).save(path)
    return Record(str(path), 1, 3, Modality.INFRARED)


def test_each_kind_is_counted_with_an_example(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = make_folder(tmp_path / "tree")
    exif = Image.Exif()
    exif[0x0112] = 6
    rng = np.random.default_rng(0)
    for pid, name in (("1", "a"), ("2", "b")):
        deep = rng.integers(7, 12000, (24, 12), dtype=np.uint16)
        deep[0, 0], deep[0, 1] = 6, 12000
        Image.fromarray(deep).save(root / f"infrared/{pid}/{name}.png")
    Image.new("RGBA", (12, 24), (50, 60, 70, 80)).save(root / "visible/3/c.png")
    Image.new("RGBA", (12, 24), (50, 60, 70, 255)).save(root / "visible/3/d.png")
    Image.new("RGB", (24, 12)).save(root / "visible/4/e.jpg", exif=exif)
    Image.new("1", (12, 24)).save(root / "visible/4/f.png")
    report = check_dataset(root)
    assert report.ok
    assert report.warnings == [
        f"1 images have 1 bits a channel and are scaled to 8, e.g. {root}/visible/4/f.png",
        f"2 images have 16 bits a channel and are scaled to 8, e.g. {root}/infrared/1/a.png; their values are 6 to 12000 "
        "(`pixel_range` says which are black and white)",
        f"1 images lie on their side or upside down; their EXIF orientation turns them, e.g. {root}/visible/4/e.jpg",
        f"1 images have transparent pixels, which are laid on black, e.g. {root}/visible/3/c.png",
        *report.warnings[4:],
    ]
    assert all("much darker" in warning for warning in report.warnings[4:])
    assert main(["data", "check", str(root), "--pixel_range=[6,12000]"]) == 0
    assert "2 images have 16 bits a channel" in capsys.readouterr().out


def test_floating_point_images_are_errors_until_their_range_is_said(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "tree")
    Image.fromarray(np.full((24, 12), 293.25, np.float32)).save(root / "infrared/1/kelvin.tif")
    (error,) = check_dataset(root).errors
    assert "kelvin.tif': its values are floating-point numbers" in error
    report = check_dataset(root, pixel_range=(273.25, 313.25))
    assert report.ok
    assert "1 images have 32 bits a channel" in report.warnings[0]
    assert inspect(f"{root}/infrared/1/kelvin.tif", (273.25, 313.25)).brightness == 128  # 20 of 40 kelvin: 127.5, rounded to even
    with pytest.raises(SettingsError, match="`pixel_range` must be two different numbers"):
        check_dataset(root, pixel_range=(1, 1))


def test_much_darker_and_brighter_images_of_a_camera(tmp_path: Path) -> None:
    records = [flat(tmp_path / f"{index}.png", 100 + index % 5) for index in range(FEWEST)]
    records += [flat(tmp_path / "black.png", 2), flat(tmp_path / "dark.png", 40), flat(tmp_path / "white.png", 255)]
    images = [inspect(record.path) for record in records]
    assert findings(images, records) == [
        f"2 of 13 infrared images of camera 3 are much darker than its others (mean 2, median 102 of 255), e.g. {tmp_path}/black.png",
        f"1 of 13 infrared images of camera 3 are much brighter than its others (mean 255, median 102 of 255), e.g. {tmp_path}/white.png",
    ]
    assert findings(images[-9:], records[-9:]) == []  # too few to know what is usual
    varied = [flat(tmp_path / f"varied{index}.png", 10 + 20 * index) for index in range(12)]
    assert findings([inspect(record.path) for record in varied], varied) == []  # of a camera whose exposure varies
