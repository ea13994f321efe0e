"""Channels and still structures of the images of each modality, and what `vireid data check` prints of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from tests.conftest import SYSU_TRAIN, SYSU_VAL, make_market
from vireid.commands.data import main
from vireid.commands.data_check import statistics_layer
from vireid.data import SYSU, FlipShiftAugmentation, Market1501, PairedFolder, RegDB, check_dataset, read_image
from vireid.data.appearance import Appearance, appearances
from vireid.errors import SettingsError
from vireid.structures import Modality, Record

HEIGHT, WIDTH = 20, 10


def write(folder: Path, count: int, edit: Any = lambda pixels: pixels) -> list[Record]:
    """Images of both modalities; infrared ones have one channel and are edited."""
    rng, records = np.random.default_rng(0), []
    for modality in Modality:
        for n in range(count):
            pixels = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
            if modality == Modality.INFRARED:
                pixels = edit(pixels[:, :, 0] // 2 + 60)
            path = folder / f"{modality.name}{n:02d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
            records.append(Record(str(path), n, 1, modality))
    return records


@pytest.mark.parametrize("size", [(HEIGHT, WIDTH), (8, 4)])
def test_mean_and_deviation_of_all_pixels(size: tuple[int, int], tmp_path: Path) -> None:
    records = write(tmp_path, 12)
    found = appearances(records, *size)
    for modality in Modality:
        pixels = np.stack([read_image(record.path, *size) for record in records if record.modality == modality]) / 255
        one = found[modality.name.lower()]
        assert (one.images, one.rows, one.columns) == (12, (), ())
        np.testing.assert_allclose(one.mean, pixels.mean((0, 1, 2)), rtol=1e-12)
        np.testing.assert_allclose(one.std, pixels.std((0, 1, 2)), rtol=1e-12)
    assert found["infrared"].mean[0] == found["infrared"].mean[2]


def barred(pixels: np.ndarray) -> np.ndarray:
    """Black above, a faint column, a bright line with some noise."""
    pixels = pixels.copy()
    pixels[:3], pixels[-2:], pixels[:, 4] = 0, 0, 7
    pixels[10] = 200 + pixels[10] % 8
    return pixels


def test_bars_of_one_modality_are_found(tmp_path: Path) -> None:
    found = appearances(write(tmp_path, 30, barred), HEIGHT, WIDTH)
    assert (found["visible"].rows, found["visible"].columns) == ((), ())
    assert found["infrared"].rows == ((0, 2), (10, 10), (18, 19))
    assert found["infrared"].columns == ((4, 4),)
    few = appearances(write(tmp_path / "few", 9, barred), HEIGHT, WIDTH)
    assert few["infrared"].rows == (), "nine images are too few to tell"
    same = [Record(str(tmp_path / "VISIBLE00.png"), n, 1, Modality.VISIBLE) for n in range(20)]
    assert appearances(same, HEIGHT, WIDTH)["visible"].images == 1


def test_a_bounded_number_of_images_the_same_in_any_order_and_without_bad_ones(tmp_path: Path) -> None:
    records = write(tmp_path, 12)
    every_third = appearances(records, HEIGHT, WIDTH, limit=4)
    assert every_third == appearances(records[::-1], HEIGHT, WIDTH, limit=4, workers=1)
    assert every_third["visible"] == appearances([records[n] for n in (0, 3, 6, 9)], HEIGHT, WIDTH)["visible"]
    Path(records[0].path).write_bytes(b"no image")
    Path(records[1].path).unlink()
    assert appearances(records, HEIGHT, WIDTH)["visible"].images == 10
    assert appearances([records[0]], HEIGHT, WIDTH) == {}


def test_only_training_images_are_measured(sysu_root: Path, regdb_root: Path, folder_root: Path, tmp_path: Path) -> None:
    market = make_market(tmp_path / "market")
    training = {
        sysu_root: SYSU(sysu_root).records([*SYSU_TRAIN, *SYSU_VAL]),
        regdb_root: RegDB(regdb_root, 1).train_records(),
        folder_root: PairedFolder(folder_root).train_records(),
        market: Market1501(market).records("train"),
    }
    for root, records in training.items():
        kinds = [record.modality.name.lower() for record in records]
        found = check_dataset(root, height=8, width=4).appearance
        assert {name: one.images for name, one in found.items()} == {name: kinds.count(name) for name in dict.fromkeys(kinds)}
        assert found == appearances(records, 8, 4)


def test_what_is_printed_is_a_file_for_the_next_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "drawn"
    assert (
        main(["data", "synthesize", f"--root={root}", "--identities=6", "--test_identities=2", "--images=3", "--height=32", "--width=16"])
        == 0
    )
    for path in [*root.glob("cam3/*/*"), *root.glob("cam6/*/*")]:
        pixels = np.asarray(Image.open(path)).copy()
        pixels[:4] = 0
        Image.fromarray(pixels).save(path, quality=95)
    capsys.readouterr()
    assert main(["data", "check", str(root), "--height=32", "--width=16"]) == 0
    said, _, layer = capsys.readouterr().out.partition("mean and std as a file, to be given with -c after the recipe:\n")
    assert "Rows 0 to 3 (of 32, from 0) hardly vary over infrared images" in said
    assert "over visible images" not in said
    given = yaml.safe_load(layer)["data"]["init_args"]["augmentation"]["init_args"]
    measured = check_dataset(root, height=32, width=16).appearance
    for name in ("mean", "std"):
        for modality in ("visible", "infrared"):
            np.testing.assert_allclose(given[name][modality], getattr(measured[modality], name), atol=5e-5)  # four decimals
    assert FlipShiftAugmentation(**given).per_modality
    with pytest.raises(SettingsError, match="`height` and `width` must be at least 1, got 0 and 16"):
        main(["data", "check", str(root), "--height=0", "--width=16"])


def test_the_layer_of_data_of_one_modality_has_one_triple() -> None:
    layer = statistics_layer({"visible": Appearance(9, (0.1, 0.25, 0.5), (0.2, 0.2, 0.3), (), ())})
    given = yaml.safe_load(layer)["data"]["init_args"]["augmentation"]["init_args"]
    assert given == {"mean": [0.1, 0.25, 0.5], "std": [0.2, 0.2, 0.3]}
