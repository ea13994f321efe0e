"""Checkpoints of published projects become ours, and are tested by the same command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from vireid import RetrainModule
from vireid.cli import main
from vireid.data.synthetic import write_dataset
from vireid.models import to_cmnas_state
from vireid.search import BNSeparation

SPACE = BNSeparation("resnet10", width=8)
SMALL = ["--model.space", "vireid.search.BNSeparation", "--model.space.backbone", "resnet10", "--model.space.width", "8"]


def network(genotype: str = "stem_separate") -> RetrainModule:
    module = RetrainModule(7, genotype, SPACE, weights=None, seed=3)
    with torch.no_grad():
        for value in (*module.network.parameters(), *module.network.buffers()):
            if value.is_floating_point():
                value.add_(torch.rand(value.shape, generator=torch.Generator().manual_seed(value.numel())))
    return module


def published(module: RetrainModule) -> dict[str, Tensor]:
    return {f"module.{name}": value for name, value in to_cmnas_state(module.network).items()}


def test_a_converted_network_is_the_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    original = network()
    torch.save({"model": published(original), "ema": {}, "epoch": 3}, tmp_path / "best.pth")
    output = tmp_path / "ours.ckpt"
    main(["convert", str(tmp_path / "best.pth"), "--from", "cm-nas", "--output", str(output), *SMALL, "--model.genotype", "stem_separate"])
    loaded = RetrainModule.load_from_checkpoint(output)
    for name, value in original.network.state_dict().items():
        assert torch.equal(loaded.network.state_dict()[name], value), name
    assert loaded.genotype.choices == original.genotype.choices
    text = " ".join(capsys.readouterr().out.split())
    assert f"{len(original.network.state_dict())}" in text
    assert str(output) in text


@pytest.mark.filterwarnings("ignore:.* test folders under")
def test_a_converted_network_is_tested_by_the_same_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_dataset("people", "sysu", identities=20, images=2)
    torch.save(published(network()), "best.pth")
    main(["convert", "best.pth", "--from", "cm-nas", "--output", "ours.ckpt", *SMALL, "--model.genotype", "stem_separate"])
    small = ["--data.height", "64", "--data.width", "32", "--data.trials", "2", "--data.num_workers", "0"]
    main(["test", "-c", "data/sysu.yaml", "--data.root", "people", "--ckpt", "ours.ckpt", "--run_dir", "result", *small])
    found = json.loads((tmp_path / "result/metrics.json").read_text())
    assert all(0 < row["mean"]["mAP"] <= 1 for row in found["results"])


def test_another_key(tmp_path: Path) -> None:
    first, second = network(), network("all_shared")
    torch.save({"model": published(first), "ema": published(second)}, tmp_path / "best.pth")
    words = ["convert", str(tmp_path / "best.pth"), "--from", "cm-nas", "--output", str(tmp_path / "ours.ckpt"), *SMALL]
    main([*words, "--model.genotype", "all_shared", "--key", "ema"])
    loaded = RetrainModule.load_from_checkpoint(tmp_path / "ours.ckpt").network.state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in second.network.state_dict().items())


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    return " ".join(capsys.readouterr().err.split())


def test_refusals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, output = tmp_path / "best.pth", tmp_path / "ours.ckpt"
    words = ["convert", str(source), "--from", "cm-nas", "--output", str(output), *SMALL]
    complete = [*words, "--model.genotype", "all_shared"]
    assert "There is no file of weights" in refused(complete, capsys)
    torch.save({"model": published(network())}, source)
    assert "does not say which sites are separated" in refused(words, capsys)
    assert "holds no state dict: expected names and tensors, under 'ema'. The file has model." in refused(
        [*complete, "--key", "ema"], capsys
    )
    assert "holds another network than the configuration describes" in refused([*complete, "--model.space.width", "16"], capsys)
    torch.save({"encoder.weight": torch.zeros(3)}, source)
    assert "Not one entry of" in refused(complete, capsys)
    torch.save({"net": network().network}, source)
    assert "more than tensors and plain values" in refused(complete, capsys)
    assert not output.exists()
    output.write_text("mine")
    assert "exists, and nothing is overwritten" in refused(complete, capsys)
    assert output.read_text() == "mine"
