"""Properties of the four readers that other people's files reach first: checkpoint, genotype, list and .mat."""

from __future__ import annotations

import copy
import io
import json
import math
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
import torch
from hypothesis import given, settings, strategies as st

from tests.damage import inside, places
from tests.trust.fuzz.targets import TARGETS
from tests.trust.good import SPACE, genotype
from vireid import Genotype, RetrainModule
from vireid.data.datasets.index import read_index
from vireid.data.datasets.mat5 import read_mat
from vireid.data.datasets.sysu import read_ids
from vireid.errors import CheckpointError, GenotypeError, VireidError
from vireid.tasks import read_checkpoint
from vireid.tasks.checkpoints import SECTION

few = settings(max_examples=40, deadline=None, derandomize=True, database=None)
many = settings(max_examples=150, deadline=None, derandomize=True, database=None)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(["vireid.RetrainModule", "os.system"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | st.sampled_from(["class_path", "init_args"]), inner, max_size=4)
    ),
    max_leaves=12,
)


def read(name: str, content: bytes, reader: Callable[[Path], Any]) -> Any:
    """What a reader makes of the bytes; its error if it refuses them with one of ours."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            return reader(path)
        except VireidError as error:
            return error


# --- bytes --------------------------------------------------------------------------------------------------------------------------


@many
@given(st.sampled_from(sorted(TARGETS)), st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(target: str, content: bytes) -> None:
    TARGETS[target](content)


# --- checkpoint ---------------------------------------------------------------------------------------------------------------------


@cache
def checkpoint() -> bytes:
    task = RetrainModule(3, "stem_separate", SPACE, weights=None)
    content: dict[str, Any] = {"state_dict": task.state_dict(), "epoch": 1, "global_step": 2}
    task.on_save_checkpoint(content)
    return saved(content)


def saved(content: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


@few
@given(st.integers(0, 10**9), st.integers(1, 255))
def test_a_changed_byte_of_a_checkpoint_shows_or_changes_nothing(place: int, change: int) -> None:
    whole = checkpoint()
    content = bytearray(whole)
    content[place % len(content)] ^= change
    found, good = (read("a.ckpt", data, read_checkpoint) for data in (bytes(content), whole))
    if not isinstance(found, CheckpointError):
        assert found[SECTION] == good[SECTION]
        assert all(torch.equal(value, good["state_dict"][name]) for name, value in found["state_dict"].items())
        assert len(found["state_dict"]) == len(good["state_dict"])


@few
@given(st.data())
def test_a_checkpoint_of_other_settings_is_rebuilt_or_refused(data: st.DataObject) -> None:
    content = torch.load(io.BytesIO(checkpoint()), weights_only=True)
    keys = data.draw(st.sampled_from(list(places(content[SECTION]["model"], 3))))
    inside(content[SECTION]["model"], keys[:-1])[keys[-1]] = data.draw(PLAIN)
    found = read("a.ckpt", saved(content), RetrainModule.load_from_checkpoint)
    assert isinstance(found, (RetrainModule, VireidError))


# --- genotype -----------------------------------------------------------------------------------------------------------------------


@many
@given(PLAIN)
def test_a_genotype_of_any_values_is_read_as_it_stands_or_refused(value: Any) -> None:
    for content in (value, {**genotype(), "space": value}, {**genotype(), "choices": value}, {**genotype(), "provenance": value}):
        try:
            found = Genotype.from_dict(copy.deepcopy(content))
        except GenotypeError:
            continue
        assert json.dumps(found.to_dict()) == json.dumps(content)


@few
@given(st.data())
def test_a_genotype_with_another_value_fits_its_space_or_says_what_does_not(data: st.DataObject) -> None:
    content = genotype()
    keys = data.draw(st.sampled_from(list(places(content, 2))))
    inside(content, keys[:-1])[keys[-1]] = data.draw(PLAIN)
    TARGETS["genotype"](json.dumps(content).encode("utf-8", "surrogatepass"))


# --- lists --------------------------------------------------------------------------------------------------------------------------

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16")
ENDS = ("\n", "\r\n", "\r")
NAME = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters="/\\:."), min_size=1, max_size=12)


@many
@given(st.lists(st.integers(0, 10**18 - 1), min_size=1), st.sampled_from(ENCODINGS), st.sampled_from((",", ", ", "\n", "\r\n")))
def test_identities_are_read_from_any_text(numbers: list[int], encoding: str, separator: str) -> None:
    assert read("ids.txt", separator.join(map(str, numbers)).encode(encoding), read_ids) == tuple(sorted(set(numbers)))


@many
@given(
    st.lists(st.tuples(NAME, NAME, st.integers(0, 999)), min_size=1, unique_by=lambda row: row[:2]),
    st.sampled_from(ENCODINGS),
    st.sampled_from(ENDS),
    st.sampled_from("/\\"),
)
def test_paths_are_read_from_any_list(rows: list[tuple[str, str, int]], encoding: str, end: str, slash: str) -> None:
    text = end.join(f"{folder}{slash}{name}.bmp {label}" for folder, name, label in rows)
    found = read("list.txt", text.encode(encoding), lambda path: read_index(path.parent, path.name, "x"))
    assert found == [(f"{folder}/{name}.bmp", label) for folder, name, label in rows]


@many
@given(st.lists(st.sampled_from(["..", ".", "a", "b", "", "/", "\\", "C:", "~", "x.bmp"]), min_size=1, max_size=8), st.sampled_from("/\\"))
def test_no_path_of_a_list_leads_out_of_its_folder(parts: list[str], slash: str) -> None:
    found = read("list.txt", f"{slash.join(parts)} 1\n".encode(), lambda path: read_index(path.parent, path.name, "x"))
    if not isinstance(found, VireidError):
        ((path, _),) = found
        assert Path("/data", path).resolve().is_relative_to("/data")
        assert not Path(path).is_absolute()


# --- .mat ---------------------------------------------------------------------------------------------------------------------------

KINDS = ("f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")
ARRAY = st.tuples(st.sampled_from(KINDS), st.lists(st.integers(0, 4), min_size=2, max_size=3), st.integers(0, 2**32)).map(
    lambda of: np.random.default_rng(of[2]).integers(0, 100, of[1]).astype(of[0])
)


def cells(values: list[Any]) -> np.ndarray[Any, Any]:
    found = np.empty((1, len(values)), object)
    for index, value in enumerate(values):
        found[0, index] = value
    return found


VARIABLE = st.recursive(ARRAY, lambda inner: st.lists(inner, min_size=1, max_size=3).map(cells), max_leaves=6)


@few
@given(st.dictionaries(st.sampled_from("abcd"), VARIABLE, min_size=1, max_size=3), st.booleans())
def test_what_scipy_writes_is_read(variables: dict[str, Any], packed: bool) -> None:
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, variables, do_compression=packed)
    found = read("a.mat", buffer.getvalue(), read_mat)
    assert set(found) == set(variables)
    assert all(same(found[name], value) for name, value in variables.items())


def same(found: Any, value: Any) -> bool:
    if value.dtype != object:
        return bool(found.dtype == value.dtype and found.shape == value.shape and (found == value).all())
    return found.shape == value.shape and all(map(same, found.ravel(), value.ravel()))


@few
@given(st.integers(0, 10**9), st.integers(1, 255), st.booleans())
def test_a_damaged_mat_file_holds_no_more_than_its_bytes(place: int, change: int, packed: bool) -> None:
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, {"a": cells([np.arange(6.0).reshape(2, 3), np.ones((2, 2), np.uint8)])}, do_compression=packed)
    content = bytearray(buffer.getvalue())
    content[place % len(content)] ^= change
    found = read("a.mat", bytes(content), read_mat)
    if not isinstance(found, VireidError):
        assert sum(math.prod(value.shape) for value in found.values()) <= 8 * len(content)
