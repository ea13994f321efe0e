"""Checkpoints of published projects become ours, and are tested by the same command."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
import torch
from torch import Tensor

from tests.published_files import Spelling, agw_file, torchreid_file
from vireid import RetrainModule
from vireid.cli import main
from vireid.commands.configs import packaged_configs
from vireid.commands.convert.command import convert_parser, default_config
from vireid.commands.convert.conversion import add_model_options, build
from vireid.data.synthetic import write_dataset
from vireid.models import BNNeckHead, FullyConnectedHead, TwoStreams, to_cmnas_state
from vireid.models.published.agw import reference_names as agw_names
from vireid.models.published.cgrnet import cgrnet_name
from vireid.models.published.iv_reid import iv_reid_name
from vireid.models.published.systems import SYSTEMS
from vireid.search import BNSeparation, INPlacement, OSNetAIN

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


NAMES: dict[str, Callable[[list[str]], dict[str, str]]] = {
    "agw": agw_names,
    "caj": agw_names,
    "cgrnet": lambda names: {name: cgrnet_name(name) for name in names},
    "hhrg": lambda names: {name: cgrnet_name(name, hhrg=True) for name in names},
    "iv-reid": lambda names: {name: iv_reid_name(name) for name in names},
}
DEAD = {  # what each public code keeps of its further whole networks
    "agw": "base_resnet.base.fc.weight",
    "caj": "thermal_module.thermal.layer4.1.bn2.weight",
    "cgrnet": "visible_block.base.layer3.0.bn1.weight",
    "hhrg": "fc_global_6_list.0.weight",
}


def as_published(system: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """A small network of ``system`` with values of its own: its state in our names and in the published ones."""
    parser = convert_parser()
    add_model_options(parser)
    options = parser.parse_args(["", "--from", system, "--output", "", *default_config(["--from", system]), *SMALL])
    published_system = SYSTEMS[system]
    module = build(options, published_system, {published_system.classifier: torch.zeros(7, 1)})
    state = module.network.state_dict()
    ours = {name: torch.rand(value.shape) if value.is_floating_point() else value for name, value in state.items()}
    names = NAMES[system](list(ours))
    return ours, {names[name]: value for name, value in ours.items()}


def test_every_published_system_has_names() -> None:
    assert {*NAMES, "cdnet", "cm-nas", "torchreid"} == set(SYSTEMS)


@pytest.mark.parametrize("system", NAMES)
def test_states_of_published_systems(system: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours, theirs = as_published(system)
    assert len(theirs) == len(ours)
    assert set(theirs) != set(ours)
    dead = {DEAD[system]: torch.zeros(2)} if system in DEAD else {}
    torch.save({"net": {**theirs, **dead, "of.nobody": torch.zeros(1)}, "epoch": 80, "mAP": 0.5}, tmp_path / "best.t")
    output = tmp_path / "ours.ckpt"
    words = ["convert", str(tmp_path / "best.t"), "--from", system, "--output", str(output), *SMALL]
    assert "0 entries of the network are not in the file, 1 of the file have no place here" in refused(words, capsys)
    assert not output.exists()
    main([*words, "--partial", "true"])
    loaded = RetrainModule.load_from_checkpoint(output)
    assert {name: value.shape for name, value in loaded.network.state_dict().items()} == {name: value.shape for name, value in ours.items()}
    assert all(torch.equal(loaded.network.state_dict()[name], value) for name, value in ours.items())
    rows = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    counts = [int(row.split("│")[2]) for row in rows if row.startswith("│") and row.split("│")[2].strip().isdigit()]
    assert counts == [len(ours), len(dead), 1, 0]


def test_osnet(tmp_path: Path) -> None:
    module = RetrainModule(7, "osnet_ain", OSNetAIN("x0_25"), None, head=FullyConnectedHead(), seed=5)
    published_state = {re.sub(r"^network\.(backbone\.trunk\.|neck\.)?", "", name): value for name, value in module.state_dict().items()}
    torch.save({"state_dict": published_state}, tmp_path / "osnet.pth")
    words = ["--model.space.width", "x0_25", "--model.genotype", "osnet_ain"]
    main(["convert", str(tmp_path / "osnet.pth"), "--from", "torchreid", "--output", str(tmp_path / "ours.ckpt"), *words])
    loaded = RetrainModule.load_from_checkpoint(tmp_path / "ours.ckpt").state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in module.state_dict().items())


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
    assert "No entry of" in refused(complete, capsys)
    torch.save({"net": network().network}, source)
    message = refused(complete, capsys)
    assert "holds something other than tensors and plain values: it asks for vireid.models.network.ReIDNetwork." in message
    assert "save its `state_dict()`" in message
    assert "weights_only" not in message  # torch's advice to run what the file brings
    assert not output.exists()
    output.write_text("mine")
    assert "exists, and nothing is overwritten" in refused(complete, capsys)
    assert output.read_text() == "mine"


@pytest.mark.parametrize("spelling", get_args(Spelling))
def test_files_as_the_public_scripts_write_them(spelling: Spelling, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours, theirs = as_published("agw")
    agw_file(tmp_path / "sysu_agw_best.t", theirs, spelling)
    output = tmp_path / "ours.ckpt"
    main(["convert", str(tmp_path / "sysu_agw_best.t"), "--from", "agw", "--output", str(output), *SMALL])
    loaded = RetrainModule.load_from_checkpoint(output).network.state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in ours.items())
    told = " ".join(capsys.readouterr().out.split())
    assert "--data.height 288 --data.width 144 --ckpt" in told
    assert "height 288 and width 144 are the recipe's. The file does not tell its own" in told


def test_a_torchreid_file_with_optimiser_and_schedule(tmp_path: Path) -> None:
    module = RetrainModule(7, "all_shared", INPlacement("osnet_x0_25"), None, head=FullyConnectedHead(), seed=5)
    published_state = {re.sub(r"^network\.(backbone\.trunk\.|neck\.)?", "", name): value for name, value in module.state_dict().items()}
    torchreid_file(tmp_path / "model.pth.tar-150", published_state)
    words = ["convert", str(tmp_path / "model.pth.tar-150"), "--from", "torchreid", "--output", str(tmp_path / "ours.ckpt")]
    main([*words, "-c", "osnet_ain/osnet.yaml", "--model.space.backbone", "osnet_x0_25"])  # a layer: the head is the default recipe's
    loaded = RetrainModule.load_from_checkpoint(tmp_path / "ours.ckpt").state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in module.state_dict().items())


def test_a_recipe_replaces_the_default_one(tmp_path: Path) -> None:
    """AGW's base method pools by the mean. The default recipe, which would stay below it, pools by GeM and has non-local blocks."""
    module = RetrainModule(7, "all_shared", SPACE, None, trunk_parts=[TwoStreams(until="maxpool")], seed=3)
    names = agw_names(module.network.state_dict())
    agw_file(tmp_path / "base.t", {names[name]: value for name, value in module.network.state_dict().items()})
    words = ["convert", str(tmp_path / "base.t"), "--from", "agw", "--output", str(tmp_path / "ours.ckpt")]
    main([*words, "-c", "train/agw_base.yaml", *SMALL])
    loaded = RetrainModule.load_from_checkpoint(tmp_path / "ours.ckpt")
    assert isinstance(loaded.head, BNNeckHead)
    assert loaded.head.pooling is None
    assert [type(part) for part in loaded.trunk_parts] == [TwoStreams]
    images = torch.rand(4, 3, 64, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        outputs = [network.eval()(images, 2).branches[0].embeddings for network in (module.network, loaded.network)]
    assert torch.equal(*outputs)


def test_a_base_recipe_says_what_it_does_without() -> None:
    """Laid over the recipe with all parts, it gives the same network as alone."""
    parser = convert_parser()
    add_model_options(parser)
    required = ["", "--from", "agw", "--output", ""]
    configs = [["-c", str(packaged_configs() / f"train/{name}.yaml")] for name in ("agw", "agw_base")]
    alone, over = (parser.parse_args([*required, *words]).model.as_dict() for words in (configs[1], configs[0] + configs[1]))
    assert alone == over
