"""OSNet-AIN by commands, from search to tested child, on generated people of one modality and of two; its other recipes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.commands.runs import results, run, small
from tests.golden.osnet_checks import close, golden, network_input
from tests.models.test_golden_osnet import letters, network, published
from vireid import Genotype, RetrainModule
from vireid.cli import main
from vireid.data.synthetic import write_dataset
from vireid.models import FullyConnectedHead
from vireid.structures import Batch
from vireid.tasks import read_checkpoint

pytestmark = pytest.mark.filterwarnings("ignore:.*hold fewer than 10 images:UserWarning")  # the trees are meant to be tiny
WIDTH = "--model.space.init_args.width=x0_25"
REST = "--trainer.callbacks.init_args.epochs=1"
UNIFORM = "--data.images_per_batch=6"
LAYOUTS = {"market1501": "market", "sysu": "sysu"}
FEWER = "--trainer.limit_train_batches=2"


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("drawn")
    return {
        name: write_dataset(folder / name, layout, identities=12, images=2, height=32, width=16)  # type: ignore[arg-type]
        for name, layout in LAYOUTS.items()
    }


UNCONFIRMED = "--model.derivation=vireid.search.Argmax"  # too few people for forks


def data_words(name: str, trees: dict[str, Path]) -> list[str]:
    return ["-c", f"osnet_ain/{name}.yaml", f"--data.root={trees[name]}"]


def last(folder: Path) -> str:
    return str(folder / "checkpoints" / "last.ckpt")


def protocols(checkpoint: str, folder: Path, *words: str) -> set[str]:
    main(["test", "--ckpt", checkpoint, "--run_dir", str(folder), *words])
    return {name.split("/")[0] for name in results(folder)}


@pytest.mark.parametrize("name", LAYOUTS)
def test_search_retrain_test(name: str, trees: dict[str, Path], tmp_path: Path) -> None:
    """Independent blocks on one modality, a shared trunk on two."""
    one = name == "market1501"
    common, sizes = data_words(name, trees), ["-c", str(small(tmp_path)), WIDTH, FEWER, *[UNIFORM] * one]
    search, child = tmp_path / "search", tmp_path / "child"
    shared = f"--model.space.init_args.shared_trunk={str(not one).lower()}"
    main(["fit", *common, "-c", "search/osnet_ain.yaml", *sizes, shared, "--run_dir", str(search)])
    genotype = Genotype.load(search / "genotype.json")
    words = [f"--model.genotype={search / 'genotype.json'}", REST]
    main(["fit", *common, "-c", "train/osnet_ain.yaml", *sizes, *words, "--run_dir", str(child)])
    saved = read_checkpoint(last(child))["vireid"]
    assert saved["model"]["init_args"]["genotype"]["choices"] == genotype.choices
    assert saved["data"]["init_args"].get("images_per_batch") == (6 if one else None)
    assert protocols(last(child), tmp_path / "test") == {name}


def test_everybody_of_one_dataset_for_a_test_on_another(
    trees: dict[str, Path], msmt17_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["-c", "osnet_ain/msmt17_all.yaml", f"--data.root={msmt17_root}"]
    sizes = ["-c", str(small(tmp_path)), WIDTH, UNIFORM, REST, FEWER]
    main(["fit", *words, "-c", "train/osnet_ain.yaml", *sizes, "--run_dir", str(tmp_path / "child")])
    module = RetrainModule.load_from_checkpoint(last(tmp_path / "child"))
    assert module.network.classifier is not None
    assert module.network.classifier.out_features == 7  # type: ignore[union-attr]  # four people of the lists of training, three of the test
    done = run(capsys, "test", "--ckpt", last(tmp_path / "child"), "--run_dir", tmp_path / "none")
    assert (done.code, "Test on another dataset" in done.err) == (2, True)
    there = ["--data=vireid.Market1501DataModule", f"--data.root={trees['market1501']}", "--data.train_on=train"]
    assert protocols(last(tmp_path / "child"), tmp_path / "test", *there) == {"market1501"}


@pytest.mark.parametrize("recipe", ["osnet", "osnet_ibn"])
def test_other_recipes(recipe: str, trees: dict[str, Path], tmp_path: Path) -> None:
    width = {"osnet": ["--model.space.init_args.backbone=osnet_x0_25"], "osnet_ibn": [WIDTH]}[recipe]
    words = ["-c", "train/osnet_ain.yaml", "-c", f"osnet_ain/{recipe}.yaml", "-c", str(small(tmp_path)), *width, UNIFORM, REST, FEWER]
    main(["fit", *data_words("market1501", trees), *words, "--run_dir", str(tmp_path / "run")])
    module = RetrainModule.load_from_checkpoint(last(tmp_path / "run"))
    found = {"osnet": {"shared_bn"}, "osnet_ibn": {"none", "out"}}
    assert set(module.genotype.choices.values()) == found[recipe]
    assert [round(module.optimizer.schedule(epoch), 6) for epoch in (0, 59, 60, 119, 120, 149)] == [1, 1, 0.1, 0.1, 0.01, 0.01]


def test_a_published_plain_osnet_converts_whole(tmp_path: Path) -> None:
    """Its stem is BN, so that its recipe, not that of OSNet-AIN, says what it is."""
    state = published(network("osnet_x0_25", 7), letters)
    torch.save({"state_dict": state}, tmp_path / "osnet.pth")
    words = ["-c", "osnet_ain/osnet.yaml", "--model.space.backbone", "osnet_x0_25", "--model.genotype", "all_shared"]
    main(["convert", str(tmp_path / "osnet.pth"), "--from", "torchreid", "--output", str(tmp_path / "ours.ckpt"), *words])
    module = RetrainModule.load_from_checkpoint(tmp_path / "ours.ckpt").double().eval()
    features = module.network(network_input("input.64x32", 2, 3, 64, 32), 2).embeddings
    close(features, golden("osnet_nets")["osnet_x0_25_64x32_feat"], 1e-5)  # weights in float32


def test_joint_norm_of_two_modalities(trees: dict[str, Path], tmp_path: Path) -> None:
    """Search of the normalisations of OSNet-AIN, and the network that it found."""
    data = ["-c", "data/sysu.yaml", f"--data.root={trees['sysu']}"]
    sizes = ["-c", str(small(tmp_path)), "--model.space.init_args.backbone=osnet_ain_x0_25", FEWER]
    search = ["-c", "search/cm_nas.yaml", "-c", "osnet_ain/joint_norm.yaml", "--model.strategy.warmup_epochs=1", UNCONFIRMED]
    held = ["--data.heldout=seeded", "--data.heldout_fraction=0.5"]
    main(["fit", *data, *search, *held, *sizes, "--run_dir", str(tmp_path / "search")])
    genotype = Genotype.load(tmp_path / "search" / "genotype.json")
    assert genotype.space["init_args"]["backbone"]["init_args"]["name"] == "osnet_ain_x0_25"
    assert {genotype.choices["conv5.bn"], genotype.choices["conv4.1.conv1.bn"]} <= {"shared_bn", "separate_bn"}
    child = RetrainModule(3, genotype.to_dict(), weights=None, head=FullyConnectedHead(32))
    assert child(Batch(torch.rand(4, 3, 32, 16), *[torch.zeros(4)] * 5, n_visible=2)).embeddings.shape == (4, 32)
