"""What the fuzzer calls with its bytes. An error of ours is right; every other exception is found."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.trust.good import SPACE, genotype
from vireid.data.datasets.index import read_index
from vireid.data.datasets.mat5 import read_mat
from vireid.data.datasets.sysu import read_ids
from vireid.data.datasets.table import read_table
from vireid.errors import VireidError
from vireid.models.published.loading import read_state
from vireid.search import resolve_genotype
from vireid.tasks import read_checkpoint

MAT = Path(__file__).parent.parent.parent / "golden" / "sysu-protocol" / "rand_perm_cam.mat"
HEADER = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"


@contextlib.contextmanager
def written(name: str, content: bytes) -> Iterator[Path]:
    """A file in a folder that no fuzzer before left something in."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:  # noqa: PTH112 (one call)
        path = Path(folder) / name
        path.write_bytes(content)
        yield path


def survives(name: str, content: bytes, *readers: Callable[[Path], object]) -> None:
    with written(name, content) as path, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for reader in readers:
            with contextlib.suppress(VireidError):
                reader(path)


def checkpoint(content: bytes) -> None:
    """The first byte says what the others are: a file, or the pickle in an archive as torch writes it."""
    if content[:1] == b"\0":
        content = archive(content[1:])
    survives("a.ckpt", content, read_checkpoint, read_state)


def archive(pickled: bytes) -> bytes:
    """An archive of torch with this pickle and one storage."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, data in {"data.pkl": pickled, "byteorder": b"little", "data/0": bytes(64), "version": b"3\n"}.items():
            file.writestr(f"a/{name}", data)
    return buffer.getvalue()


def genotype_file(content: bytes) -> None:
    """A genotype, ours or of a published system, and whether it is one of its space."""
    for name in ("g.json", "l.cfg", "a.txt"):
        survives(name, content, resolve_genotype, lambda path: SPACE.validate(resolve_genotype(path)))


def image_list(content: bytes) -> None:
    """Lists of images, lists of identities, and tables."""
    readers = (lambda path: read_index(path.parent, path.name, "x"), read_ids, lambda path: read_table(path, path.parent))
    survives("a.txt", content, *readers)


def mat(content: bytes) -> None:
    """A file, or what follows the head of one."""
    survives("a.mat", content, read_mat)
    survives("a.mat", HEADER + content, read_mat)


TARGETS: dict[str, Callable[[bytes], None]] = {"checkpoint": checkpoint, "genotype": genotype_file, "list": image_list, "mat": mat}


def seeds(target: str) -> list[bytes]:
    """Good files to begin with."""
    import json

    import torch

    if target == "checkpoint":
        found = []
        for content in (
            {
                "state_dict": {"a": torch.ones(2, 3)},
                "epoch": 1,
                "vireid": {"version": 2, "model": {"class_path": "vireid.X", "init_args": {}}},
            },
            {"net": {"a": torch.ones(2, 3)}, "epoch": 1},
        ):
            buffer = io.BytesIO()
            torch.save(content, buffer)
            with zipfile.ZipFile(buffer) as file:
                found += [buffer.getvalue(), b"\0" + file.read("archive/data.pkl")]
        return [*found, b"\0" + pickle.dumps({"a": [1, 2.5, "x", None, (1,), {"b": True}]}, 2)]
    if target == "genotype":
        return [json.dumps(genotype()).encode(), b"0 1 " * 26 + b"0", b"OSBlockINv1 " * 6, b'{"layers": [[3, 5, 1], [5, 7, 2], [3, 7, 1]]}']
    if target == "list":
        return [b"Visible/1/a.bmp 0\nThermal/1/b.bmp 1\n", b"1,2,3", "path,pid,modality\na/1.png,1,visible\n".encode("utf-16")]
    return [MAT.read_bytes()[:4000], MAT.read_bytes()[128:600]]
