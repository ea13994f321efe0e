"""Image files."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.trust.case import READ, REFUSED, Case, twin
from tests.trust.cases.making import HOSTILE_NAMES, NO_FILES, Write, damages, in_place, put, tree
from vireid.data.image_files import read_image

ENTRY = "image"
FILE = "a.jpg"
READER = partial(read_image, FILE, 32, 16)
CHECK = ("data", "check", "folder", "--workers", "1")
PLACE = "visible/1/0.png"
EITHER = (READ, REFUSED)


def picture(form: str, mode: str = "RGB", **settings: Any) -> bytes:
    """A good image, encoded."""
    pixels = np.random.default_rng(0).integers(0, 256, (24, 12, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, form, **settings)
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes, depth: int = 8, colour: int = 2, interlace: int = 0) -> bytes:
    """A PNG whose head says these sizes, whatever follows."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IEND", b"")


def bmp(width: int, height: int, bits: int = 24, packing: int = 0, offset: int = 54, colours: int = 0, data: bytes = bytes(64)) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, packing, len(data), 0, 0, colours, 0)
    return b"BM" + struct.pack("<IHHI", 14 + len(head) + len(data), 0, 0, offset) + head + data


def tiff(*tags: tuple[int, int, int, int], following: int = 0, data: bytes = bytes(64)) -> bytes:
    """A TIFF with one directory of tags: number, kind, count and value."""
    body = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(tags)) + body + struct.pack("<I", following) + data


def plain_tiff(width: int, height: int, *more: tuple[int, int, int, int], packing: int = 1, bits: int = 8, following: int = 0) -> bytes:
    tags = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, bits),
        (259, 3, 1, packing),
        (262, 3, 1, 1),
        (273, 4, 1, 8),
        (277, 3, 1, 1),
    ]
    tags += [(278, 4, 1, height), (279, 4, 1, max(1, width * height % 2**31))]
    return tiff(*sorted({tag[0]: tag for tag in (*tags, *more)}.values()), following=following)


def webp(width: int, height: int) -> bytes:
    head = struct.pack("<I", (width - 1) | ((height - 1) << 14))
    data = b"VP8L" + struct.pack("<I", 30) + b"\x2f" + head + bytes(25)
    return b"RIFF" + struct.pack("<I", len(data) + 4) + b"WEBP" + data


def jpeg(width: int, height: int) -> bytes:
    """A good JPEG whose head says other sizes."""
    content = picture("JPEG")
    place = content.index(b"\xff\xc0") + 5
    return content[:place] + struct.pack(">HH", height, width) + content[place + 4 :]


def with_exif(data: bytes) -> bytes:
    content = picture("JPEG")
    return content[:2] + b"\xff\xe1" + struct.pack(">H", len(data) + 8) + b"Exif\0\0" + data + content[2:]


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n%%EndComments\n(owned) (w) file closefile\nshowpage\n%%EOF\n"
POSTSCRIPT = b"%!PS\n(%pipe%touch owned) (w) file closefile\n"
OTHERS: dict[str, bytes] = {  # formats that are not read
    "EPS": EPS,
    "EPS with a preview": b"\xc5\xd0\xd3\xc6" + struct.pack("<7I", 30, len(EPS), 0, 0, 0, 0, 0) + EPS,
    "PostScript": POSTSCRIPT,
    "PDF": b"%PDF-1.4\n1 0 obj<</OpenAction<</S/Launch/F(touch owned)>>>>endobj\n",
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="http://x.invalid/x.png"/></svg>',
    "XML that grows": b'<!DOCTYPE a [<!ENTITY b "xx"><!ENTITY c "&b;&b;&b;">]><svg>&c;</svg>',
    "GIF": picture("GIF", "P"),
    "PPM": b"P6 100000 100000 255\n" + bytes(100),
    "ICO": picture("ICO"),
    "TGA": picture("TGA"),
    "SGI": picture("SGI"),
    "MSP": picture("MSP", "1"),
    "WMF": b"\xd7\xcd\xc6\x9a" + bytes(40),
    "FITS": b"SIMPLE  =                    T".ljust(2880),
    "FLI": bytes(4) + b"\x11\xaf" + bytes(200),
    "DDS": b"DDS " + bytes(200),
    "PSD": b"8BPS\0\1" + bytes(200),
    "a script": b"#!/bin/sh\ntouch owned\n",
    "a pickle": b"\x80\x02cos\nsystem\nX\x0b\x00\x00\x00touch owned\x85R.",
    "an array": b"\x93NUMPY\x01\x00" + bytes(100),
    "HTML": b"<html><script>x</script></html>",
    "text with control bytes": b"\x1b[2J[/x]\x07",
    "nothing": b"",
    "zeros": bytes(10_000),
}
TEXT_BOMB = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(2**28), 9))
SIZES: dict[str, Callable[[], bytes]] = {
    "a PNG of 65535 x 65535": lambda: png(65535, 65535),
    "a PNG of 2^31 - 1": lambda: png(2**31 - 1, 2**31 - 1),
    "a PNG of 2^32 - 1": lambda: png(2**32 - 1, 2**32 - 1),
    "a PNG of no size": lambda: png(0, 0),
    "a PNG of 50 000 001 pixels": lambda: png(50_000_001, 1),
    "a PNG of many pixels in a few bytes": lambda: png(60_000, 60_000, chunk(b"IDAT", zlib.compress(bytes(60_000 * 100), 9))),
    "a PNG in seven passes": lambda: png(30_000, 30_000, interlace=1),
    "a PNG whose comment unpacks to 256 MiB": lambda: png(12, 24, TEXT_BOMB * 10),
    "a PNG whose profile unpacks to 256 MiB": lambda: png(12, 24, chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(2**28), 9))),
    "a JPEG of 65535 x 65535": lambda: jpeg(65535, 65535),
    "a JPEG of no size": lambda: jpeg(0, 0),
    "a BMP of 2^31 - 1": lambda: bmp(2**31 - 1, 2**31 - 1),
    "a BMP of a negative height": lambda: bmp(40_000, -40_000),
    "a BMP of a negative width": lambda: bmp(-10, 10),
    "a BMP packed": lambda: bmp(60_000, 60_000, bits=8, packing=1, colours=256),
    "a BMP of many colours": lambda: bmp(4, 4, bits=8, colours=2**31),
    "a BMP that begins behind its end": lambda: bmp(4, 4, offset=2**31),
    "a WebP of 16383 x 16383": lambda: webp(16383, 16383),
    "a TIFF of 2^31": lambda: plain_tiff(2**31, 2**31),
    "a TIFF of 60 000 x 60 000, packed": lambda: plain_tiff(60_000, 60_000, packing=5),
    "a TIFF of tiles of 2^31": lambda: plain_tiff(16, 16, (322, 4, 1, 2**31), (323, 4, 1, 2**31), (324, 4, 1, 8), (325, 4, 1, 8)),
    "a TIFF of a billion strips": lambda: plain_tiff(16, 16, (273, 4, 2**30, 8), (279, 4, 2**30, 8)),
    "a TIFF of a billion samples": lambda: plain_tiff(16, 16, (277, 3, 1, 65535), (258, 3, 2**30, 8)),
    "a TIFF that follows itself": lambda: plain_tiff(16, 16, following=8),
    "a TIFF of no size": lambda: plain_tiff(0, 0),
    "a TIFF without tags": lambda: tiff(),
    "a TIFF whose directory is cut off": lambda: b"II*\0" + struct.pack("<I", 2**31),
    "a big TIFF": lambda: b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**60),
    "a TIFF of JPEG": lambda: plain_tiff(16, 16, packing=7),
    "a TIFF packed by Zstandard": lambda: plain_tiff(16, 16, packing=50000),
    "a TIFF of 1000 bits": lambda: plain_tiff(16, 16, bits=1000),
}
ODD: dict[str, Callable[[], bytes]] = {  # of which Pillow reads some
    "a JPEG of 7000 x 7000 without content": lambda: jpeg(7000, 7000),
    "an EXIF block of rubbish": lambda: with_exif(b"MM\0*" + b"\xff" * 100),
    "an EXIF block that follows itself": lambda: with_exif(b"MM\0*\0\0\0\x08\0\0\0\0\0\x08"),
    "an EXIF block of a million entries": lambda: with_exif(b"MM\0*\0\0\0\x08\xff\xff" + bytes(1000)),
    "an orientation of 99": lambda: with_exif(b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x63\0\0\0\0\0\0"),
    "an orientation of text": lambda: with_exif(b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\0\x02x\0\0\0\0\0\0\0"),
    "a JPEG of several pictures": lambda: picture("MPO"),
    "a profile of rubbish": lambda: picture("PNG", icc_profile=b"\xff" * 500),
    "a palette of 300 colours": lambda: png(2, 2, chunk(b"PLTE", bytes(900)), chunk(b"IDAT", zlib.compress(bytes(6))), colour=3),
    "no palette": lambda: png(2, 2, chunk(b"IDAT", zlib.compress(bytes(6))), colour=3),
    "a PNG of animation": lambda: png(2, 2, chunk(b"acTL", struct.pack(">II", 2**31, 0)), chunk(b"IDAT", zlib.compress(bytes(14)))),
    "a chunk of a wrong checksum": lambda: picture("PNG").replace(b"IDAT", b"IDAt"),
    "a chunk of 4 GiB": lambda: png(2, 2) + struct.pack(">I", 2**32 - 1) + b"IDAT",
    "transparency of no kind": lambda: png(2, 2, chunk(b"tRNS", b"x"), chunk(b"IDAT", zlib.compress(bytes(14)))),
    "16 bits of NaN": lambda: floats(float("nan")),
    "floats of infinity": lambda: floats(float("inf")),
    "a picture behind text": lambda: b"text" + picture("PNG"),
    "a picture before a script": lambda: picture("PNG") + b"#!/bin/sh\ntouch owned\n",
}


def floats(value: float) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((8, 8), value, np.float32)).save(buffer, "TIFF")
    return buffer.getvalue()


def lazily(make: Callable[[], bytes]) -> Write:
    return lambda folder, good: put(FILE, make())(folder, good)


def beside(change: Callable[[Path], object]) -> Write:
    """People of whom one image is something else."""
    return tree("folder", lambda root: change(root / PLACE))


def renamed(text: str) -> Write:
    return tree("folder", lambda root: (root / PLACE).rename(root / "visible/1" / f"{text.replace('/', '_')}.png"))


def damaged() -> list[Case]:
    found = []
    for form, settings in (("JPEG", {}), ("PNG", {}), ("BMP", {}), ("TIFF", {"compression": "tiff_lzw"}), ("WEBP", {"lossless": True})):
        for name, change in damages(4):
            content = change(picture(form, **settings))
            found.append(Case(ENTRY, f"{name} of a {form}", put(FILE, content), READER, EITHER))
    return found


IMAGES: tuple[Case, ...] = (
    *(twin(ENTRY, f"a {form}", put(FILE, picture(form)), READER) for form in ("JPEG", "PNG", "BMP", "TIFF", "WEBP")),
    *(twin(ENTRY, f"a PNG of {mode}", put(FILE, picture("PNG", mode)), READER) for mode in ("L", "P", "RGBA", "LA", "1")),
    twin(ENTRY, "people", tree("folder"), CHECK),
    *(Case(ENTRY, f"{name} instead of an image", put(FILE, content), READER) for name, content in OTHERS.items()),
    *(Case(ENTRY, name, lazily(make), READER) for name, make in SIZES.items()),
    *(Case(ENTRY, name, lazily(make), READER, EITHER) for name, make in ODD.items()),
    *(
        Case(ENTRY, f"{name} among people", beside(lambda path, content=content: path.write_bytes(content)), CHECK)
        for name, content in OTHERS.items()
    ),
    *(Case(ENTRY, f"{name} instead of a file", in_place(FILE, change), READER) for name, change in NO_FILES.items()),
    *(Case(ENTRY, f"{name} among people", beside(change), CHECK, EITHER) for name, change in NO_FILES.items()),
    *(Case(ENTRY, f"an image named {name}", renamed(text), CHECK, EITHER) for name, text in HOSTILE_NAMES.items()),
    *damaged(),
)
