"""``vireid pretrain``: weights to start from, trained once for their settings."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.commands.runs import everything, run
from vireid import RetrainModule
from vireid.commands.pretrain import surrogate
from vireid.commands.pretrain.settings import EPOCH, Pretraining
from vireid.commands.pretrain.surrogate import pretrained
from vireid.errors import OutputError, SettingsError
from vireid.models import ResNet
from vireid.search import BNSeparation

Capsys = pytest.CaptureFixture[str]
SMALL = Pretraining("resnet10", width=4, people=48, steps=2 * EPOCH, image_height=32, image_width=16)
WORDS = ("--width=4", "--people=48", "--steps=20", "--image_height=32", "--image_width=16")
CACHED = ".cache/vireid/pretrained"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home folder of its own, where people are drawn and weights are kept."""
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("home")
        patch.setenv("HOME", str(folder))
        torch.set_num_threads(1)
        yield folder
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def made(home: Path) -> Path:
    """Weights in the cache."""
    return pretrained(SMALL)


@pytest.fixture
def untrained(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may be trained in this test."""

    def fail(*_: object) -> dict[str, Tensor]:
        raise AssertionError

    monkeypatch.setattr(surrogate, "trained_weights", fail)


def state(path: Path) -> dict[str, Tensor]:
    found: dict[str, Tensor] = torch.load(path, weights_only=True)
    return found


def test_the_file_has_the_trunk_of_every_step_by_torchvisions_names(home: Path, made: Path) -> None:
    assert made.parent == home / CACHED
    fresh = ResNet("resnet10", width=4).build().state_dict()
    assert {name: value.shape for name, value in state(made).items()} == {name: value.shape for name, value in fresh.items()}
    assert int(state(made)["layer4.0.bn2.num_batches_tracked"]) == SMALL.steps
    assert all(torch.isfinite(value).all() for value in state(made).values())
    content = json.loads(Path(f"{made}.json").read_text())
    assert (content["format"], content["trunk"], content["people"], content["seed"]) == ("vireid.pretraining", "resnet10", 48, 777)


def test_trainings_start_from_it(made: Path) -> None:
    module = RetrainModule(3, "all_separate", BNSeparation("resnet10", width=4), weights=str(made))
    assert torch.equal(module.network.backbone.trunk.conv1.weight, state(made)["conv1.weight"])


def test_the_same_settings_give_the_same_bits(made: Path) -> None:
    before = everything(made.parent)
    made.unlink()
    assert pretrained(SMALL) == made
    assert everything(made.parent) == before


@pytest.mark.usefixtures("untrained")
def test_the_same_settings_are_found_and_copied_and_others_are_not(made: Path, tmp_path: Path, capsys: Capsys) -> None:
    output = tmp_path / "new" / "trunk.pth"
    for _ in range(2):  # the second time the copy is there
        done = run(capsys, "pretrain", "resnet10", *WORDS, "--output", output)
        assert done.code == 0
        assert done.out == (
            f"These weights have been trained before.\nWeights in {output}\nStart from them with: --model.weights {output}\n"
        )
    assert everything(output.parent) == {"trunk.pth": made.read_bytes(), "trunk.pth.json": Path(f"{made}.json").read_bytes()}
    with pytest.raises(AssertionError):
        pretrained(replace(SMALL, grey=0.5))
    with pytest.raises(OutputError, match=r"trunk.pth' exists with other settings, and nothing is overwritten. Name another file"):
        pretrained(replace(SMALL, grey=0.5), output)
    Path(f"{output}.json").write_text("{")
    with pytest.raises(OutputError, match="exists with other settings"):
        pretrained(SMALL, output)


CHANGED: dict[str, Any] = {
    "trunk": "resnet18",
    "width": 8,
    "people": 49,
    "seed": 1,
    "steps": 3 * EPOCH,
    "image_height": 256,
    "image_width": 128,
    "grey": 0.1,
}


def test_every_setting_changes_what_is_drawn_or_trained() -> None:
    assert list(CHANGED) == [field.name for field in fields(Pretraining)]
    for name, value in CHANGED.items():
        changed = replace(SMALL, **{name: value})
        drawn, trained = changed.drawing() != SMALL.drawing(), changed.layer() != SMALL.layer()
        assert (drawn, trained) == {
            "people": (True, False),
            "seed": (True, False),  # of the training too: --seed_everything
            "image_height": (True, True),  # larger images are drawn larger
            "image_width": (True, True),
        }.get(name, (False, True)), name


def test_numbers_out_of_range() -> None:
    for name, value, text in (
        ("people", 47, "48 to 9999, got 47"),
        ("seed", -1, "0 to 4294967295, got -1"),
        ("steps", 0, "10 to 1000000, got 0"),
        ("image_height", 0, "1 to 1024, got 0"),
        ("image_width", 513, "1 to 512, got 513"),
    ):
        with pytest.raises(SettingsError, match=f"`{name}` must be {text}"):
            replace(SMALL, **{name: value})
    with pytest.raises(SettingsError, match=r"`grey` must be between 0 and 1, got 1\.5"):
        replace(SMALL, grey=1.5)
    with pytest.raises(SettingsError, match="`steps` must be a multiple of 10, the steps of an epoch, got 25"):
        replace(SMALL, steps=25)


OWN = """
from torch import nn

from vireid.models import Trunk, load_weights


class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU())
        self.never = nn.BatchNorm2d(8)

    def forward(self, x):
        return self[2](self[1](self[0](x)))


class Reads(Trunk):
    def build(self, weights=None):
        network = Net()
        if weights is not None:
            load_weights(network, weights)
        return network


class Ignores(Trunk):
    def build(self, weights=None):
        return Net()
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "trunks_of_mine.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("trunks_of_mine", None)


@pytest.mark.usefixtures("home", "own")
def test_a_trunk_of_ones_own_with_a_norm_that_it_never_calls(tmp_path: Path, capsys: Capsys) -> None:
    words = (*WORDS[1:2], "--steps=10", *WORDS[3:], "--output", tmp_path / "own.pth")
    done = run(capsys, "pretrain", "trunks_of_mine.Reads", *words)
    assert done.code == 0, done.err
    from trunks_of_mine import Reads

    read = Reads().build(str(tmp_path / "own.pth"))
    assert int(read[1].num_batches_tracked) == 10
    assert torch.equal(read.never.weight, torch.ones(8))


@pytest.mark.usefixtures("home", "own")
def test_trunks_that_cannot_be_pretrained(capsys: Capsys) -> None:
    done = run(capsys, "pretrain", "trunks_of_mine.Ignores", *WORDS[1:])
    assert done.code == 2
    assert "Ignores() does not read weights from a file" in done.err
    assert "vireid.models.load_weights" in done.err
    for trunk, text in (
        ("resnet18_", r"`trunk` cannot be built: `backbone` must be one of .*did you mean 'resnet18'\?"),
        ("vireid.models.OSNet", "`trunk` cannot be built: `name` of an OSNet must be one of osnet_x1_0"),
    ):
        done = run(capsys, "pretrain", trunk, *WORDS[1:])
        assert done.code == 2
        assert re.search(text, done.err, re.DOTALL), done.err
        assert done.err.count("\n") <= 6


@pytest.mark.usefixtures("untrained")
def test_an_output_that_cannot_be_written_is_refused_before_the_training(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="Cannot write into"):
        pretrained(SMALL, tmp_path / "file" / "trunk.pth")
