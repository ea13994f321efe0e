"""Depth, orientation, transparency and colour models of files, against closed forms and naive loops."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from vireid.data import ImageBatches, read_image
from vireid.data.pixels import TURNS, orientation
from vireid.errors import BadImageError, SettingsError
from vireid.structures import Modality, Record

HEIGHT, WIDTH = 16, 8
DEEP = np.linspace(0, 65535, HEIGHT * WIDTH).astype(np.uint16).reshape(HEIGHT, WIDTH)


def colours() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def read(path: Path, pixel_range: Any = None) -> np.ndarray:
    return read_image(str(path), HEIGHT, WIDTH, pixel_range)


def save(folder: Path, image: Image.Image, suffix: str, **options: Any) -> Path:
    path = folder / f"image.{suffix}"
    image.save(path, **options)
    return path


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "tif", "webp"])
@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1"])
def test_plain_images_are_as_pillow_decodes_them(mode: str, suffix: str, tmp_path: Path) -> None:
    if (mode, suffix) == ("P", "jpg"):
        return
    path = save(tmp_path, Image.fromarray(colours()).convert(mode), suffix)
    for height, width in ((HEIGHT, WIDTH), (24, 10)):
        with Image.open(path) as image:
            expected = np.asarray(image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS))
        np.testing.assert_array_equal(read_image(str(path), height, width), expected)


@pytest.mark.parametrize(
    ("suffix", "options"), [("png", {}), ("tif", {}), ("tif", {"compression": "tiff_lzw"}), ("tif", {"big_endian": True})]
)
def test_sixteen_bits_are_scaled(suffix: str, options: dict[str, Any], tmp_path: Path) -> None:
    options = dict(options)
    pixels = DEEP.astype(">u2") if options.pop("big_endian", False) else DEEP
    found = read(save(tmp_path, Image.fromarray(pixels), suffix, **options))
    for row, column in np.ndindex(HEIGHT, WIDTH):
        assert found[row, column].tolist() == [round(int(DEEP[row, column]) * 255 / 65535)] * 3  # no value lies half-way


def tiff(pixels: bytes, **tags: tuple[int, int, int]) -> bytes:
    """A little-endian TIFF of one strip: tags are number, type (3: 16 bits, 4: 32 bits) and value."""
    entries = [(256, 3, WIDTH), (257, 3, HEIGHT), (259, 3, 1), (273, 4, 8), (277, 3, 1), (278, 3, HEIGHT), (279, 4, len(pixels))]
    entries = sorted([*entries, *tags.values()])
    table = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries) + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + len(pixels)) + pixels + table


def test_twelve_bits_and_white_at_zero(tmp_path: Path) -> None:
    path, values = tmp_path / "a.tif", (DEEP // 16).ravel()
    packed = b"".join(bytes([a >> 4, (a & 15) << 4 | b >> 8, b & 255]) for a, b in values.reshape(-1, 2).tolist())
    path.write_bytes(tiff(packed, bits=(258, 3, 12), photometric=(262, 3, 1)))
    assert read(path)[:, :, 0].ravel().tolist() == [round(value * 255 / 4095) for value in values.tolist()]
    path.write_bytes(tiff(DEEP.tobytes(), bits=(258, 3, 16), photometric=(262, 3, 0)))
    assert read(path)[:, :, 0].ravel().tolist() == [round(255 - value * 255 / 65535) for value in DEEP.ravel().tolist()]


@pytest.mark.parametrize(("kind", "name"), [(np.float32, "floating-point numbers"), (np.int32, "signed or 32-bit numbers")])
def test_numbers_of_unknown_range_need_one(kind: Any, name: str, tmp_path: Path) -> None:
    values = np.linspace(-50, 350, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(kind)
    path = save(tmp_path, Image.fromarray(values), "tif")
    with pytest.raises(BadImageError, match=rf"image.tif': its values are {name}, and the file does not say .* set `pixel_range`"):
        read(path)
    record = Record(str(path), 1, 1, Modality.INFRARED)
    for black, white in ((0, 300), (300, 0)):
        found = ImageBatches([record], None, HEIGHT, WIDTH, pixel_range=(black, white))[[0]].images[0, 0].numpy()
        for row, column in np.ndindex(HEIGHT, WIDTH):
            exact = (float(values[row, column]) - black) / (white - black) * 255
            assert abs(found[row, column] - min(max(exact, 0), 255)) <= 0.5 + 1e-9  # rounding to a whole number


def test_values_that_are_no_numbers_are_black(tmp_path: Path) -> None:
    values = np.array([[np.nan, np.inf, -np.inf, 1.0]], np.float32)
    assert read_image(str(save(tmp_path, Image.fromarray(values), "tif")), 1, 4, (0, 1))[0, :, 0].tolist() == [0, 255, 0, 255]


def test_a_range_changes_deep_images_only(tmp_path: Path) -> None:
    plain = save(tmp_path, Image.fromarray(colours()), "png")
    np.testing.assert_array_equal(read(plain, (0.0, 9.0)), read(plain))
    deep = read(save(tmp_path, Image.fromarray(DEEP // 4), "png"), (0.0, 16383.0))
    assert deep[:, :, 1].ravel().tolist() == [round(value * 255 / 16383) for value in (DEEP // 4).ravel().tolist()]


@pytest.mark.parametrize("wrong", [(1, 1), (0, float("nan")), (0, 1, 2), (float("inf"), 0)])
def test_a_range_is_two_different_numbers(wrong: Any) -> None:
    with pytest.raises(SettingsError, match="`pixel_range` must be two different numbers"):
        ImageBatches([], pixel_range=wrong)


def turned(pixels: np.ndarray, number: int) -> np.ndarray:
    """Pixels in a file whose EXIF orientation is ``number``, by the definition of the first row and the first column."""
    first_row, first_column = {
        1: ("top", "left"),
        2: ("top", "right"),
        3: ("bottom", "right"),
        4: ("bottom", "left"),
        5: ("left", "top"),
        6: ("right", "top"),
        7: ("right", "bottom"),
        8: ("left", "bottom"),
    }[number]
    if first_row in ("left", "right"):
        pixels = pixels.swapaxes(0, 1)
    pixels = pixels[::-1] if first_row in ("bottom", "right") else pixels
    return pixels[:, ::-1] if first_column in ("bottom", "right") else pixels


@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "jpg"])
@pytest.mark.parametrize("number", range(1, 9))
def test_orientation(number: int, suffix: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = number
    upright = np.kron(np.array([[0, 60], [120, 180], [220, 250]], np.uint8), np.ones((8, 8), np.uint8))  # blocks of JPEG
    lossless = {"lossless": True} if suffix == "webp" else {}
    path = save(tmp_path, Image.fromarray(np.ascontiguousarray(turned(upright, number))), suffix, exif=exif, **lossless)
    found = read_image(str(path), 24, 16)[:, :, 0].astype(int)
    assert np.abs(found - upright).max() <= (2 if suffix == "jpg" else 0)  # JPEG rounds
    assert set(TURNS) == set(range(2, 9))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data:UserWarning:PIL")
def test_damaged_metadata_turns_nothing(tmp_path: Path) -> None:
    text = PngInfo()
    text.add_itxt("XML:com.adobe.xmp", 'tiff:Orientation="x"')
    for number, options in enumerate(({"exif": b"Exif\0\0" + b"\xff" * 30}, {"exif": b"MM\0*\0\0\0\x08"}, {"pnginfo": text})):
        path = tmp_path / f"{number}.png"
        Image.fromarray(colours()).save(path, **options)  # type: ignore[arg-type]
        np.testing.assert_array_equal(read(path), colours())
    with Image.new("RGB", (1, 1)) as image:
        image.info["exif"] = b"x"
        image.getexif = None  # type: ignore[method-assign,assignment]  # whatever it raises
        assert orientation(image) == 1


def test_transparent_pixels_are_laid_on_black(tmp_path: Path) -> None:
    alpha = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
    alpha[0], alpha[1] = 0, 255
    for shown, suffix, options in ((colours(), "png", {}), (colours(), "tif", {}), (colours(), "webp", {"lossless": True, "exact": True})):
        path = save(tmp_path, Image.fromarray(np.dstack([shown, alpha])), suffix, **options)
        exact = shown * (alpha[:, :, None] / 255)
        assert np.abs(read(path) - exact).max() <= 1  # Pillow's integers
        np.testing.assert_array_equal(read(path)[1], shown[1])  # opaque
    grey = colours()[:, :, 0]
    found = read(save(tmp_path, Image.fromarray(np.dstack([grey, alpha])), "png"))
    assert np.abs(found - (grey * (alpha / 255))[:, :, None]).max() <= 1


def test_a_transparent_colour_is_black(tmp_path: Path) -> None:
    grey = np.arange(HEIGHT * WIDTH, dtype=np.uint8).reshape(HEIGHT, WIDTH)
    for image, key in (
        (Image.fromarray(grey), 77),
        (Image.fromarray(np.dstack([grey] * 3)), (77, 77, 77)),
        (Image.fromarray(DEEP), int(DEEP[3, 3])),
    ):
        opaque, path = read(save(tmp_path, image, "png")), save(tmp_path, image, "png", transparency=key)
        found = read(path)
        assert (found != opaque).any(2).sum() == 1
        assert found[found.any(2) != opaque.any(2)].tolist() == [[0, 0, 0]]
    palette = Image.fromarray(grey).convert("P")
    opaque = read(save(tmp_path, palette, "png"))
    found = read(save(tmp_path, palette, "png", transparency=77))
    assert (found != opaque).any(2).sum() == 1


@pytest.mark.parametrize("suffix", ["tif", "jpg"])
def test_four_inks(suffix: str, tmp_path: Path) -> None:
    """Red, green and blue are what cyan, magenta and yellow leave of the light, less black."""
    inks = np.repeat(np.random.default_rng(2).integers(0, 256, (HEIGHT // 8, WIDTH // 8, 4), dtype=np.uint8), 8, 0).repeat(8, 1)
    found = read(save(tmp_path, Image.fromarray(inks, "CMYK"), suffix, **({"quality": 100} if suffix == "jpg" else {})))
    exact = (255.0 - inks[:, :, :3]) * (255.0 - inks[:, :, 3:]) / 255
    assert np.abs(found - exact).max() <= (6 if suffix == "jpg" else 1)  # JPEG rounds each ink
