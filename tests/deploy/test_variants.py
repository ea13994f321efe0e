"""Graphs of lower precision, and OpenVINO's, beside those in single precision."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.commands.runs import run
from tests.deploy.trained import checkpoint, module, photograph, settle
from vireid.deploy import OnnxEmbedder, verify
from vireid.errors import FolderError

Capsys = pytest.CaptureFixture[str]


def calibration(tmp_path: Path) -> list[str]:
    """Folders of images of both modalities, as options."""
    for name, grey in (("day", False), ("night", True)):
        (tmp_path / name).mkdir()
        for seed in range(12):
            photograph(tmp_path / name / f"{seed}.png", seed, grey=grey)
    return ["--int8_visible", str(tmp_path / "day"), "--int8_infrared", str(tmp_path / "night")]


@pytest.mark.slow
@pytest.mark.parametrize("genotype", ["all_separate", "all_shared"])
def test_half_precision_and_eight_bits(genotype: str, tmp_path: Path, capsys: Capsys) -> None:
    task = module(genotype)
    settle(task.network, 48, 24)
    path = checkpoint(task, tmp_path / "any.ckpt", {"height": 48, "width": 24})
    outcome = run(capsys, "export", path, "--output", tmp_path / "out", "--fp16", *calibration(tmp_path))
    assert outcome.code == 0, outcome.err
    whole = OnnxEmbedder(tmp_path / "out")
    images = [tmp_path / "night" / f"{seed}.png" for seed in range(12)]
    expected = whole.embed(images, "infrared")
    assert np.abs(expected[0] - expected[1]).max() > 1e-3
    for precision, cosine, share in (("fp16", 0.9999, 0.55), ("int8", 0.99, 0.4)):
        folder = tmp_path / "out" / precision
        verify(folder)
        reduced = OnnxEmbedder(folder)
        assert reduced.card.precision == precision
        assert reduced.card.digest != whole.card.digest
        assert (reduced.embed(images, "infrared") * expected).sum(1).min() > cosine
        sizes = [sum(file.stat().st_size for file in place.glob("*.onnx")) for place in (folder, tmp_path / "out")]
        assert sizes[0] < share * sizes[1]
        (sidecar, *_) = folder.glob("*.metadata.json")
        assert json.loads(sidecar.read_text())["precision"] == precision
    (tmp_path / "out" / "int8" / "probe.npz").write_bytes(b"")
    with pytest.raises(FolderError, match=r"int8/probe.npz: its bytes are not those"):
        verify(tmp_path / "out")


@pytest.mark.slow
def test_openvino(tmp_path: Path, capsys: Capsys) -> None:
    pytest.importorskip("openvino")
    path = checkpoint(module("all_separate"), tmp_path / "any.ckpt")
    assert run(capsys, "export", path, "--output", tmp_path / "out", "--openvino").code == 0
    names = {"visible.xml", "visible.bin", "infrared.xml", "infrared.bin"}
    assert {file.name for file in (tmp_path / "out" / "openvino").iterdir()} == names
    assert max(verify(tmp_path / "out").card.parity["openvino"].values()) <= 1e-5  # type: ignore[index]


def test_what_is_missing_is_said_before_long_work(tmp_path: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    options = calibration(tmp_path)
    (tmp_path / "empty").mkdir()
    monkeypatch.setitem(sys.modules, "openvino", None)
    for words, match in [
        (options[:2], "Graphs of eight bits need images of both modalities: give `--int8_visible` and `--int8_infrared`"),
        ([*options[:3], str(tmp_path / "empty")], "`images` names no image"),
        (["--openvino"], r"OpenVINO is not installed: pip install 'vireid[openvino]'"),
    ]:
        outcome = run(capsys, "export", "absent.ckpt", "--output", tmp_path / "out", *words)
        assert outcome.code == 2
        assert match in outcome.err
    assert not (tmp_path / "out").exists()
