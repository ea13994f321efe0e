"""Whatever is wrong with a file, its reader reads it or says so in an error of ours."""

from __future__ import annotations

import json
import math
import pickle
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.damage import damaged_bytes, damaged_values
from tests.published_files import agw_file, rewritten
from vireid import Genotype, RetrainModule
from vireid.commands.jobs.job import read as read_job
from vireid.commands.layers import read_layers
from vireid.commands.study.scores import read_scores
from vireid.data.datasets.cifar import CIFAR100Source
from vireid.data.datasets.mat5 import read_mat
from vireid.errors import VireidError
from vireid.models.published.loading import read_state
from vireid.results import read_results
from vireid.search import BNSeparation, resolve_genotype
from vireid.tasks import EMA, SGD, WarmupCosine, read_checkpoint

SPACE = BNSeparation("resnet10", width=8)
MAT = Path(__file__).parent / "golden" / "sysu-protocol" / "rand_perm_cam.mat"
RESULTS = {
    "format": "vireid.metrics",
    "version": 1,
    "command": "test",
    "results": [
        {
            "protocol": "regdb/visible-to-infrared",
            "remark": "",
            "variant": "",
            "images_sha256": "0" * 64,
            "queries": 2,
            "values": {name: [0.5, 0.6] for name in ("rank1", "rank5", "rank10", "rank20", "mAP", "mINP")},
        }
    ],
}


def survives(read: Callable[[Path], Any], path: Path, variants: Iterator[tuple[str, bytes]]) -> dict[bool, int]:
    """Read every variant. Counts of those that were refused (true) and read (false)."""
    counts = {True: 0, False: 0}
    for what, content in variants:
        path.write_bytes(content)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                read(path)
            counts[False] += 1
        except VireidError:
            counts[True] += 1
        except Exception as error:
            raise AssertionError(f"{path.name}, {what}: {type(error).__name__} {error}") from error
    return counts


def as_json(variants: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, bytes]]:
    return ((what, json.dumps(value).encode()) for what, value in variants)


def nested_lists(depth: int) -> bytes:
    return b"\x80\x02" + b"]" * depth + b"a" * (depth - 1) + b"."


# --- JSON ---------------------------------------------------------------------------------------------------------------------------

JSON: dict[str, tuple[Callable[[Path], Any], Any]] = {
    "genotype.json": (resolve_genotype, {**SPACE.baselines()["stem_separate"].to_dict(), "provenance": {"seed": 1, "data": {"trial": 1}}}),
    "cdnet.json": (resolve_genotype, json.loads((Path(__file__).parent.parent / "configs/cdnet/genotypes/cdnet.json").read_text())),
    "metrics.json": (read_results, RESULTS),
    "job.json": (
        read_job,
        {
            **{"format": "vireid.study.job", "version": 1, "name": "a", "settings": {"seed": 1}, "seconds": {"fit": 1.5}, "attempts": 1},
            "steps": [{"name": "fit", "module": "vireid.commands.run", "words": ["fit"], "clear": ""}],
        },
    ),
    "scores.json": (read_scores, {"format": "vireid.study.scores", "version": 1, "scores": {"bn1": 0.5}}),
}


@pytest.mark.parametrize("name", JSON)
def test_json(name: str, tmp_path: Path) -> None:
    read, content = JSON[name]
    counts = survives(read, tmp_path / name, damaged_bytes(json.dumps(content).encode()))
    counts[True] += survives(read, tmp_path / name, as_json(damaged_values(content)))[True]
    assert counts[True] > 20


def test_genotypes_that_nest_themselves(tmp_path: Path) -> None:
    content = SPACE.baselines()["stem_separate"].to_dict()
    for depth in (60, 400, 100_000):
        deep = json.dumps(content)[:-1] + ', "x": ' + "[" * depth + "]" * depth + "}"
        (tmp_path / "g.json").write_text(deep)
        with pytest.raises(VireidError, match=r"nested more than 50 deep|is not a JSON file"):
            Genotype.load(tmp_path / "g.json")
    (tmp_path / "g.json").write_text(json.dumps({**content, "version": 0}).replace('"version": 0', '"version": ' + "1" * 5000))
    with pytest.raises(VireidError, match="is not a JSON file"):
        Genotype.load(tmp_path / "g.json")


@pytest.mark.parametrize("name", ["list.cfg", "ain.txt"])
def test_lists_of_genotypes(name: str, tmp_path: Path) -> None:
    content = {"list.cfg": b"0 1 " * 26 + b"0\n", "ain.txt": b"OSBlockINv1, " * 6}[name]
    assert survives(resolve_genotype, tmp_path / name, damaged_bytes(content))[True] > 10


def test_configurations(tmp_path: Path) -> None:
    """They count as empty here, and the parser says what is wrong."""
    content = Path(__file__).parent.parent.joinpath("configs/train/agw.yaml").read_bytes()
    survives(lambda path: read_layers(["fit", "-c", str(path)]), tmp_path / "agw.yaml", damaged_bytes(content, 10))


# --- data ---------------------------------------------------------------------------------------------------------------------------


def test_matlab_files(tmp_path: Path) -> None:
    assert survives(read_mat, tmp_path / "a.mat", damaged_bytes(MAT.read_bytes(), 80))[True] > 10


@pytest.fixture
def cifar(tmp_path: Path) -> Path:
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    for name in ("train", "test"):
        images = np.zeros((4, 3072), np.uint8)
        content = {"filenames": list("abcd"), "fine_labels": [0, 1, 1, 0], "coarse_labels": [0] * 4, "data": images}
        (folder / name).write_bytes(pickle.dumps(content, 2))
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": ["a", "b"], "coarse_label_names": ["c"]}, 2))
    return folder


@pytest.mark.parametrize("name", ["train", "meta"])
def test_cifar(name: str, cifar: Path) -> None:
    def read(path: Path) -> Any:
        return CIFAR100Source(cifar.parent, True)

    content = pickle.loads((cifar / name).read_bytes())
    assert len(read(cifar).labels) == 4
    survives(read, cifar / name, damaged_bytes((cifar / name).read_bytes()))
    plain = {key: value for key, value in content.items() if key != "data"}
    variants = (
        (what, value if not isinstance(value, dict) or name == "meta" else {**value, "data": content["data"]})
        for what, value in damaged_values(plain)
    )
    assert survives(read, cifar / name, ((what, pickle.dumps(value, 2)) for what, value in variants))[True] > 20
    for data in (None, 3, [1], np.zeros((4, 7), np.uint8), np.zeros((3, 3072), np.uint8), np.zeros((4, 3072), object), "x"):
        if name == "train":
            survives(read, cifar / name, iter([("data", pickle.dumps({**content, "data": data}, 2))]))
    survives(read, cifar / name, iter([("nested", nested_lists(10_000))]))


# --- checkpoints --------------------------------------------------------------------------------------------------------------------


def module() -> RetrainModule:
    optimizer = SGD(0.05, schedule=WarmupCosine(4, 1), lr_factors={"trunk": 0.1})
    return RetrainModule(5, "stem_separate", SPACE, weights=None, optimizer=optimizer, ema=EMA(0.9), seed=3)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    task = module()
    content: dict[str, Any] = {"state_dict": task.state_dict(), "epoch": 1, "global_step": 2, "loops": {"fit_loop": {"state_dict": {}}}}
    task.on_save_checkpoint(content)
    torch.save(content, tmp_path_factory.mktemp("checkpoint") / "a.ckpt")
    return content


def test_bytes_of_a_checkpoint(checkpoint: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    torch.save(checkpoint, path)
    assert survives(read_checkpoint, path, damaged_bytes(path.read_bytes(), 100))[True] > 90


def test_values_of_a_checkpoint(checkpoint: dict[str, Any], tmp_path: Path) -> None:
    """Sound values give a module. A genotype is in the settings, so every seventh variant is enough for its many places."""
    path = tmp_path / "a.ckpt"
    small = {**checkpoint, "state_dict": {}}
    for number, (what, content) in enumerate(damaged_values({key: small[key] for key in small if key != "ema"}, most=1)):
        if number % 7:
            continue
        if isinstance(content, dict) and content.get("state_dict") == {}:
            content["state_dict"] = checkpoint["state_dict"]
        torch.save(content, path)
        survives(RetrainModule.load_from_checkpoint, path, iter([(what, path.read_bytes())]))


def test_a_checkpoint_that_nests_itself(checkpoint: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    torch.save({"state_dict": {}}, path)
    for depth in (100, 100_000):
        rewritten(path, lambda name, data, depth=depth: nested_lists(depth) if name.endswith("data.pkl") else data)
        assert survives(read_checkpoint, path, iter([("nested", path.read_bytes())]))[True] == 1


@pytest.mark.parametrize("archive", [True, False])
def test_published_weights(archive: bool, tmp_path: Path) -> None:
    path = agw_file(tmp_path / "agw.t", {"conv.weight": torch.ones(8, 3, 7, 7), "bn.bias": torch.zeros(8)}, archive=archive)
    assert survives(read_state, path, damaged_bytes(path.read_bytes(), 100))[True] > 10
    for wrong in (None, 3, "x", [1], {}, {1: torch.ones(2)}, {"a": None}, {"a": torch.eye(2).to_sparse()}, {"a": torch.tensor(math.nan)}):
        torch.save({"net": wrong}, path)
        assert survives(read_state, path, iter([(repr(wrong), path.read_bytes())]))[True] == 1
