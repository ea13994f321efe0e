"""Small files that ask for a lot of memory or time are refused before anything takes it."""

from __future__ import annotations

import io
import json
import os
import pickle
import resource
import struct
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.published_files import rewritten
from vireid import Genotype, RetrainModule, SYSUDataModule, archives
from vireid.commands.layers import read_layers
from vireid.commands.study.settings import StudySettings
from vireid.data.datasets.cifar import CIFAR100Source
from vireid.data.datasets.mat5 import read_mat
from vireid.errors import CheckpointError, DatasetError, GenotypeError, ResultsError, SettingsError, VireidError
from vireid.models import allocations
from vireid.models.published.loading import read_state
from vireid.results import read_results
from vireid.search import BNSeparation, read_genotype, resolve_genotype, space_of
from vireid.tasks import read_checkpoint

GIGABYTE = 1 << 30
GROWTH = 400_000  # kB that a refusal may take: a few imports


@pytest.fixture(autouse=True)
def _little_memory() -> Iterator[None]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < GROWTH


# --- MATLAB -------------------------------------------------------------------------------------------------------------------------


def mat(*variables: bytes) -> bytes:
    return b"MATLAB 5.0".ljust(124) + b"\x00\x01IM" + b"".join(variables)


def element(kind: int, data: bytes) -> bytes:
    return struct.pack("<II", kind, len(data)) + data + b"\0" * (-len(data) % 8)


def cells(shape: tuple[int, ...], inside: bytes = b"") -> bytes:
    sizes = struct.pack(f"<{len(shape)}i", *shape)
    return element(14, element(6, struct.pack("<II", 1, 0)) + element(5, sizes) + element(1, b"a") + inside)


def nested(depth: int) -> bytes:
    inside = cells((0, 0))
    for _ in range(depth):
        inside = cells((1, 1), inside)
    return inside


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        (cells((1 << 30, 1)), "does not fit into the file"),
        (cells((1 << 30, 1 << 30)), "does not fit into the file"),
        (cells((-1, 8)), "does not fit into the file"),
        (nested(100), "nested more than 20 deep"),
        (struct.pack("<II", 15, 0), "cut off"),
        (element(15, zlib.compress(b"\0" * 200_000_000, 9)), "unpack to more than 100,000,000 bytes"),
    ],
)
def test_a_small_matlab_file_that_declares_a_lot(variable: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.mat").write_bytes(mat(variable))
    with pytest.raises(DatasetError, match=message):
        read_mat(tmp_path / "a.mat")


# --- pickles ------------------------------------------------------------------------------------------------------------------------

ARRAY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(J\xff\xff\xff\x7ftU\x01btR"
DOUBLED = b"c_codecs\nencode\n(" * 40 + b"c_codecs\nencode\n(X\x01\0\0\0aX\x06\0\0\0latin1tR" + b"X\x03\0\0\0hextR" * 40
PICKLES = {
    "array": (b"\x80\x02" + ARRAY + b".", "does not hold CIFAR-100"),
    "number of a value": (b"\x80\x02Nr\xff\xff\xff\x7f.", "numbered 2147483647"),
    "length of a text": (b"\x80\x02\x8d" + struct.pack("<Q", 5 * GIGABYTE) + b"a.", "damaged"),
    "doubled bytes": (b"\x80\x02" + DOUBLED + b".", "encodes bytes as bytes"),
    "numbers of eight bytes": (pickle.dumps({"data": np.zeros(4)}, 2), "something other than bytes"),
}


@pytest.mark.parametrize("name", PICKLES)
def test_a_small_file_of_cifar_that_declares_a_lot(name: str, tmp_path: Path) -> None:
    content, message = PICKLES[name]
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    for file in ("train", "test", "meta"):
        (folder / file).write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        CIFAR100Source(tmp_path, True)


def test_a_file_of_cifar_of_five_gigabytes(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    for file in ("train", "test", "meta"):
        (folder / file).touch()
        os.truncate(folder / file, 5 * GIGABYTE)  # it takes no space
    with pytest.raises(DatasetError, match="a file of CIFAR-100 has at most 200,000,000"):
        CIFAR100Source(tmp_path, True)


# --- results ------------------------------------------------------------------------------------------------------------------------


def header(shape: tuple[int, ...]) -> bytes:
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (header((100_000,)) + b"\0" * 800_000, "unpacks to more than 100,000 bytes"),
        (header((5 * GIGABYTE,)) + b"\0" * 8, "is not of the size that it names"),
        (b"no array", "damaged"),
    ],
)
def test_a_small_archive_of_arrays(array: bytes, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "LARGEST", 100_000)
    row: dict[str, Any] = dict.fromkeys(("protocol", "remark", "variant", "images_sha256"), "")
    row |= {"queries": 1, "values": {name: [0.5] for name in ("rank1", "rank5", "rank10", "rank20", "mAP", "mINP")}}
    (tmp_path / "metrics.json").write_text(json.dumps({"format": "vireid.metrics", "version": 1, "results": [row]}))
    with zipfile.ZipFile(tmp_path / "queries.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("names.npy", array)
    with pytest.raises(ResultsError, match=message):
        read_results(tmp_path)


# --- checkpoints --------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def checkpoint() -> dict[str, Any]:
    task = RetrainModule(5, "stem_separate", BNSeparation("resnet10", width=8), weights=None)
    content: dict[str, Any] = {"state_dict": task.state_dict(), "epoch": 1, "global_step": 2, "loops": {}}
    task.on_save_checkpoint(content)
    return content


def changed(checkpoint: dict[str, Any], **arguments: Any) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(json.dumps(checkpoint["vireid"]))
    content["model"]["init_args"] |= arguments
    return {**checkpoint, "vireid": content}


def test_a_checkpoint_that_asks_for_a_network_larger_than_itself(checkpoint: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    torch.save(checkpoint, path)
    assert RetrainModule.load_from_checkpoint(path).network.classifier.weight.shape[0] == 5
    head = {"class_path": "vireid.models.FullyConnectedHead", "init_args": {"out_features": 10**9}}
    for wrong in ({"num_classes": 16_000_000_000}, {"head": head}):
        torch.save(changed(checkpoint, **wrong), path)
        with pytest.raises(CheckpointError, match=r"a\.ckpt' asks for a network of more than .* GB, and at most 1\.5 GB"):
            RetrainModule.load_from_checkpoint(path)


def test_a_tensor_that_repeats_one_number(checkpoint: dict[str, Any], tmp_path: Path) -> None:
    for tensor in (torch.zeros(1).expand(5 * GIGABYTE), torch.zeros(1).expand(1000, 1000)):
        torch.save({**checkpoint, "optimizer_states": [{"state": {0: {"exp_avg": tensor}}}]}, tmp_path / "a.ckpt")
        with pytest.raises(CheckpointError, match="larger than its numbers in the file"):
            read_checkpoint(tmp_path / "a.ckpt")
    one = torch.zeros(1_000_000)
    torch.save({"net": {str(number): one for number in range(10_000)}}, tmp_path / "b.pth")
    with pytest.raises(CheckpointError, match="its tensors are larger than the file"):
        read_state(tmp_path / "b.pth")


@pytest.mark.parametrize("old", [False, True])
def test_a_pickle_of_torch_that_doubles_bytes(old: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    torch.save({"a": torch.zeros(2)}, path, _use_new_zipfile_serialization=not old)
    if old:
        content = path.read_bytes()
        path.write_bytes(content[: content.index(b"\x80\x02}", 50)] + b"\x80\x02" + DOUBLED + b".")
    else:
        rewritten(path, lambda name, data: b"\x80\x02" + DOUBLED + b"." if name.endswith("data.pkl") else data)
    with pytest.raises(CheckpointError, match="it encodes bytes as bytes"):
        read_state(path)


def test_one_long_text_in_many_places(checkpoint: dict[str, Any], tmp_path: Path) -> None:
    text = "x" * 1_000_000
    torch.save({**checkpoint, "vireid": {**checkpoint["vireid"], "more": [text] * 1000}}, tmp_path / "a.ckpt")
    with pytest.raises(CheckpointError, match="more than 1,000,000"):
        read_checkpoint(tmp_path / "a.ckpt")


# --- genotypes and configurations ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("BNSeparation", {"backbone": "resnet10", "width": 10**6}, "1 to 256"),
        ("BNSeparation", {"backbone": {"class_path": "vireid.models.Torchvision", "init_args": {"name": "vgg11_bn"}}}, "GB"),
        ("CombinedDepth", {"stages": [10**12, 1, 1]}, "1000 blocks at most"),
        ("CombinedDepth", {"stages": [2, 2, 2], "planes": [10**12] * 4}, ""),
    ],
)
def test_the_space_of_a_genotype(name: str, arguments: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocations, "LARGEST", 100_000_000)
    genotype = Genotype({"class_path": f"vireid.search.{name}", "init_args": arguments}, {"cells.0": "3x5-1"})
    if message:
        with pytest.raises(GenotypeError, match=message):
            space_of(genotype)
    else:
        assert space_of(genotype).sites()


def test_a_genotype_that_asks_for_a_network_of_gigabytes() -> None:
    space = {"class_path": "vireid.search.CombinedDepth", "init_args": {"planes": [40_000] * 4}}
    found = space_of(Genotype(space, {"cells.0": "3x5-1"}))
    genotype = found.genotype({site.name: site.candidates[0] for site in found.sites()}).to_dict()
    with pytest.raises(GenotypeError, match=r"asks for a network of more than .* GB"):
        RetrainModule(5, genotype, weights=None)


def test_yaml_that_means_more_than_it_holds(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    (tmp_path / "a.yaml").write_text("\n".join(lines))
    for read in (lambda path: read_layers(["fit", "-c", str(path)]), StudySettings.load):
        with pytest.raises(SettingsError, match="is too large: its values are nested more than 50 deep, or more than 10,000"):
            read(tmp_path / "a.yaml")


@pytest.mark.parametrize(("name", "value"), [("height", 10**6), ("width", 10**6), ("num_workers", 10**6), ("eval_batch_size", 10**9)])
def test_numbers_of_data(name: str, value: int, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=f"`{name}` must be at most"):
        SYSUDataModule(tmp_path, **{name: value})


# --- pipes --------------------------------------------------------------------------------------------------------------------------

READERS: dict[str, Callable[[Path], Any]] = {
    "genotype.json": resolve_genotype,
    "list.cfg": read_genotype,
    "list.txt": read_genotype,
    "a.ckpt": read_checkpoint,
    "a.pth": read_state,
    "a.mat": read_mat,
    "metrics.json": read_results,
    "a.yaml": StudySettings.load,
    "cifar-100-python/train": lambda path: CIFAR100Source(path.parent.parent, True),
    "cifar-100-python/meta": lambda path: CIFAR100Source(path.parent.parent, True),
}


@pytest.mark.parametrize("name", READERS)
def test_a_pipe_is_not_waited_for(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    os.mkfifo(path)
    found: list[BaseException] = []

    def read() -> None:
        try:
            READERS[name](path)
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()
    assert [isinstance(error, VireidError) for error in found] == [True]


def test_a_configuration_that_is_a_pipe_says_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yaml")
    assert [layer.content for layer in read_layers(["fit", "-c", str(tmp_path / "a.yaml")])] == [{}]


def test_what_these_files_look_like_when_they_are_right(tmp_path: Path) -> None:
    """The forged files above are refused for what they ask for, and not for their form."""
    (tmp_path / "a.mat").write_bytes(mat(cells((1, 1), cells((0, 0))), element(15, zlib.compress(cells((0, 3))))))
    assert [value.shape for value in read_mat(tmp_path / "a.mat").values()] == [(0, 3)]
    assert np.load(io.BytesIO(header((2,)) + b"\0" * 16)).tolist() == [0.0, 0.0]
