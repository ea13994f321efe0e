"""CDNet by command: search, training of what it found, test; on people of one modality and of two; every layer of its configurations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.classes import write_cifar100
from tests.commands.runs import logged, results, run, small
from vireid.cli import main
from vireid.commands.configs import packaged_configs
from vireid.models import FineGrainedHead, to_cdnet_state
from vireid.search import CombinedDepth, GumbelHard, Softmax, TopK
from vireid.structures import Genotype
from vireid.tasks import ClassificationModule, RetrainModule, SearchModule, Unrolled, read_checkpoint

NARROW = ["--model.space.init_args.operations=cnet_3", "--model.space.init_args.planes=[8,16,16,16]"]
LAYERS = sorted(path.name for path in (packaged_configs() / "cdnet").glob("*.yaml"))
SEARCHES = {"darts.yaml": (Softmax, "architecture_first", 9), "gdas.yaml": (GumbelHard, "weights_first", 12)}
pytestmark = pytest.mark.filterwarnings("ignore:.*hold fewer than 10 images:UserWarning")  # the trees are meant to be tiny


def last(folder: Path) -> Path:
    return folder / "checkpoints" / "last.ckpt"


@pytest.mark.parametrize(("data", "root"), [("market1501", "market_root"), ("sysu", "sysu_root")])
def test_search_train_test(data: str, root: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    common = ["-c", f"data/{data}.yaml", f"--data.root={request.getfixturevalue(root)}"]
    sizes = ["-c", str(small(tmp_path)), *NARROW]
    search, child = tmp_path / "search", tmp_path / "child"
    shorter = "--model.strategy.architecture_optimizer.schedule.milestones=[1]"
    main(["fit", *common, "-c", "search/cdnet.yaml", *sizes, shorter, "--run_dir", str(search)])
    genotype = Genotype.load(search / "genotype.json")
    assert set(genotype.choices) == {"cells.0", "cells.1", "cells.3", "cells.4", "cells.6", "cells.7"}
    assert genotype.provenance["data"]["search_split"] == "cdnet"
    main(["fit", *common, "-c", "train/cdnet.yaml", *sizes, f"--model.genotype={search / 'genotype.json'}", "--run_dir", str(child)])
    saved = read_checkpoint(last(child))
    assert saved["vireid"]["model"]["init_args"]["genotype"]["choices"] == genotype.choices
    assert (
        saved["state_dict"]["network.neck.local_classifier.bias"].shape == saved["state_dict"]["network.neck.global_classifier.bias"].shape
    )
    main(["test", "--ckpt", str(last(child)), "--run_dir", str(tmp_path / "test")])
    rows = results(tmp_path / "test")
    assert rows
    assert all(name.startswith(data.removesuffix("1501")) for name in rows)


def test_every_layer_is_tested_here_or_with_the_classes() -> None:
    assert set(LAYERS) == {
        *SEARCHES,
        "short.yaml",
        "msmt17_pretrained.yaml",
        "cifar100.yaml",
        "cifar100_search.yaml",
        "imagenet.yaml",
        "joint_norm.yaml",
    }


@pytest.mark.parametrize("layer", SEARCHES)
def test_other_relaxations(layer: str, market_root: Path, tmp_path: Path) -> None:
    relaxation, order, operations = SEARCHES[layer]
    words = ["fit", "-c", "data/market1501.yaml", "-c", "search/cdnet.yaml", "-c", f"cdnet/{layer}", f"--data.root={market_root}"]
    sizes = ["-c", str(small(tmp_path)), "--model.space.init_args.planes=[8,16]", "--model.space.init_args.stages=[1]"]
    shorter = "--model.strategy.architecture_optimizer.schedule.milestones=[1]"
    main([*words, *sizes, shorter, "--run_dir", str(tmp_path / "run")])
    module = SearchModule.load_from_checkpoint(last(tmp_path / "run"))
    strategy = module.strategy
    assert type(strategy.weight_relaxation) is type(strategy.relaxation) is relaxation
    assert relaxation is not TopK
    assert (strategy.order, type(strategy) is Unrolled, len(module.space.sites()[0].candidates)) == (
        order,
        layer == "darts.yaml",
        operations,
    )
    assert not (module.architecture.logits == 0).all()
    temperatures = logged(tmp_path / "run")["search/temperature"]
    assert temperatures == pytest.approx([10.0, 0.1] if layer == "gdas.yaml" else [1.0, 1.0])


@pytest.mark.parametrize(
    ("layer", "lr", "milestones"), [("short.yaml", 0.065, [50, 75, 100]), ("msmt17_pretrained.yaml", 0.045, [150, 225])]
)
def test_layers_of_training(layer: str, lr: float, milestones: list[int], msmt17_root: Path, tmp_path: Path) -> None:
    words = ["fit", "-c", "data/msmt17.yaml", "-c", "train/cdnet.yaml", "-c", f"cdnet/{layer}", f"--data.root={msmt17_root}"]
    sizes = ["-c", str(small(tmp_path)), *NARROW, "--model.genotype=all_3x5", "--trainer.max_epochs=1", "--trainer.limit_train_batches=1"]
    main([*words, *sizes, "--run_dir", str(tmp_path / "run")])
    module = RetrainModule.load_from_checkpoint(last(tmp_path / "run"))
    settings: Any = module.optimizer.schedule.settings()["init_args"]
    assert (module.optimizer.lr, settings["milestones"]) == (lr, milestones)


def test_weights_of_a_classification_start_a_training(market_root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    narrow = [*NARROW, "--model.genotype=all_3x5", "--trainer.accelerator=cpu", "--trainer.max_epochs=1", "--data.num_workers=0"]
    root = write_cifar100(tmp_path / "data", train=8)
    classes = ["fit", "-c", "data/cifar100.yaml", "-c", "cdnet/cifar100.yaml", f"--data.root={root}", "--data.batch_size=4", *narrow]
    main([*classes, "--model.space.init_args.small=false", "--run_dir", str(tmp_path / "classes")])
    weights = last(tmp_path / "classes")
    words = [
        "fit",
        "-c",
        "data/market1501.yaml",
        "-c",
        "train/cdnet.yaml",
        f"--data.root={market_root}",
        "-c",
        str(small(tmp_path)),
        *narrow,
    ]
    main([*words, f"--model.weights={weights}", "--model.optimizer.init_args.lr=0", "--run_dir", str(tmp_path / "people")])
    theirs, ours = (read_checkpoint(path)["state_dict"] for path in (weights, last(tmp_path / "people")))
    copied = [name for name in ours if name.startswith("network.backbone") and name.endswith("weight")]
    assert len(copied) > 50
    assert all((ours[name] == theirs[name]).all() for name in copied)
    assert "of the file are not used: " in caplog.text  # the neck
    assert isinstance(ClassificationModule.load_from_checkpoint(weights), ClassificationModule)


def test_norms_of_two_modalities(sysu_root: Path, tmp_path: Path) -> None:
    words = ["fit", "-c", "data/sysu.yaml", "-c", "search/cm_nas.yaml", "-c", "cdnet/joint_norm.yaml", f"--data.root={sysu_root}"]
    sizes = ["-c", str(small(tmp_path)), "--model.space.init_args.backbone=cnet_x0_25", "--trainer.limit_train_batches=1"]
    quick = ["--model.strategy.warmup_epochs=0", "--trainer.max_epochs=1", "--data.heldout_fraction=0.5"]
    quick += ["--model.derivation=vireid.search.Argmax"]  # too few people for forks
    main([*words, *sizes, *quick, "--run_dir", str(tmp_path / "run")])
    genotype = Genotype.load(tmp_path / "run" / "genotype.json")
    assert len(genotype.choices) == 54
    assert genotype.space["init_args"]["backbone"]["init_args"]["name"] == "cnet_x0_25"
    module = SearchModule.load_from_checkpoint(last(tmp_path / "run"))
    assert len(module.space.encode(genotype)) == 9
    child = RetrainModule(4, genotype.to_dict(), None, None, head=module.head).eval()
    assert child.network.embed(torch.zeros(3, 3, 32, 16), 1).shape == (3, 128 + 256)


def test_a_published_checkpoint_becomes_ours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layers, planes = [[3, 5], [5, 7], [3, 7], [3, 5], [5, 7], [3, 7]], (8, 16, 16, 16)
    (tmp_path / "best_genotype.json").write_text(json.dumps({"layers": layers}))
    space = CombinedDepth("cnet_3", planes=planes)
    names = ["x".join(map(str, layer)) for layer in layers]
    module = RetrainModule(7, space.from_names(names).to_dict(), None, None, head=FineGrainedHead(), seed=5)
    state = {f"module.{name}": value for name, value in to_cdnet_state(module.network).items()}
    torch.save(state, tmp_path / "cnet.pth")
    words = ["convert", str(tmp_path / "cnet.pth"), "--from", "cdnet", "--output", str(tmp_path / "ours.ckpt")]
    own = ["--model.space.operations", "cnet_3", "--model.space.planes", str(list(planes))]
    main([*words, *own, "--model.genotype", str(tmp_path / "best_genotype.json")])
    loaded = RetrainModule.load_from_checkpoint(tmp_path / "ours.ckpt").network.state_dict()
    assert loaded["neck.local_classifier.weight"].shape[0] == 7
    weights = [name for name in loaded if not name.endswith("num_batches_tracked")]
    assert all(torch.equal(loaded[name], module.network.state_dict()[name]) for name in weights)
    done = run(capsys, *words, *own)
    assert (done.code, "does not say which blocks it has" in done.err) == (2, True)


def test_a_published_genotype_by_command(market_root: Path, tmp_path: Path) -> None:
    path = tmp_path / "best_genotype.json"
    path.write_text(json.dumps({"layers": [[3, 5], [5, 7], [3, 7], [3, 5], [5, 7], [3, 7]]}))
    words = [
        "fit",
        "-c",
        "data/market1501.yaml",
        "-c",
        "train/cdnet.yaml",
        f"--data.root={market_root}",
        "-c",
        str(small(tmp_path)),
        *NARROW,
    ]
    main([*words, f"--model.genotype={path}", "--trainer.limit_train_batches=1", "--run_dir", str(tmp_path / "run")])
    choices = read_checkpoint(last(tmp_path / "run"))["vireid"]["model"]["init_args"]["genotype"]["choices"]
    assert list(choices.values()) == ["3x5", "5x7", "3x7", "3x5", "5x7", "3x7"]
