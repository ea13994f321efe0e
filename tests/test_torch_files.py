"""Files of torch: what others write beside tensors, checksums, and what is refused."""

from __future__ import annotations

import logging
import pickle
import zipfile
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from tests.published_files import Spelling, agw_file, flipped, rewritten, torchreid_file, written
from vireid.errors import CheckpointError
from vireid.torch_files import NumpyValue, read_published, read_torch_file, wrong_checksum

STATE = {"conv.weight": torch.arange(600.0).reshape(20, 30), "bn.num_batches_tracked": torch.tensor(7)}


@pytest.mark.parametrize("archive", [True, False])
@pytest.mark.parametrize("spelling", get_args(Spelling))
def test_values_of_numpy_beside_the_tensors(spelling: Spelling, archive: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    agw = agw_file(tmp_path / "agw.t", STATE, spelling, archive)
    assert f"c{spelling}.multiarray\n".encode() in agw.read_bytes()
    content = read_published(agw)
    assert all(torch.equal(content["net"][name], value) for name, value in STATE.items())
    assert content["epoch"] == 20
    assert all(isinstance(content[name], NumpyValue) for name in ("cmc", "mAP", "mINP"))
    content = read_published(torchreid_file(tmp_path / "osnet.pth.tar-150", STATE, spelling, archive))
    assert torch.equal(content["state_dict"]["module.conv.weight"], STATE["conv.weight"])
    assert content["scheduler"]["milestones"] == {2: 1, 3: 1}
    assert isinstance(content["rank1"], NumpyValue)
    assert not caplog.records


def test_values_of_numpy_are_not_built(tmp_path: Path) -> None:
    """NumPy would believe a type whose bytes are pointers, and an array of 128 TB."""
    content = {"w": torch.ones(2), "pointers": np.zeros(2, [("a", "O")]), "large": np.zeros((3, 1))}
    path = written(tmp_path / "a.t", content)
    shape, large = b"K\x03K\x01\x86", b"\x8a\x06" + (2**44).to_bytes(6, "little") + b"K\x01\x86"
    assert shape in path.read_bytes()
    rewritten(path, lambda name, data: data.replace(shape, large))
    read = read_published(path)
    assert isinstance(read["pointers"], NumpyValue)
    assert isinstance(read["large"], NumpyValue)


def test_our_own_files_hold_no_numpy(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"other than tensors and plain values: it asks for numpy\._?core\.multiarray\.scalar\."):
        read_torch_file(written(tmp_path / "a.t", {"x": np.float64(1)}))


def test_torch_does_not_advise_to_run_what_a_file_brings(tmp_path: Path) -> None:
    torch.save({"net": torch.nn.Linear(2, 2)}, tmp_path / "whole.t")
    (tmp_path / "protocol.t").write_bytes(pickle.dumps({"a": "b"}, 2) + b"\x95")
    (tmp_path / "text.t").write_bytes(b"text")
    (tmp_path / "empty.t").write_bytes(b"")
    for path in tmp_path.iterdir():
        with pytest.raises(CheckpointError, match=rf"{path.name}' (holds something|is damaged)") as caught:
            read_published(path)
        assert "weights_only" not in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "call",
    [
        b"cbuiltins\nbytearray\n",
        b"c__builtin__\nbytearray\n",
        b"ctorch\nFloatTensor\n",
        b"ctorch\nTensor\n",
        b"ctorch.sparse\nFloatTensor\n",
        b"ctorch.storage\nUntypedStorage\n",
        b"ctorch.storage\nTypedStorage\n",
    ],
)
def test_nothing_is_made_of_a_size_that_the_file_only_names(call: bytes, tmp_path: Path) -> None:
    """Torch calls these for any pickle; ``8 * 2**40`` bytes would be asked for."""
    path = written(tmp_path / "a.t", {"a": 1})
    number = b"\x8a\x06" + (2**43).to_bytes(6, "little")
    rewritten(path, lambda name, data: b"\x80\x02" + call + number + b"\x85R." if name.endswith("data.pkl") else data)
    name = call[1:-1].decode().replace("\n", ".")
    with pytest.raises(CheckpointError, match=f"it asks for {name}"):
        read_published(path)


def test_no_buffer_is_made_for_a_text_that_is_not_there(tmp_path: Path) -> None:
    path = written(tmp_path / "a.t", {"a": 1})
    rewritten(path, lambda name, data: b"\x80\x02X\xff\xff\xff\xffabc." if name.endswith("data.pkl") else data)
    with pytest.raises(CheckpointError, match="expected 4294967295 bytes"):
        read_published(path)


# --- checksums ----------------------------------------------------------------------------------------------------------------------


def test_a_wrong_checksum_of_somebody_elses_file_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = agw_file(tmp_path / "agw.t", STATE)
    assert wrong_checksum(path) == ""
    flipped(path, STATE["conv.weight"].numpy().tobytes())
    assert torch.load(path, weights_only=False)["net"]["conv.weight"][0, 0] != 0  # torch itself does not look
    read_published(path)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert f"{path}: the checksum of " in caplog.text


def test_a_file_without_checksums_is_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(STATE, tmp_path / "a.t")
    finally:
        torch.serialization.set_crc32_options(before)
    assert torch.equal(read_published(tmp_path / "a.t")["conv.weight"], STATE["conv.weight"])
    assert not caplog.records


def test_packed_archives_are_refused_before_they_are_unpacked(tmp_path: Path) -> None:
    torch.save({"w": torch.zeros(10**6)}, tmp_path / "a.t")
    path = rewritten(tmp_path / "a.t", lambda name, data: data, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 10**5
    with pytest.raises(CheckpointError, match=r"a\.t' is a packed archive"):
        wrong_checksum(path)


def test_a_flipped_bit_is_found_or_changes_nothing(tmp_path: Path) -> None:
    torch.save(STATE, tmp_path / "a.t")
    content = (tmp_path / "a.t").read_bytes()
    found = 0
    for place in range(0, len(content), 11):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        (tmp_path / "b.t").write_bytes(damaged)
        try:
            if wrong_checksum(tmp_path / "b.t"):
                found += 1
                continue
            state = read_torch_file(tmp_path / "b.t")
        except CheckpointError:
            found += 1
            continue
        assert all(torch.equal(state[name], value) for name, value in STATE.items()), place
    assert found > sum(value.nbytes for value in STATE.values()) // 11  # the others are padding, dates and the like
