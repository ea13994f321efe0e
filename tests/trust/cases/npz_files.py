"""``queries.npz`` beside the results of a test."""

from __future__ import annotations

import io
import re
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.trust.case import READ, REFUSED, Case, twin
from tests.trust.cases.making import NO_FILES, Write, bomb, damages, tree

ENTRY = ".npz"
SUMMARIZE, COMPARE = ("summarize", "results/a"), ("compare", "results/a", "results/b")
FILE = "a/queries.npz"
EITHER = (READ, REFUSED)


def head(text: str, version: bytes = b"\x01\x00", size: int | None = None) -> bytes:
    """A file of an array with this head."""
    length = struct.pack("<H" if version[0] == 1 else "<I", len(text) if size is None else size)
    return b"\x93NUMPY" + version + length + text.encode("latin-1")


def described(dtype: str, shape: str, order: str = "False") -> bytes:
    return head(f"{{'descr': {dtype}, 'fortran_order': {order}, 'shape': {shape}, }}".ljust(117) + "\n")


def archive(entries: dict[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as file:
        for name, data in entries.items():
            file.writestr(name, data)
    return buffer.getvalue()


def arrays(**changed: Any) -> Callable[[bytes], bytes]:
    """The good file with other arrays; ``None`` leaves one out."""

    def change(content: bytes) -> bytes:
        with np.load(io.BytesIO(content)) as file:
            found = {**dict(file.items()), **{name.replace("_", "."): value for name, value in changed.items()}}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **{name: value for name, value in found.items() if value is not None})  # type: ignore[arg-type]
        return buffer.getvalue()

    return change


def members(**changed: bytes) -> Callable[[bytes], bytes]:
    """The good file with other bytes as arrays."""

    def change(content: bytes) -> bytes:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            found = {name: file.read(name) for name in file.namelist()}
        return archive({**found, **{f"{name.replace('_', '.')}.npy": value for name, value in changed.items()}})

    return change


def with_bomb(content: bytes) -> bytes:
    """The good file with an array that unpacks to 3 GiB of zeros."""
    buffer = io.BytesIO(content)
    with zipfile.ZipFile(buffer, "a") as file:
        bomb(file, "x.npy", described("'|u1'", f"({3 * 2**30},)"), 3)
    return buffer.getvalue()


FILES: dict[str, Callable[[bytes], bytes]] = {
    "objects": arrays(pids_0_0=np.array([print, {}], dtype=object)),
    "an object that calls": members(pids_0_0=described("'|O'", "(1,)") + b"\x80\x02cos\nsystem\nX\x0b\x00\x00\x00touch owned\x85R."),
    "an array of 1 TB": members(ap_0_0=described("'<f8'", "(137438953472,)") + bytes(80)),
    "an array of 4 GiB": members(ap_0_0=described("'<f8'", "(536870912,)") + bytes(80)),
    "an array of a size without end": members(ap_0_0=described("'<f8'", "(" + "9" * 50 + ",)") + bytes(80)),
    "an array of a negative size": members(ap_0_0=described("'<f8'", "(-1,)") + bytes(80)),
    "an array of a hundred axes": members(ap_0_0=described("'<f8'", "(" + "1," * 30 + ")") + bytes(8)),
    "an array of a true size": members(ap_0_0=described("'<f8'", "(True,)") + bytes(8)),
    "a kind of text": members(ap_0_0=described("'touch owned'", "(1,)") + bytes(8)),
    "a kind of a gigabyte": members(ap_0_0=described("'|V1073741824'", "(1,)") + bytes(8)),
    "texts of 2 GiB each": members(people_0_0=described("'<U536870911'", "(4,)") + bytes(8)),
    "a kind of kinds": members(ap_0_0=described("[('a', [('b', '<f8')])]", "(1,)") + bytes(8)),
    "a head that calls": members(ap_0_0=head("{'descr': __import__('os').system('touch owned')}".ljust(117) + "\n")),
    "a head of brackets": members(ap_0_0=head("(" * 9000 + "\n")),
    "a head of 64 KiB": members(ap_0_0=head(" " * 65000 + "\n")),
    "a head of 4 GiB": members(ap_0_0=head("{}", b"\x02\x00", 2**32 - 1)),
    "a head of version 9": members(ap_0_0=head("{}", b"\x09\x00")),
    "a head of nothing": members(ap_0_0=b"\x93NUMPY"),
    "a member that is no array": members(ap_0_0=b"x"),
    "a pickle as a member": members(ap_0_0=b"\x80\x02cos\nsystem\nX\x0b\x00\x00\x00touch owned\x85R."),
    "a bomb of 3 GiB": with_bomb,
    "names of members that lead out": members(**{"../../owned": b"x"}),
    "names of arrays with markup": members(**{"[/x]\x1b[2J": b"x"}),
    "another version": arrays(version=np.array(99)),
    "a version of text": arrays(version=np.array("[/x]\x1b[31m")),
    "a version of many": arrays(version=np.zeros((2, 2))),
    "no names": arrays(names=None),
    "names of others": arrays(names=np.array(["[/x]\x1b[31m"])),
    "names of numbers": arrays(names=np.zeros(3)),
    "names without a list": arrays(names=np.array("x")),
    "no average precisions": arrays(ap_0_0=None),
    "average precisions of text": arrays(ap_0_0=np.array(["x"] * 100)),
    "average precisions of NaN": arrays(ap_0_0=np.full(100, np.nan)),
    "average precisions of infinity": arrays(ap_0_0=np.full(100, np.inf)),
    "average precisions of complex numbers": arrays(ap_0_0=np.full(100, 1j)),
    "average precisions of dates": arrays(ap_0_0=np.zeros(100, "datetime64[s]")),
    "average precisions of no axis": arrays(ap_0_0=np.array(0.5)),
    "average precisions of two axes": arrays(ap_0_0=np.zeros((10, 10))),
    "average precisions of structures": arrays(ap_0_0=np.zeros(100, [("a", "f8")])),
    "fewer people": arrays(pids_0_0=np.zeros(3)),
    "people of fractions": arrays(pids_0_0=np.full(100, 0.5)),
    "people of text": arrays(pids_0_0=np.array(["[/x]\x1b[31m"] * 100)),
    "people of NaN": arrays(pids_0_0=np.full(100, np.nan)),
    "names of people as numbers": arrays(people_0_0=np.zeros(100)),
    "names of people with markup": arrays(people_0_0=np.array(["[/x]\x1b[31m"] * 100)),
    "nothing": lambda _: b"",
    "an empty archive": lambda _: archive({}),
    "a single array": lambda _: described("'<f8'", "(1,)") + bytes(8),
    "a pickle": lambda _: b"\x80\x02cos\nsystem\nX\x0b\x00\x00\x00touch owned\x85R.",
    "an archive with a password": lambda content: re.sub(rb"(PK\x01\x02.{4})\x00", b"\\1\x01", content, flags=re.DOTALL),
    "packed by another method": lambda content: archive({"version.npy": described("'<i8'", "()") + bytes(8)}, zipfile.ZIP_LZMA),
}
HARMLESS = ("names of people with markup", "people of fractions", "people of text", "people of NaN", "names of people as numbers")
HARMLESS += (
    "names of members that lead out",
    "names of arrays with markup",
    "no average precisions",
    "an array of a true size",
    "a head of 64 KiB",
)


def changed(change: Callable[[bytes], bytes]) -> Write:
    return tree("results", lambda root: (root / FILE).write_bytes(change((root / FILE).read_bytes())))


NPZ_FILES: tuple[Case, ...] = (
    twin(ENTRY, "as written", tree("results"), SUMMARIZE),
    twin(ENTRY, "compared", tree("results"), COMPARE),
    twin(ENTRY, "absent", tree("results", lambda root: (root / FILE).unlink()), SUMMARIZE),
    twin(ENTRY, "with an array more", changed(arrays(note=np.array("ü"))), SUMMARIZE),
    *(Case(ENTRY, name, changed(change), COMPARE, EITHER if name in HARMLESS else (REFUSED,)) for name, change in FILES.items()),
    *(Case(ENTRY, f"{name}, summarised", changed(change), SUMMARIZE, EITHER) for name, change in FILES.items()),
    *(Case(ENTRY, name, changed(change), SUMMARIZE, EITHER) for name, change in damages(10)),
    *(
        Case(ENTRY, f"{name} instead of a file", tree("results", lambda root, put=put: put(root / FILE)), SUMMARIZE, EITHER)
        for name, put in NO_FILES.items()
    ),
)
