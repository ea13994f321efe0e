"""Checkpoints and published weights, by their bytes: archives of torch, and what torch wrote before them."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from tests.trust.case import READ, REFUSED, Case, twin
from tests.trust.cases.checkpoints import FILE, RESUME, TEST
from tests.trust.cases.making import NO_FILES, PLANTED, Write, bomb, both, damages, in_place, of_good, put
from vireid.models.published.loading import read_state
from vireid.tasks import read_checkpoint

ENTRY = "archive"
CHECKPOINT, PUBLISHED = partial(read_checkpoint, FILE), partial(read_state, FILE)
GOOD = "run/checkpoints/last.ckpt"


def pickled(module: str, name: str, *arguments: Any) -> bytes:
    """A pickle that calls a function."""
    body = b"".join(pickle.dumps(argument, 2)[2:-1] for argument in arguments)
    return b"\x80\x02c" + f"{module}\n{name}\n".encode() + b"(" + body + b"tR."


CALLS = {
    "os.system": pickled("os", "system", "touch owned"),
    "posix.system": pickled("posix", "system", "touch owned"),
    "exec": pickled("builtins", "exec", "open('owned', 'w')"),
    "eval of Python 2": pickled("__builtin__", "eval", "__import__('os').system('touch owned')"),
    "a planted class": pickled("planted_code", "Planted"),
    "a planted attribute": pickled("planted_code", "run"),
    "subprocess": pickled("subprocess", "Popen", ["touch", "owned"]),
    "open": pickled("io", "open", "owned", "w"),
    "getattr": pickled("builtins", "getattr", "x", "upper"),
    "torch.load": pickled("torch", "load", "x"),
    "torch.hub": pickled("torch.hub", "load", "x/y", "z"),
    "a JIT module": pickled("torch.jit", "load", "x"),
    "a function of vireid": pickled("vireid.cli", "main", ["data", "synthesize", "--root", "owned"]),
    "a network": pickled("torch.nn.modules.container", "Sequential"),
    "numpy.load": pickled("numpy", "load", "x", None, True),
    "a large array": pickled("numpy._core.multiarray", "_reconstruct", 0, [2**40], b"b"),
    "a dtype of objects": pickled("numpy", "dtype", "O8", 0, 1),
    "a bytearray of 8 GiB": pickled("builtins", "bytearray", 2**33),
    "a tensor of 32 GiB": pickled("torch", "FloatTensor", 2**33),
    "a tensor of any kind": pickled("torch", "Tensor", 2**20, 2**13),
    "a new tensor of 32 GiB": pickled("torch", "Tensor", 2**33)[:-2] + b"\x81.",
    "a sparse tensor of any kind": pickled("torch.sparse", "FloatTensor", 2**33, 2**33),
    "a storage of bytes": pickled("torch.storage", "UntypedStorage", 2**35),
    "a storage of numbers": pickled("torch.storage", "TypedStorage", 2**35),
    "a tensor on no device": pickled("torch._utils", "_rebuild_meta_tensor_no_storage", 1, (2**33,), (1,), False),
    "a set": pickled("builtins", "set", [1, 2]),
    "a counter": pickled("collections", "Counter", "x"),
    "an ordered dictionary of text": pickled("collections", "OrderedDict", "x"),
    "a tensor from nothing": pickled("torch._utils", "_rebuild_tensor_v2", None, 0, (2,), (1,), False, OrderedDict()),
    "a tensor of the wrong sizes": pickled("torch._utils", "_rebuild_tensor_v2", 1, -5, (2**40,), (2**40,), False, {}),
    "a sparse tensor": pickled("torch._utils", "_rebuild_sparse_tensor", 0, (1, 2, 3)),
    "a parameter of nothing": pickled("torch._utils", "_rebuild_parameter", None, False, {}),
    "a device": pickled("torch", "device", "cuda:99"),
    "a size": pickled("torch", "Size", [2**62, 2**62]),
    "a storage": pickled("torch", "FloatStorage", 2**33),
    "a type": pickled("torch._utils", "_rebuild_device_tensor_from_cpu_tensor", [1], "x", "cpu", False),
    "nothing": b"\x80\x02N.",
    "no end": b"\x80\x02]",
    "an empty pickle": b"",
    "a stack that is empty": b"\x80\x02R.",
    "a memo that is not there": b"\x80\x02h\x05.",
    "a memo of 4 GiB": b"\x80\x02]r\xff\xff\xff\xff.",
    "a text of 4 GiB": b"\x80\x02X\xff\xff\xff\xffabc.",
    "a number of a gigabyte": b"\x80\x02\x8b\xff\xff\xff\x3f" + bytes(10) + b".",
    "a persistent object": b"\x80\x02(X\x07\x00\x00\x00storageU\x01xtQ.",
    "a persistent object of nothing": b"\x80\x02NQ.",
    "lists in lists": b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".",
    "tuples in tuples": b"\x80\x02N" + b"\x85" * 100_000 + b".",
    "a list that holds itself": b"\x80\x02]q\x00h\x00a.",
    "protocol 5": pickle.dumps({"state_dict": {}}, 5),
    "protocol 0": b"cos\nsystem\n(S'touch owned'\ntR.",
    "an instruction of Python 2": b"(S'touch owned'\nios\nsystem\n.",
}


def archive(entries: dict[str, bytes], packing: int = zipfile.ZIP_STORED) -> bytes:
    """An archive as torch writes it, with these entries."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as file:
        for name, data in {"version": b"3\n", "byteorder": b"little", **entries}.items():
            file.writestr(f"archive/{name}", data)
    return buffer.getvalue()


def saved(content: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def rewritten(
    change: Callable[[str, bytes], bytes | None], packing: int = zipfile.ZIP_STORED, extra: dict[str, bytes] | None = None
) -> Callable[[bytes], bytes]:
    """Change the entries of an archive of torch; an entry that becomes ``None`` is left out."""

    def new(content: bytes) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w", packing) as file:
            for name in old.namelist():
                if (data := change(name, old.read(name))) is not None:
                    file.writestr(name, data)
            for name, data in (extra or {}).items():
                file.writestr(name, data)
        return buffer.getvalue()

    return new


def with_bomb(content: bytes) -> bytes:
    """An archive whose first storage unpacks to 3 GiB."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as file:
        for name in old.namelist():
            if name.endswith("/data/0"):
                bomb(file, name, b"", 3)
            else:
                file.writestr(name, old.read(name))
    return buffer.getvalue()


def lying(offset: int, value: int) -> Callable[[bytes], bytes]:
    """Change a size in the first record of the archive's directory."""

    def change(content: bytes) -> bytes:
        place = content.index(b"PK\x01\x02") + offset
        return content[:place] + struct.pack("<I", value) + content[place + 4 :]

    return change


ARCHIVES: dict[str, Callable[[bytes], bytes]] = {
    "packed": rewritten(lambda name, data: data, zipfile.ZIP_DEFLATED),
    "packed by LZMA": rewritten(lambda name, data: data, zipfile.ZIP_LZMA),
    "a bomb": with_bomb,
    "no pickle": rewritten(lambda name, data: None if name.endswith("data.pkl") else data),
    "no weights": rewritten(lambda name, data: None if "/data/" in name else data),
    "short weights": rewritten(lambda name, data: data[:10] if "/data/" in name else data),
    "no version": rewritten(lambda name, data: None if name.endswith("version") else data),
    "a version of text": rewritten(lambda name, data: b"[/x]\x1b[31m" if name.endswith("version") else data),
    "another order of bytes": rewritten(lambda name, data: b"middle" if name.endswith("byteorder") else data),
    "the other order of bytes": rewritten(lambda name, data: b"big" if name.endswith("byteorder") else data),
    "two pickles": rewritten(lambda name, data: data, extra={"other/data.pkl": CALLS["os.system"]}),
    "code beside": rewritten(
        lambda name, data: data, extra={"archive/code/a.py": b"open('owned', 'w')", "archive/constants.pkl": CALLS["os.system"]}
    ),
    "paths that lead out": rewritten(lambda name, data: data, extra={"../../owned": b"x", "/owned": b"x"}),
    "twenty thousand entries": rewritten(lambda name, data: data, extra={f"archive/{number}": b"" for number in range(20_000)}),
    "names with control bytes": rewritten(lambda name, data: data, extra={"archive/\x1b[31m[/x]": b"x"}),
    "a directory that lies about a size": lying(24, 2**31),
    "a directory that lies about a packed size": lying(20, 2**31),
    "a directory that lies about a checksum": lying(16, 12345),
    "a directory that lies about a place": lying(42, 2**31),
    "no directory": lambda content: content[: content.index(b"PK\x01\x02")],
    "a comment of 64 KiB": lambda content: content[:-2] + struct.pack("<H", 65535) + b"x" * 65535,
    "twice": lambda content: content + content,
}
MAY_BE_READ = (
    "two pickles",
    "code beside",
    "paths that lead out",
    "twenty thousand entries",
    "names with control bytes",
    "a comment of 64 KiB",
    "twice",
)
MAY_BE_READ += ("no version", "a version of text", "the other order of bytes", "packed", "packed by LZMA")


def both_readers(name: str, write: Write, codes: tuple[int, ...]) -> list[Case]:
    write = both(write, put("planted_code.py", PLANTED))
    return [
        Case(ENTRY, f"{name}, as a checkpoint", write, CHECKPOINT, codes),
        Case(ENTRY, f"{name}, as published weights", write, PUBLISHED, codes),
    ]


def all_cases() -> list[Case]:
    found = []
    for name, call in CALLS.items():
        found += both_readers(f"an archive that calls {name}", put(FILE, archive({"data.pkl": call})), (REFUSED,))
        found.append(
            Case(ENTRY, f"an old file that calls {name}", both(put(FILE, old_file(call)), put("planted_code.py", PLANTED)), PUBLISHED)
        )
    for name, change in ARCHIVES.items():
        codes = (READ, REFUSED) if name in MAY_BE_READ else (REFUSED,)
        found += [Case(ENTRY, name, of_good(GOOD, FILE, change), CHECKPOINT, codes)]
        found += [Case(ENTRY, f"{name}, as published weights", of_good(GOOD, FILE, change), PUBLISHED, (READ, REFUSED))]
    for name, change in damages(4):
        found += both_readers(name, of_good(GOOD, FILE, change), (READ, REFUSED))
        found += both_readers(f"{name} in an old file", of_good("old.pth", FILE, change), (READ, REFUSED))
    for name, put_ in NO_FILES.items():
        found += both_readers(f"{name} instead of a file", in_place(FILE, put_), (REFUSED,))
    for name, change in damages(1):
        found.append(Case(ENTRY, f"{name}, tested", of_good(GOOD, FILE, change), TEST, (READ, REFUSED)))
        found.append(Case(ENTRY, f"{name}, resumed", of_good(GOOD, FILE, change), RESUME, (READ, REFUSED)))
    return found


def old_file(call: bytes) -> bytes:
    """A file as torch wrote it before archives: a number, a version, the sizes of the machine, the content, the names of the storages."""
    head = b"".join(pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True}))
    return head + call + pickle.dumps([], 2)


ARCHIVE_CASES: tuple[Case, ...] = (
    twin(ENTRY, "of ours", of_good(GOOD, FILE, bytes), CHECKPOINT),
    twin(ENTRY, "of ours, as weights", of_good(GOOD, FILE, bytes), PUBLISHED),
    twin(ENTRY, "of torch before archives", of_good("old.pth", FILE, bytes), PUBLISHED),
    *all_cases(),
)
