"""Search, retraining and test of networks that are chosen by class, by commands alone."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.commands.runs import results, run
from vireid import Genotype, RetrainModule, SearchModule
from vireid.data.synthetic import write_dataset
from vireid.errors import CheckpointError, GenotypeError
from vireid.search import BNSeparation, space_of
from vireid.tasks import ReIDModule

OWN = '''
from torch import nn

from vireid.models import Trunk


class Plain(Trunk):
    """Three convolutions with batch norms.

    Args:
        width: channels of the first; the others have twice and four times as many.
    """

    def __init__(self, width: int = 8) -> None:
        self.width = width

    def build(self, weights: str | None = None) -> nn.Module:
        layers, channels = [], 3
        for factor in (1, 2, 4):
            layers += [nn.Conv2d(channels, factor * self.width, 3, 2, 1), nn.BatchNorm2d(factor * self.width), nn.ReLU()]
            channels = factor * self.width
        return nn.Sequential(*layers)
'''
OWN_NAME = "plain_of_a_user.Plain"
TRUNKS = {
    "torchvision-efficientnet_b0": {"class_path": "vireid.models.Torchvision", "init_args": {"name": "efficientnet_b0"}},
    "torchvision-regnet_y_400mf": {"class_path": "vireid.models.Torchvision", "init_args": {"name": "regnet_y_400mf"}},
    "timm-efficientnet_b0": {"class_path": "vireid.models.Timm", "init_args": {"name": "efficientnet_b0"}},
    "own": {"class_path": OWN_NAME, "init_args": {"width": 6}},
}


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("people") / "regdb"
    write_dataset(folder, "regdb", identities=12, images=4, height=64, width=32)
    return folder


@pytest.fixture
def own_trunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module of a user's, in the folder in which commands are run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, OWN_NAME.partition(".")[0], raising=False)
    (tmp_path / f"{OWN_NAME.partition('.')[0]}.py").write_text(OWN)


def configuration(folder: Path, people: Path, model: str, **arguments: Any) -> list[str]:
    split = "image" if model == "SearchModule" else "none"
    sizes = {"height": 64, "width": 32, "identities_per_batch": 3, "images_per_identity": 2, "num_workers": 0, "search_split": split}
    content = {
        "model": {"class_path": f"vireid.{model}", "init_args": {"weights": None, **arguments}},
        "data": {"class_path": "vireid.RegDBDataModule", "init_args": {"root": str(people), **sizes}},
        "trainer": {"accelerator": "cpu", "max_epochs": 1, "limit_train_batches": 2, "enable_progress_bar": False},
    }
    path = folder / f"{model}.json"
    path.write_text(json.dumps(content))
    return ["fit", "-c", str(path)]


@pytest.mark.usefixtures("own_trunk")
@pytest.mark.filterwarnings("ignore::UserWarning:vireid.data")
@pytest.mark.parametrize("name", TRUNKS)
def test_search_retraining_and_test(name: str, people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = {
        "class_path": "vireid.search.JointNorm",
        "init_args": {"backbone": TRUNKS[name], "candidates": ["shared_bn", "separate_bn", "in"]},
    }
    strategy = {"class_path": "vireid.tasks.TwoLevels", "init_args": {"warmup_epochs": 0}}
    allow = ["--allow", OWN_NAME] if name == "own" else []
    search = configuration(tmp_path, people, "SearchModule", space=space, strategy=strategy)
    done = run(capsys, *search, "--run_dir", "search")
    assert done.code == 0, done.err
    state = torch.load("search/checkpoints/last.ckpt", weights_only=True)["state_dict"]
    logits = state["architecture.logits"]
    assert torch.isfinite(logits).all()
    assert logits.abs().sum(1).gt(0).all()
    genotype = Genotype.load("search/genotype.json")
    assert genotype.space["init_args"]["backbone"]["init_args"].items() >= TRUNKS[name]["init_args"].items()  # type: ignore[attr-defined]
    assert len(genotype.choices) == len(logits)
    retrain = configuration(tmp_path, people, "RetrainModule", genotype="search/genotype.json")
    assert run(capsys, *retrain, "--run_dir", "retrain", *allow).code == 0
    Path("elsewhere").mkdir()
    shutil.move("retrain/checkpoints/last.ckpt", "elsewhere/moved.ckpt")
    shutil.rmtree("search")
    assert run(capsys, "test", "--ckpt", "elsewhere/moved.ckpt", *allow).code == 0
    assert all(row["mean"]["mAP"] > 0 for row in results(tmp_path / "elsewhere" / "test-1").values())


@pytest.mark.usefixtures("own_trunk")
@pytest.mark.filterwarnings("ignore::UserWarning:vireid.data")
def test_a_file_that_names_a_class_of_the_users_is_refused_with_both_remedies(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from plain_of_a_user import Plain  # type: ignore[import-not-found]

    space = BNSeparation(Plain(6))
    genotype = space.baseline("stem_separate")
    genotype.save("genotype.json")
    with pytest.raises(GenotypeError, match=r"asks to import 'plain_of_a_user.Plain'.*`space=` in Python.*--allow plain_of_a_user.Plain"):
        space_of(genotype)
    words = configuration(tmp_path, people, "RetrainModule", genotype="genotype.json")
    refused = run(capsys, *words)
    assert refused.code == 2
    assert "`model.space` in YAML" in refused.err
    assert f"--allow {OWN_NAME}" in refused.err
    given = configuration(tmp_path, people, "RetrainModule", genotype="genotype.json", space=space.settings())
    assert run(capsys, *given, "--run_dir", "given").code == 0
    path = "given/checkpoints/last.ckpt"
    assert run(capsys, "test", "--ckpt", path).code == 2
    assert run(capsys, "test", "--ckpt", path, "--allow", OWN_NAME).code == 0
    with pytest.raises(CheckpointError, match=r"asks to import 'plain_of_a_user.Plain'"):
        ReIDModule.load_from_checkpoint(path)
    assert isinstance(ReIDModule.load_from_checkpoint(path, allowed=(OWN_NAME,)).space, BNSeparation)


@pytest.mark.usefixtures("own_trunk")
def test_an_object_that_was_passed_is_used_as_it_is() -> None:
    from plain_of_a_user import Plain

    space = BNSeparation(Plain(6))
    module = RetrainModule(3, "stem_separate", space, weights=None)
    assert module.space is space
    assert space.trunk.width == 6  # type: ignore[attr-defined]
    assert SearchModule(3, space, weights=None).space is space
    assert RetrainModule(3, module.genotype.to_dict(), space, weights=None).space is space


@pytest.mark.parametrize(
    ("backbone", "message"),
    [
        ({"class_path": "nowhere.Plain"}, "The module 'nowhere' cannot be imported"),
        ({"class_path": "vireid.models.Torchvison"}, "Did you mean\n  vireid.models.Torchvision?"),
        ({"class_path": "vireid.search.JointNorm"}, "is no Trunk"),
        ({"class_path": "vireid.models.Torchvision"}, "needs `name`"),
        (
            {"class_path": "vireid.models.Torchvision", "init_args": {"name": "resnet5"}},
            "network 'resnet5'; close names: resnet50",
        ),
        ({"class_path": "vireid.models.Torchvision", "init_args": {"name": "vit_b_32"}}, "it has 25 LayerNorm"),
        ("resnet51", "did you mean 'resnet50'"),
    ],
)
def test_backbones_that_are_none(backbone: Any, message: str, people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = {"class_path": "vireid.search.BNSeparation", "init_args": {"backbone": backbone}}
    done = run(capsys, *configuration(tmp_path, people, "SearchModule", space=space), "--run_dir", tmp_path / "run")
    assert done.code == 2
    assert message in done.err, done.err
    assert not (tmp_path / "run").exists()
