"""Files of CIFAR-100, which are pickles."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tests.trust.case import READ, REFUSED, Case, twin
from tests.trust.cases.archives import CALLS
from tests.trust.cases.making import NO_FILES, PLANTED, Write, both, damages, put, tree
from tests.trust.good import cifar_images
from vireid.data.datasets.cifar import CIFAR100Source

ENTRY = "CIFAR"
READER = partial(CIFAR100Source, "cifar", True)
FOLDER = Path("cifar-100-python")
EITHER = (READ, REFUSED)


def file(change: Callable[[Path], object], name: str = "train") -> Write:
    return both(tree("cifar", lambda root: change(root / FOLDER / name)), put("planted_code.py", PLANTED))


def content(**entries: Any) -> Write:
    """A file in which these entries are others; ``None`` leaves one out."""
    found = {name: value for name, value in {**cifar_images(), **entries}.items() if value is not None}
    return file(lambda path: path.write_bytes(pickle.dumps(found, 2)))


def array(shape: bytes, kind: bytes = b"u1", data: bytes = bytes(12), fortran: bytes = b"\x89") -> bytes:
    """A pickle of a file whose array says this shape, by the calls that NumPy makes."""
    rebuilt = b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR"
    dtype = b"cnumpy\ndtype\n(U" + bytes([len(kind)]) + kind + b"K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    state = b"(K\x01" + shape + dtype + fortran + b"U" + bytes([len(data)]) + data + b"tb"
    labels = b"U\x0bfine_labels]K\x00aU\x09filenames]U\x01aaU\x0dcoarse_labels]K\x00a"
    return b"\x80\x02}(U\x04data" + rebuilt + state + labels + b"u."


def long(number: int) -> bytes:
    data = number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


ARRAYS = {
    "5 GiB": array(long(5 * 2**30) + b"\x85"),
    "a terabyte": array(long(2**30) + long(1024) + b"\x86"),
    "a size that overflows": array(long(2**62) + long(2**62) + b"\x86"),
    "a negative size": array(long(-4) + b"\x85"),
    "no bytes": array(long(3072) + b"\x85", data=b""),
    "other bytes": array(long(12) + b"\x85", data=bytes(5)),
    "objects": array(long(1) + b"\x85", b"O8"),
    "objects that are bytes": array(long(1) + b"\x85", b"O8", bytes(8)),
    "texts of a gigabyte": array(long(1) + b"\x85", b"S1073741824"),
    "a kind of no kind": array(long(1) + b"\x85", b"zz"),
}
CONTENTS: dict[str, Write] = {
    "no images": content(data=None),
    "no labels": content(fine_labels=None),
    "labels of text": content(fine_labels=["x"] * 4),
    "labels below 0": content(fine_labels=[-1] * 4),
    "labels of 10^30": content(fine_labels=[10**30] * 4),
    "labels of NaN": content(fine_labels=[float("nan")] * 4),
    "fewer labels": content(fine_labels=[0]),
    "labels without end": content(fine_labels=[0] * 3_000_000),
    "labels of lists": content(fine_labels=[[0]] * 4),
    "a label of no class": content(fine_labels=[7] * 4),
    "images of text": content(data="x"),
    "images of another size": content(data=np.zeros((4, 7), np.uint8)),
    "images of objects": content(data=np.zeros((4, 3072), object)),
    "images of fractions": content(data=np.full((4, 3072), np.nan)),
    "images of whole numbers": content(data=np.zeros((4, 3072), np.int64)),
    "images of one axis": content(data=np.zeros(3072, np.uint8)),
    "a list": file(lambda path: path.write_bytes(pickle.dumps([1, 2], 2))),
    "a number": file(lambda path: path.write_bytes(pickle.dumps(3, 2))),
    "classes of numbers": file(lambda path: path.write_bytes(pickle.dumps({"fine_label_names": 3}, 2)), "meta"),
    "classes twice": file(lambda path: path.write_bytes(pickle.dumps({"fine_label_names": ["a", "a"]}, 2)), "meta"),
    "classes with markup": file(lambda path: path.write_bytes(pickle.dumps({"fine_label_names": ["[/x]\x1b[31m", "b"]}, 2)), "meta"),
    "no classes": file(lambda path: path.write_bytes(pickle.dumps({}, 2)), "meta"),
}
HARMLESS = (
    "classes twice",
    "classes with markup",
    "images of fractions",
    "images of whole numbers",
    "images of objects",
    "classes of numbers",
)


CIFAR: tuple[Case, ...] = (
    twin(ENTRY, "as released", tree("cifar"), READER),
    twin(ENTRY, "protocol 4", file(lambda path: path.write_bytes(pickle.dumps(cifar_images(), 4))), READER),
    twin(ENTRY, "an entry more", content(note="ü"), READER),
    *(Case(ENTRY, f"calls {name}", file(lambda path, call=call: path.write_bytes(call)), READER) for name, call in CALLS.items()),
    *(Case(ENTRY, f"an array of {name}", file(lambda path, data=data: path.write_bytes(data)), READER) for name, data in ARRAYS.items()),
    *(Case(ENTRY, name, write, READER, EITHER if name in HARMLESS else (REFUSED,)) for name, write in CONTENTS.items()),
    *(
        Case(ENTRY, name, file(lambda path, change=change: path.write_bytes(change(path.read_bytes()))), READER, EITHER)
        for name, change in damages(8)
    ),
    *(Case(ENTRY, f"{name} instead of a file", file(change), READER) for name, change in NO_FILES.items()),
)
