"""MATLAB files, of which SYSU-MM01's permutations are one."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.trust.case import READ, REFUSED, Case, twin
from tests.trust.cases.making import NO_FILES, Write, damages, in_place, of_good, put, tree
from vireid.data.datasets.mat5 import read_mat

ENTRY = ".mat"
FILE = "a.mat"
READER = partial(read_mat, FILE)
HEADER = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
DOUBLE, CELL, SPARSE, STRUCT, CHAR, UINT8 = 6, 1, 5, 2, 4, 9


def element(kind: int, data: bytes, size: int | None = None) -> bytes:
    """A tagged element, which may lie about its size."""
    return struct.pack("<II", kind, len(data) if size is None else size) + data + bytes(-len(data) % 8)


def matrix(matlab_class: int, shape: tuple[int, ...], *rest: bytes, name: bytes = b"a", flags: int = 0) -> bytes:
    parts = [element(6, struct.pack("<II", matlab_class | flags, 0)), element(5, struct.pack(f"<{len(shape)}i", *shape)), element(1, name)]
    return element(14, b"".join([*parts, *rest]))


def nested(depth: int) -> bytes:
    found = matrix(DOUBLE, (1, 1), element(9, bytes(8)))
    for _ in range(depth):
        found = matrix(CELL, (1, 1), found)
    return found


def packed(content: bytes, size: int | None = None) -> bytes:
    data = zlib.compress(content, 9)
    return struct.pack("<II", 15, len(data) if size is None else size) + data


def repeated(times: int) -> bytes:
    """Packed again and again: each element unpacks to a thousand times its size."""
    return packed(element(9, bytes(times)))


FILES: dict[str, Callable[[], bytes]] = {
    "a cell of 2 GiB": lambda: matrix(CELL, (2**28, 1)),
    "a cell of 128 GiB": lambda: matrix(CELL, (2**17, 2**17)),
    "a cell whose size overflows": lambda: matrix(CELL, (2**31 - 1,) * 4),
    "a cell of a negative size": lambda: matrix(CELL, (-5, 3)),
    "a cell of two negative sizes": lambda: matrix(CELL, (-(2**15), -(2**15))),
    "a cell of many sizes": lambda: matrix(CELL, (1,) * 5000),
    "numbers of a size that the file does not hold": lambda: matrix(DOUBLE, (2**28, 2**10), element(9, bytes(8))),
    "numbers of many sizes": lambda: matrix(DOUBLE, (1,) * 100, element(9, bytes(8))),
    "bytes that become eight times as many": lambda: packed(matrix(DOUBLE, (2**28, 1), element(2, bytes(2**28)))),
    "a bomb of 3 GiB": lambda: packed(element(9, bytes(2**28)) * 12),
    "a bomb of a gigabyte beside others": lambda: b"".join(packed(matrix(UINT8, (2**26, 1), element(2, bytes(2**26)))) for _ in range(3)),
    "an element that is cut off": lambda: element(14, bytes(64), 2**31),
    "an element of the largest size": lambda: element(14, b"", 2**32 - 1),
    "a packed element of the largest size": lambda: packed(bytes(100), 2**32 - 1),
    "packed rubbish": lambda: struct.pack("<II", 15, 100) + bytes(range(100)),
    "packed halves": lambda: packed(matrix(DOUBLE, (1, 1), element(9, bytes(8))))[:-5],
    "cells in cells": lambda: nested(20),
    "cells in cells in cells": lambda: nested(3000),
    "a sparse matrix": lambda: matrix(SPARSE, (2, 2), element(5, bytes(8)), element(9, bytes(8))),
    "a structure": lambda: matrix(STRUCT, (1, 1), element(5, struct.pack("<i", 8)), element(1, b"owned".ljust(8, b"\0"))),
    "text": lambda: matrix(CHAR, (1, 4), element(16, b"text")),
    "complex numbers": lambda: matrix(DOUBLE, (1, 1), element(9, bytes(8)), element(9, bytes(8)), flags=0x0800),
    "a name that is no text": lambda: matrix(DOUBLE, (1, 1), element(9, bytes(8)), name=b"\xff\x00\x1b[31m"),
    "a name with markup": lambda: matrix(DOUBLE, (2, 1), element(9, bytes(8)), name=b"[/x]\x1b[2J"),
    "numbers of an odd length": lambda: matrix(DOUBLE, (1, 1), element(9, bytes(7))),
    "numbers of no kind": lambda: matrix(DOUBLE, (1, 1), element(99, bytes(8))),
    "a matrix of no class": lambda: matrix(0xFF, (1, 1), element(9, bytes(8))),
    "a matrix of three bytes": lambda: element(14, b"abc"),
    "a matrix without a shape": lambda: element(14, element(6, bytes(8))),
    "flags of two bytes": lambda: element(14, element(6, b"ab") + element(5, bytes(8)) + element(1, b"a")),
    "a million elements of no size": lambda: struct.pack("<II", 1, 0) * 1_000_000,
    "a million empty matrices": lambda: struct.pack("<II", 14, 0) * 1_000_000,
    "small elements": lambda: struct.pack("<HH4s", 14, 4, b"abcd") * 1000,
    "a small element of 65535 bytes": lambda: struct.pack("<HH4s", 14, 0xFFFF, b"abcd"),
    "seven bytes": lambda: b"1234567",
}
MAY_BE_READ = (
    "a million elements of no size",
    "a million empty matrices",
    "seven bytes",
    "cells in cells",
    "a bomb of a gigabyte beside others",
)
HEADS = {
    "nothing": b"",
    "HDF5": b"\x89HDF\r\n\x1a\n".ljust(200, b"\0"),
    "version 4": struct.pack("<5i", 0, 1, 1, 0, 2) + b"a\0" + bytes(8),
    "an archive": b"PK\x03\x04".ljust(200, b"\0"),
    "another order of bytes": HEADER[:126] + b"MI" + bytes(64),
    "a pickle": b"\x80\x02cos\nsystem\nX\x0b\x00\x00\x00touch owned\x85R.",
}


def lazily(make: Callable[[], bytes]) -> Write:
    return lambda folder, good: put(FILE, HEADER + make())(folder, good)


def permutations(content: Callable[[Path], bytes]) -> Write:
    """SYSU-MM01 with these permutations."""

    def write(folder: Path, good: Path) -> None:
        tree("sysu")(folder, good)
        (folder / "sysu/exp/rand_perm_cam.mat").write_bytes(content(good))

    return write


CHECK = ("data", "check", "sysu", "--workers", "1")

MAT_FILES: tuple[Case, ...] = (
    twin(ENTRY, "SYSU-MM01's", of_good("golden.mat", FILE, bytes), READER),
    twin(ENTRY, "one number", put(FILE, HEADER + matrix(DOUBLE, (1, 1), element(9, bytes(8)))), READER),
    twin(ENTRY, "one packed number", put(FILE, HEADER + packed(matrix(DOUBLE, (1, 1), element(2, b"\x05")))), READER),
    twin(ENTRY, "cells", put(FILE, HEADER + matrix(CELL, (1, 2), nested(1), nested(0))), READER),
    *(Case(ENTRY, name, lazily(make), READER, (READ, REFUSED) if name in MAY_BE_READ else (REFUSED,)) for name, make in FILES.items()),
    *(Case(ENTRY, f"head of {name}", put(FILE, content), READER, (READ, REFUSED)) for name, content in HEADS.items()),
    *(Case(ENTRY, name, of_good("golden.mat", FILE, change), READER, (READ, REFUSED)) for name, change in damages(8)),
    *(Case(ENTRY, f"{name} instead of a file", in_place(FILE, change), READER) for name, change in NO_FILES.items()),
    *(
        Case(ENTRY, f"permutations: {name}", permutations(lambda good, make=make: HEADER + make()), CHECK)
        for name, make in FILES.items()
        if "bomb" not in name
    ),
    Case(ENTRY, "permutations of other images", permutations(lambda good: (good / "golden.mat").read_bytes()), CHECK),
    *(
        Case(
            ENTRY,
            f"permutations: {name}",
            tree("sysu", lambda root, put_=put_: put_(root / "exp/rand_perm_cam.mat")),
            CHECK,
            (READ, REFUSED),
        )
        for name, put_ in NO_FILES.items()
    ),
)
