"""Files that are opened as images: the promised formats, and what must neither run, hang nor fill the memory."""

from __future__ import annotations

import ast
import os
import socket
import struct
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vireid.data import ImageBatches, image_files, read_image
from vireid.data.datasets.imagenet import ImageNetSource
from vireid.data.image_files import FORMATS, MAX_PIXELS, SUFFIXES, open_image
from vireid.data.pixels import to_rgb
from vireid.errors import BadImageError, DatasetNotFoundError
from vireid.structures import Modality, Record

PACKAGE = Path(__file__).parent.parent.parent / "vireid"
OPENERS = {
    "decode_image",
    "decode_jpeg",
    "decode_png",
    "decode_webp",
    "decode_gif",
    "default_loader",
    "pil_loader",
    "ImageFolder",
    "imread",
}


def opens_images(text: str) -> bool:
    """Whether a source calls ``Image.open``, or names another reader of images."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute) and (node.attr in OPENERS or ast.unparse(node) in ("Image.open", "torchvision.io")):
            return True
        if isinstance(node, ast.ImportFrom) and {alias.name for alias in node.names} & (OPENERS | {"open"}):
            return True
        if isinstance(node, ast.ImportFrom) and node.module == "torchvision.io":
            return True
    return False


def test_one_file_opens_images() -> None:
    sources = {path: path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}
    found = {
        path for path, text in sources.items() if any(word in text for word in ("PIL", "torchvision", "imread")) and opens_images(text)
    }
    assert {str(path.relative_to(PACKAGE)) for path in found} == {"data/image_files.py"}


def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (16, 8, 3), dtype=np.uint8)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_promised_formats_are_read(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    Image.fromarray(pixels()).save(path)
    with Image.open(path) as image:
        assert image.format in FORMATS
        expected = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(read_image(str(path), 16, 8), expected)


def test_a_photo_with_a_second_picture_is_a_jpeg(tmp_path: Path) -> None:
    first, path = Image.fromarray(pixels()), tmp_path / "phone.jpg"
    first.save(path, "MPO", save_all=True, append_images=[Image.new("RGB", (8, 16))])
    first.save(tmp_path / "plain.jpg")
    np.testing.assert_array_equal(read_image(str(path), 16, 8), read_image(str(tmp_path / "plain.jpg"), 16, 8))


@pytest.mark.parametrize("other", ["EPS", "GIF", "PPM", "PDF", "ICO", "TGA", "JPEG2000"])
def test_other_formats_are_refused_by_their_content(other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: object, **__: object) -> None:
        raise AssertionError("a program was started")

    path = tmp_path / "0001.jpg"
    Image.fromarray(pixels()).save(path, other)
    monkeypatch.setattr("subprocess.Popen", start)
    monkeypatch.setattr("os.system", start)
    with pytest.raises(BadImageError, match=r"Cannot read image '.*0001.jpg': it is not an image in a known format \(JPEG, PNG, BMP"):
        read_image(str(path), 16, 8)


def no_file(kind: str, path: Path) -> None:
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)  # a full path may be too long


@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "loop", "socket"])
def test_what_is_no_file_is_a_bad_image_at_once(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "0001.jpg"
    no_file(kind, path)
    good = tmp_path / "0002.png"
    Image.fromarray(pixels()).save(good)
    records = [Record(str(file), 1, 1, Modality.VISIBLE) for file in (path, good)]
    failed: list[BaseException] = []

    def read() -> None:
        try:
            read_image(str(path), 16, 8)
        except BadImageError as error:
            failed.append(error)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(20)  # a reader that waits for the other end of a pipe fails here, and does not hang the tests
    assert not reader.is_alive()
    assert f"Cannot read image {str(path)!r}" in str(failed[0])
    with pytest.warns(UserWarning, match="0001.jpg"):
        assert len(ImageBatches(records, None, 16, 8, on_bad_image="skip")[[0]].images) == 1


def test_paths_that_no_system_has(tmp_path: Path) -> None:
    for path in ("a\0b.jpg", str(tmp_path / ("x" * 5000))):
        with pytest.raises(BadImageError, match="Cannot read image"):
            read_image(path, 16, 8)
    with pytest.raises(DatasetNotFoundError, match=r"There is no image '.*absent.png'"):
        read_image(str(tmp_path / "absent.png"), 16, 8)


def png(width: int, height: int) -> bytes:
    """A PNG whose header promises this size, and which holds a few bytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(999))) + chunk(b"IEND", b"")


def bmp(width: int, height: int) -> bytes:
    return b"BM" + struct.pack("<IHHI", 999, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0) + bytes(99)


def webp(width: int, height: int) -> bytes:
    sizes = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    frame = b"VP8L" + struct.pack("<I", 10) + b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + bytes(5)
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + sizes + frame
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("make", [png, bmp, webp])
def test_the_header_bounds_the_pixels(make: object, tmp_path: Path) -> None:
    path = tmp_path / "bomb.jpg"
    for side, message in ((8_000, "it has 8000 x 8000 pixels, more than 50,000,000"), (16_000, "pixels, could be decompression bomb")):
        path.write_bytes(make(side, side))  # type: ignore[operator]
        with pytest.raises(BadImageError, match=message):
            read_image(str(path), 16, 8)


def test_the_bound_is_an_argument(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(pixels()).save(path)
    with open_image(str(path), 128) as image:
        assert image.size == (8, 16)
    with pytest.raises(BadImageError, match="it has 8 x 16 pixels, more than 127"), open_image(str(path), 127):
        pass
    assert MAX_PIXELS == 50_000_000


def test_a_thread_of_pixels_does_not_fill_the_memory_of_a_crop(tmp_path: Path) -> None:
    (tmp_path / "val/a").mkdir(parents=True)
    Image.new("RGB", (1, 200_000)).save(tmp_path / "val/a/0.png")
    with pytest.raises(BadImageError, match=r"0.png': it is 1 x 200000, too narrow to be cropped"):
        ImageNetSource(tmp_path, "val", 28, 32).pixels([0], ())


def waves(height: int, width: int) -> np.ndarray:
    """A smooth picture."""
    rows, columns = np.linspace(0, 6, height)[:, None, None], np.linspace(0, 3, width)[None, :, None]
    return np.rint(127.5 + 100 * np.sin(rows + columns + np.arange(3))).astype(np.uint8)


@pytest.mark.parametrize(
    ("size", "decoded"),
    [((47, 24), (47, 24)), ((48, 23), (48, 23)), ((48, 24), (24, 12)), ((200, 60), (50, 15)), ((400, 200), (50, 25))],
    ids=str,
)
@pytest.mark.parametrize("lying", [False, True])
def test_a_draft_is_decoded_at_a_part_of_its_size(
    size: tuple[int, int], decoded: tuple[int, int], lying: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part of the size is never below the 24 x 12 that are asked for, also where EXIF data says that the picture lies."""
    path, exif, picture = tmp_path / "a.jpg", Image.Exif(), Image.fromarray(waves(*size))
    exif[0x0112] = 6 if lying else 1
    (picture.transpose(Image.Transpose.ROTATE_90) if lying else picture).save(path, quality=95, exif=exif)
    exact = read_image(str(path), 24, 12).astype(int)
    seen = []

    def rgb(image: Image.Image, pixel_range: object) -> Image.Image:
        seen.append(to_rgb(image, None))
        return seen[-1]

    monkeypatch.setattr(image_files, "to_rgb", rgb)
    draft = read_image(str(path), 24, 12, draft=True)
    assert seen[0].size == decoded[::-1]
    assert np.abs(draft - exact).max() <= (0 if decoded == size else 6)  # less than a hundredth of a wave is cut off at the borders


def test_a_draft_of_another_format_is_exact(tmp_path: Path) -> None:
    Image.fromarray(waves(96, 48)).save(path := tmp_path / "a.png")
    assert np.array_equal(read_image(str(path), 24, 12, draft=True), read_image(str(path), 24, 12))
