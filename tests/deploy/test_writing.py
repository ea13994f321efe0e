"""A folder is written whole or not at all, over nothing, and says what it lacks."""

from __future__ import annotations

import builtins
import dataclasses
import errno
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.commands.runs import run
from tests.deploy.trained import checkpoint, module, photograph
from vireid import Embedder
from vireid.deploy import OnnxEmbedder, verify, writer
from vireid.deploy.folder import read_card, write_card
from vireid.errors import CheckpointError, FolderError, MissingFileError, OutputError, SettingsError


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    return Embedder.load(checkpoint(module(), tmp_path_factory.mktemp("tiny") / "tiny.ckpt"))


@pytest.fixture
def saved(embedder: Embedder, tmp_path: Path) -> Path:
    embedder.save_pretrained(tmp_path / "saved")
    return tmp_path / "saved"


def test_weights_without_graphs(embedder: Embedder, saved: Path, tmp_path: Path) -> None:
    assert {path.name for path in saved.iterdir()} == {"weights.safetensors", "genotype.json", "card.json", "probe.npz", "README.md"}
    again = Embedder.from_pretrained(saved)
    image = photograph(tmp_path / "a.png")
    np.testing.assert_array_equal(again.embed(image, "visible"), embedder.embed(image, "visible"))
    assert verify(saved).differences == {}
    with pytest.raises(FolderError, match="holds weights and no graphs: `vireid export` writes graphs"):
        OnnxEmbedder(saved)
    again.save_pretrained(tmp_path / "again")
    assert (tmp_path / "again" / "weights.safetensors").read_bytes() == (saved / "weights.safetensors").read_bytes()


def test_what_exists_is_not_overwritten(embedder: Embedder, saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (saved / "card.json").read_bytes()
    with pytest.raises(OutputError, match=r"saved' exists, and nothing is overwritten"):
        embedder.save_pretrained(saved)
    (tmp_path / "empty").mkdir()
    for target in (saved, tmp_path / "empty"):
        outcome = run(capsys, "export", tmp_path / "absent.ckpt", "--output", target)
        assert (outcome.code, "exists, and nothing is overwritten" in outcome.err) == (2, True)
    assert (saved / "card.json").read_bytes() == before


@pytest.mark.parametrize("step", ["write_network", "write_probe", "write_card", "_flush"])
def test_a_full_disk_leaves_nothing(step: str, embedder: Embedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(writer, step, full)
    with pytest.raises(OutputError, match=r"Cannot write '.*saved' \(No space left on device\); nothing was left there"):
        embedder.save_pretrained(tmp_path / "saved")
    assert list(tmp_path.iterdir()) == []


def test_a_graph_that_differs_is_not_written(embedder: Embedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "onnx_graph", lambda *_: b"")
    monkeypatch.setattr(writer, "measured", lambda *_: {"visible": float("nan"), "infrared": 0.0})
    with pytest.raises(FolderError, match="The graph of visible images differs by nan from the network"):
        writer.write_folder(tmp_path / "out", embedder.network, embedder, graphs=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime", "safetensors"])
def test_an_absent_package_is_named(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    original = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.split(".")[0] == package:
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)
        return original(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    outcome = run(capsys, "export", "any.ckpt", "--output", tmp_path / "out")
    assert outcome.code == 2
    assert f"To export a network takes {package}: pip install 'vireid[export]'" in outcome.err


def test_weights_of_another_network_and_foreign_classes(saved: Path, embedder: Embedder, tmp_path: Path) -> None:
    card = read_card(saved)
    other = {**card.task, "init_args": {**card.task["init_args"], "num_classes": 9}}
    write_card(saved, dataclasses.replace(card, task=other))
    with pytest.raises(FolderError, match=r"are of another network than the card describes: classifier.weight is"):
        Embedder.load(saved)
    write_card(saved, dataclasses.replace(card, task={"class_path": "os.system", "init_args": {}}))
    with pytest.raises(CheckpointError, match=r"asks to import 'os.system'"):
        Embedder.load(saved)
    write_card(saved, dataclasses.replace(card, task={"class_path": "vireid.losses.CrossEntropy", "init_args": {}}))
    with pytest.raises(CheckpointError, match="describes a CrossEntropy, not a RetrainModule"):
        Embedder.load(saved)
    with pytest.raises(SettingsError, match="leave `height` and `width` out"):
        Embedder.load(saved, height=8, width=8)


def test_a_card_that_asks_for_what_this_version_cannot_do(saved: Path) -> None:
    card = read_card(saved)
    write_card(saved, dataclasses.replace(card, feature="logits"))  # type: ignore[arg-type]
    with pytest.raises(FolderError, match="`feature` must be embeddings or features, got 'logits'"):
        read_card(saved)
    for name in ("../weights.safetensors", "/dev/zero"):
        write_card(saved, dataclasses.replace(card, files={name: ""}))
        with pytest.raises(FolderError, match=rf"the file '{name}' lies outside of the folder"):
            read_card(saved)


def test_names_of_repositories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saved: Path) -> None:
    with pytest.raises(MissingFileError, match="There is no folder '/no/folder/there'"):
        Embedder.from_pretrained("/no/folder/there")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(SettingsError, match=r"To download the repository of that name: pip install 'vireid\[hub\]'"):
        Embedder.from_pretrained("somebody/network")

    class Hub:
        @staticmethod
        def snapshot_download(name: str) -> str:
            if name != "somebody/network":
                raise OSError("404 Not Found")
            return str(saved)

    monkeypatch.setitem(sys.modules, "huggingface_hub", Hub)
    assert Embedder.from_pretrained("somebody/network", batch_size=3).batch_size == 3
    with pytest.raises(MissingFileError, match="no repository of that name: 404 Not Found"):
        Embedder.from_pretrained("somebody/else")
