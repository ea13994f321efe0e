"""How files of cases are written."""

from __future__ import annotations

import os
import random
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

Write = Callable[[Path, Path], object]
HOSTILE_NAMES = {  # what a name of a file, a person or a class may hold
    "markup": "[/x]",
    "style": "[bold red]x[/bold red]",
    "link": "[link=http://x.invalid]x[/link]",
    "escape": "x\x1b[2J\x1b]0;owned\x07",
    "control": "a\rb\bc\x7f\x9b31m",
    "newlines": "a\n\n\n\n\n\n\n\nvireid: error: b",
    "surrogate": "\udcff\udc80",
    "direction": "gnp.\u202egpj",
    "long": "y" * 240,
    "format": "%s{0}{x!r}%(a)s",
    "option": "--help",
    "emoji": ":warning:x",
}
PLANTED = """
import os
open("owned", "w").write("x")
class Planted: pass
Planted_sysu = PlantedToo = Planted
def run(*arguments, **more): os.system("touch owned")
"""
"""A module of an attacker that lies beside the file."""


def put(name: str, content: str | bytes) -> Write:
    """Write one file."""

    def write(folder: Path, good: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))

    return write


def of_good(source: str, name: str, change: Callable[[bytes], bytes]) -> Write:
    """Write a changed copy of a good file."""

    def write(folder: Path, good: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(change((good / source).read_bytes()))

    return write


def tree(name: str, change: Callable[[Path], object] = lambda folder: None) -> Write:
    """Copy a good folder, and change the copy."""

    def write(folder: Path, good: Path) -> None:
        shutil.copytree(good / name, folder / name)
        change(folder / name)

    return write


def both(*writes: Write) -> Write:
    """Write all of them."""

    def write(folder: Path, good: Path) -> None:
        for one in writes:
            one(folder, good)

    return write


def pipe(path: Path) -> None:
    """Put a pipe that nobody writes into in the place of a file."""
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def endless(path: Path) -> None:
    """Put a device that never ends in the place of a file."""
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/zero")


def loop(path: Path) -> None:
    """Put a link to itself in the place of a file."""
    path.unlink(missing_ok=True)
    path.symlink_to(path.name)


def a_folder(path: Path) -> None:
    """Put a folder in the place of a file."""
    path.unlink(missing_ok=True)
    path.mkdir()


NO_FILES: dict[str, Callable[[Path], None]] = {"a pipe": pipe, "an endless device": endless, "a loop of links": loop, "a folder": a_folder}
"""What may stand in the place of a file."""


def in_place(name: str, change: Callable[[Path], object]) -> Write:
    """Write something that is no file."""
    return lambda folder, good: change(folder / name)


def flips(seed: int, count: int) -> Callable[[bytes], bytes]:
    """Invert bytes at random places."""

    def change(content: bytes) -> bytes:
        random_places = random.Random(seed)
        changed = bytearray(content)
        for _ in range(count):
            changed[random_places.randrange(len(changed))] ^= random_places.randrange(1, 256)
        return bytes(changed)

    return change


def cut(share: float) -> Callable[[bytes], bytes]:
    """Cut the file off."""
    return lambda content: content[: int(share * len(content))]


def spliced(seed: int) -> Callable[[bytes], bytes]:
    """Move a piece of the file to another place."""

    def change(content: bytes) -> bytes:
        places = random.Random(seed)
        start, to = places.randrange(len(content)), places.randrange(len(content))
        piece = content[start : start + places.randrange(1, 200)]
        return content[:to] + piece + content[to:]

    return change


def bomb(file: zipfile.ZipFile, name: str, head: bytes, gigabytes: int) -> None:
    """Add an entry of a few megabytes that unpacks to ``head`` and gigabytes of zeros. Its checksum is wrong, which shows at the end."""
    packing = zlib.compressobj(9, zlib.DEFLATED, -15)
    start = packing.compress(head) + packing.flush(zlib.Z_FULL_FLUSH)
    piece = packing.compress(bytes(1 << 25)) + packing.flush(zlib.Z_FULL_FLUSH)  # packed once: what follows depends on nothing before
    with file.open(name, "w", force_zip64=True) as entry:
        entry.write(start + piece * (32 * gigabytes) + packing.flush())
    found = file.getinfo(name)
    found.compress_type, found.file_size = zipfile.ZIP_DEFLATED, len(head) + gigabytes * 2**30


def damages(seeds: int) -> Iterator[tuple[str, Callable[[bytes], bytes]]]:
    """Damages of any file."""
    for share in (0.0, 0.3, 0.9, 0.999):
        yield f"cut at {share}", cut(share)
    for seed in range(seeds):
        yield f"{4 ** (seed % 4)} bytes changed ({seed})", flips(seed, 4 ** (seed % 4))
        yield f"a piece moved ({seed})", spliced(seed)
    yield "zeros", lambda content: bytes(len(content))
    yield "preceded by text", lambda content: b"text" + content
