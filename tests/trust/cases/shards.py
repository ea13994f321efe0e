"""``list.npz`` and ``embeddings.npz`` of a test that was embedded in parts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.trust.case import READ, REFUSED, Case, twin
from tests.trust.cases.making import NO_FILES, Write, damages
from vireid.results.shard_files import note_digest
from vireid.results.shard_lists import read_list

ENTRY = "shards"
EVALUATE = ("evaluate", "out/shards")  # it writes its results there
LIST, FIRST, LAST = "list.npz", "shard-1-of-2/embeddings.npz", "shard-2-of-2/embeddings.npz"
EITHER = (READ, REFUSED)
Change = Callable[[dict[str, Any]], dict[str, Any]]


def moved(change: Callable[[Path], object]) -> Write:
    """Copy the good folder, and change the copy."""

    def write(folder: Path, good: Path) -> None:
        shutil.copytree(good / "shards", folder / "out" / "shards")
        change(folder / "out" / "shards")

    return write


def rewritten(change: Change, *names: str) -> Write:
    """The good folder with other arrays in some files, and with digests that fit, as who wants to harm would write them."""

    def write(root: Path) -> None:
        for name in names:
            with np.load(root / name) as file:
                arrays = dict(file.items())
            np.savez(root / name, **{key: value for key, value in {**arrays, **change(arrays)}.items() if value is not None})
        if LIST in names:
            try:
                digest = np.array(read_list(root).digest)
            except Exception:  # it is refused in any case
                digest = np.array("")
            for name in (FIRST, LAST):
                with np.load(root / name) as file:
                    np.savez(root / name, **{**dict(file.items()), "list": digest})
        for name in (FIRST, LAST):
            note_digest(root / name)

    return moved(write)


def texts(**changed: str) -> Change:
    return lambda _: {name: np.array(value) for name, value in changed.items()}


def about(**more: Any) -> Change:
    return lambda arrays: {"about": np.array(json.dumps({**json.loads(str(arrays["about"])), **more}))}


PARTS: dict[str, Change] = {
    "no text about the model": lambda _: {"about": None},
    "a text about the model that is no JSON": texts(about="{[/x]"),
    "a text about the model without end": texts(about="[" * 100_000),
    "a text about the model in many brackets": texts(about="[" * 900 + "]" * 900),
    "a list about the model": texts(about="[1]"),
    "a table in tables about the model": about(note=json.loads("[" * 200 + "]" * 200)),
    "results about the model": about(results=[]),
    "a place about the model": about(path="/tmp/owned"),
    "another format about the model": about(format="x"),
    "positions of text": lambda arrays: {"positions": np.array(["x"] * len(arrays["positions"]))},
    "positions below zero": lambda arrays: {"positions": arrays["positions"] - 10**9},
    "positions beyond the list": lambda arrays: {"positions": arrays["positions"] + 2**62},
    "positions twice": lambda arrays: {"positions": np.zeros_like(arrays["positions"])},
    "positions in a table": lambda arrays: {"positions": arrays["positions"][:, None]},
    "fewer positions": lambda arrays: {"positions": arrays["positions"][:1]},
    "no positions": lambda _: {"positions": None},
    "names of embeddings as a number": lambda _: {"variants": np.array(3)},
    "no names of embeddings": lambda _: {"variants": np.array([], "U1")},
    "names of embeddings twice": lambda arrays: {"variants": np.repeat(arrays["variants"], 2)},
    "embeddings that are not there": lambda _: {"variants": np.array(["[/x]\x1b[31m"])},
    "positions as embeddings": lambda _: {"variants": np.array(["positions"])},
    "embeddings of NaN": lambda arrays: {str(arrays["variants"][0]): np.full_like(arrays[str(arrays["variants"][0])], np.nan)},
    "embeddings of text": lambda arrays: {str(arrays["variants"][0]): np.array(["x"] * len(arrays["positions"]))},
    "embeddings of objects": lambda arrays: {str(arrays["variants"][0]): np.array([{}] * len(arrays["positions"]))},
    "embeddings of no numbers": lambda arrays: {str(arrays["variants"][0]): np.empty((len(arrays["positions"]), 0), np.float32)},
    "another list": texts(list="x"),
}
LISTS: dict[str, Change] = {
    "another version": lambda _: {"version": np.array(99)},
    "a version of text": lambda _: {"version": np.array("[/x]\x1b[31m")},
    "a version of many": lambda _: {"version": np.zeros(3)},
    "labels of text": lambda arrays: {"pids": arrays["pids"].astype(str)},
    "labels of fractions": lambda arrays: {"pids": arrays["pids"] + 0.5},
    "labels of complex numbers": lambda arrays: {"pids": arrays["pids"] * 1j},
    "labels in a table": lambda arrays: {"pids": arrays["pids"][:, None], "camids": arrays["camids"][:, None]},
    "fewer labels": lambda arrays: {"pids": arrays["pids"][:2]},
    "no cameras": lambda _: {"camids": None},
    "people as numbers": lambda arrays: {"people": arrays["pids"]},
    "no protocol": lambda arrays: {name: None for name in arrays if name.startswith("setting.")},
    "a protocol as a number": lambda _: {"setting.0": np.array(3)},
    "a protocol of two words": lambda _: {"setting.0": np.array(["x", "y"])},
    "a protocol with a rule of nobody": lambda arrays: {"setting.0": np.array([arrays["setting.0"][0], "[/x]", *arrays["setting.0"][2:]])},
    "a protocol twice": lambda arrays: {"setting.1": arrays["setting.0"]},
    "a protocol without a trial": lambda arrays: {"setting.0": np.array([*arrays["setting.0"][:3], "0"])},
    "a protocol of trials without end": lambda arrays: {"setting.0": np.array([*arrays["setting.0"][:3], "9" * 18])},
    "a protocol of trials of 5,000 digits": lambda arrays: {"setting.0": np.array([*arrays["setting.0"][:3], "9" * 5000])},
    "queries beyond the list": lambda arrays: {"query.0.0": arrays["query.0.0"] + 2**62},
    "queries of fractions": lambda arrays: {"query.0.0": arrays["query.0.0"] + 0.5},
    "no queries": lambda _: {"query.0.0": np.empty(0, np.int64)},
    "no gallery": lambda _: {"gallery.0.0": np.empty(0, np.int64)},
}
NAMED: dict[str, Change] = {
    "a protocol with markup": lambda arrays: {"setting.0": np.array(["[/x]\x1b[31m", *arrays["setting.0"][1:]])},
    "people with markup": lambda arrays: {"people": np.array(["[/x]\x1b[31m"] * len(arrays["pids"]))},
}


def replaced(name: str, change: Callable[[bytes], bytes], honest: bool) -> Write:
    """Damage a file; ``honest``: its digest is that of the file before."""

    def write(root: Path) -> None:
        (root / name).write_bytes(change((root / name).read_bytes()))
        if not honest:
            note_digest(root / name)

    return moved(write)


SHARDS: tuple[Case, ...] = (
    twin(ENTRY, "as written", moved(lambda _: None), EVALUATE),
    twin(ENTRY, "without a digest, as a killed job leaves it", moved(lambda root: (root / f"{LAST}.sha256").unlink()), EVALUATE),
    twin(ENTRY, "with a remark in brackets", rewritten(about(remark="[/x] ü"), FIRST, LAST), EVALUATE, shows="[/x] ü"),
    *(Case(ENTRY, name, rewritten(change, FIRST, LAST), EVALUATE) for name, change in PARTS.items()),
    *(Case(ENTRY, f"{name}, in one part", rewritten(change, LAST), EVALUATE) for name, change in PARTS.items()),
    *(Case(ENTRY, name, rewritten(change, LIST), EVALUATE) for name, change in LISTS.items()),
    *(Case(ENTRY, name, rewritten(change, LIST), EVALUATE, EITHER) for name, change in NAMED.items()),
    Case(ENTRY, "a part is missing", moved(lambda root: (root / LAST).unlink()), EVALUATE),
    Case(ENTRY, "parts of two divisions", moved(lambda root: (root / "shard-1-of-9").mkdir()), EVALUATE),
    Case(ENTRY, "parts of a million", moved(lambda root: (root / "shard-1-of-2").rename(root / "shard-1-of-1000000")), EVALUATE),
    Case(ENTRY, "a part of none", moved(lambda root: (root / "shard-0-of-0").mkdir()), EVALUATE, EITHER),
    Case(ENTRY, "a part twice", moved(lambda root: (root / LAST).write_bytes((root / FIRST).read_bytes())), EVALUATE),
    *(Case(ENTRY, f"the list: {name}", replaced(LIST, change, True), EVALUATE, EITHER) for name, change in damages(11)),
    *(Case(ENTRY, f"a part: {name}", replaced(LAST, change, True), EVALUATE, EITHER) for name, change in damages(12)),
    *(Case(ENTRY, f"a part with its digest: {name}", replaced(LAST, change, False), EVALUATE, EITHER) for name, change in damages(13)),
    *(
        Case(ENTRY, f"{name} instead of {what}", moved(lambda root, put=put, what=what: put(root / what)), EVALUATE)  # type: ignore[misc]
        for name, put in NO_FILES.items()
        for what in (LIST, LAST, f"{LAST}.sha256")
    ),
)
