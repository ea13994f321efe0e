"""Objects that remember how they were made, and what may be rebuilt from such a record."""

from __future__ import annotations

import copy
import pickle
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from vireid.errors import CheckpointError, SettingsError
from vireid.losses import CrossEntropy, FourWayHardTriplet
from vireid.search import BNSeparation, GumbelHard
from vireid.settings import Recorded, check_class_paths, class_path, import_class, instantiate, plain, settings_of
from vireid.tasks import EMA, SGD, Adam, WarmupMultiStep


class Colour(Enum):
    RED = "red"


class Leaf(Recorded):
    def __init__(self, size: int, name: str = "leaf") -> None:
        self.size, self.name = size, name


class Tree(Recorded, nn.Module):
    def __init__(self, *, leaves: list[Leaf] | None = None, source: str | Path = "a", extra: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.linear = nn.Linear(1, 1)
        self.leaves = leaves
        self.record(source=f"read from {source}")


def test_every_argument_is_recorded_however_it_was_given() -> None:
    for leaf in (Leaf(3), Leaf(size=3), Leaf(3, "leaf")):
        assert settings_of(leaf)["init_args"] == {"size": 3, "name": "leaf"}


def test_nested_settings_and_resolved_arguments() -> None:
    tree = Tree(leaves=[Leaf(1), Leaf(2, "b")], source=Path("x"), extra={"a": (1, Colour.RED), 2: Path("p")})
    settings = tree.settings()
    assert settings["class_path"].endswith("Tree")
    assert [leaf["init_args"]["size"] for leaf in settings["init_args"]["leaves"]] == [1, 2]
    assert settings["init_args"]["source"] == "read from x"
    assert settings["init_args"]["extra"] == {"a": [1, "red"], "2": "p"}


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_the_record_survives_copies(copied: Any) -> None:
    tree = Tree(leaves=[Leaf(1)], source="x")
    twin = copied(tree)
    assert twin.settings() == tree.settings()
    twin.record(source="other")
    assert tree.settings()["init_args"]["source"] == "read from x"


def test_a_value_without_a_plain_form_is_named() -> None:
    with pytest.raises(TypeError, match=r"Linear has no plain form; derive the class from vireid\.settings\.Recorded"):
        plain({"a": [nn.Linear(1, 1)]})


@pytest.mark.parametrize(
    "original",
    [
        BNSeparation("resnet10", width=8),
        FourWayHardTriplet(),
        CrossEntropy(label_smoothing=0.1, weight=2.0),
        SGD(0.05),
        Adam(betas=(0.1, 0.2)),
        WarmupMultiStep((3, 4)),
        EMA(0.9, "average"),
        GumbelHard(),
    ],
)
def test_objects_are_rebuilt_from_their_settings(original: Any) -> None:
    twin = instantiate(settings_of(original))
    assert type(twin) is type(original)
    assert settings_of(twin) == settings_of(original)


def test_extra_arguments_win_and_plain_values_come_back() -> None:
    assert instantiate(settings_of(SGD(0.1)), lr=0.5).lr == 0.5
    assert instantiate([1, "vireid.x", None, {"a": settings_of(SGD(0.1))}])[3]["a"].lr == 0.1


@pytest.mark.parametrize(
    ("cls", "path"),
    [
        (BNSeparation, "vireid.search.BNSeparation"),
        (FourWayHardTriplet, "vireid.losses.FourWayHardTriplet"),
        (EMA, "vireid.tasks.EMA"),
        (Leaf, f"{__name__}.Leaf"),
    ],
)
def test_class_path_is_the_shortest_public_one(cls: type, path: str) -> None:
    assert class_path(cls) == path


def test_class_path_of_the_main_classes_is_at_the_top() -> None:
    import vireid

    for name in ("RetrainModule", "SearchModule", "SYSUDataModule", "RegDBDataModule", "SyntheticDataModule", "PairedFolderDataModule"):
        assert class_path(getattr(vireid, name)) == f"vireid.{name}"


# --- what may not be rebuilt --------------------------------------------------------------------------------------------------------


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module ``planted_code`` on the path; the file that is returned appears when it is imported."""
    flag = tmp_path / "imported"
    (tmp_path / "planted_code.py").write_text(f"open({str(flag)!r}, 'w').close()\nclass Planted: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    return flag


FOREIGN = [
    "planted_code.Planted",
    "os.system",
    "vireid",
    "vireid.",
    "vireid..tasks.EMA",
    "vireidx.Planted",
    "builtins.eval",
    "",
    ".planted_code.Planted",
    3,
    None,
    ["vireid.X"],
]


@pytest.mark.parametrize("path", FOREIGN)
def test_foreign_classes_are_refused_before_they_are_imported(planted: Path, path: Any) -> None:
    hostile = {"class_path": path, "init_args": {}}
    for settings in (hostile, [hostile], {"a": {"b": [hostile]}}, {"class_path": "vireid.tasks.SGD", "init_args": {"lr": hostile}}):
        with pytest.raises(CheckpointError, match="Only classes of vireid are imported"):
            instantiate(settings)
        with pytest.raises(CheckpointError, match="asks to import"):
            check_class_paths(settings)
    assert not planted.exists()


def test_a_class_that_the_user_allows_is_built() -> None:
    leaf = instantiate(settings_of(Leaf(3)), allowed=("vireid.", f"{__name__}."))
    assert (leaf.size, leaf.name) == (3, "leaf")


@pytest.mark.parametrize(
    "path",
    [
        "vireid.settings.recorded.Arguments",
        "vireid.commands.demo.command.main",
        "vireid.settings.instantiate",
        "vireid.errors.VireidError",
        "vireid.tasks.base.torch",
    ],
)
def test_names_inside_the_package_that_are_no_recorded_classes_are_refused(path: str) -> None:
    with pytest.raises(CheckpointError, match="is not a class that can be rebuilt"):
        import_class(path)


@pytest.mark.parametrize(
    "path", ["vireid.Absent", "vireid.absent.X", "vireid.settings.importlib.import_module", "vireid.torch_files.os.system"]
)
def test_names_that_are_absent_say_so(path: str) -> None:
    with pytest.raises(CheckpointError, match="There is no class"):
        instantiate({"class_path": path})


def test_arguments_that_do_not_fit_are_reported_with_the_class() -> None:
    with pytest.raises(CheckpointError, match=r"vireid\.tasks\.EMA cannot be built from its saved settings: .*unknown"):
        instantiate({"class_path": "vireid.tasks.EMA", "init_args": {"unknown": 1}})
    with pytest.raises(SettingsError, match="`decay`"):
        instantiate({"class_path": "vireid.tasks.EMA", "init_args": {"decay": 2.0}})


@pytest.mark.parametrize("init_args", [None, 3, [1], {"decay": "much"}])
def test_damaged_arguments_are_reported_with_the_class(init_args: Any) -> None:
    with pytest.raises(CheckpointError, match=r"vireid\.tasks\.EMA('| cannot be built from its saved settings)"):
        instantiate({"class_path": "vireid.tasks.EMA", "init_args": init_args})


def test_all_foreign_classes_are_named_at_once() -> None:
    losses = [{"class_path": path, "init_args": {}} for path in ("mine.Loss", "vireid.losses.CrossEntropy", "mine.Other", "mine.Loss")]
    settings = {"class_path": "vireid.RetrainModule", "init_args": {"losses": losses, "head": {"class_path": "own.Head"}}}
    with pytest.raises(
        CheckpointError, match=r"asks to import 'mine\.Loss', 'mine\.Other', 'own\.Head'\. .*--allow mine\.Loss,mine\.Other,own\.Head\."
    ):
        check_class_paths(settings)
    check_class_paths(settings, ("vireid.", "mine.", "own.Head"))
