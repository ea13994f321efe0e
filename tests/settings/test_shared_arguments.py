"""Arguments of a base that come in by ``**shared``: what is noted, what is refused, what a parser shows."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
import pytorch_lightning as pl
from jsonargparse import ArgumentParser
from torch import nn

from vireid.errors import CheckpointError
from vireid.settings import Recorded, check_objects, instantiate

Shade = Literal["dark", "bright"]


class Base(Recorded):
    """Base.

    Args:
        root: folder.
        height: of an image, in pixels.
        width: of an image, in pixels.
        shade: of everything.
        part: something inside.
    """

    def __init__(self, root: str | Path, height: int = 256, width: int = 128, shade: Shade = "dark", part: Base | None = None) -> None:
        super().__init__()
        self.root, self.height, self.width, self.shade, self.part = root, height, width, shade, part
        self.record(root=f"/{root}")


class Middle(Base):
    """Middle.

    Args:
        depth: of the middle.
        shared: see Base.
    """

    def __init__(self, depth: int = 1, **shared: Any) -> None:
        super().__init__(root="fixed", **shared)
        self.depth = depth


class Outer(Middle):
    """Outer.

    Args:
        name: of the outer one.
        width: another default.
        shared: see Middle.
    """

    def __init__(self, name: str, width: int = 64, **shared: Any) -> None:
        super().__init__(width=width, **shared)
        self.name = name


class Rooted(Base):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)


class TwiceRooted(Rooted):
    def __init__(self, first: int, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.first = first


class Layer(Recorded, nn.Module):
    def __init__(self, size: int = 2, mode: Shade = "dark") -> None:
        super().__init__()
        self.linear, self.mode = nn.Linear(size, size), mode


class DeepLayer(Layer):
    def __init__(self, count: int = 1, **shared: Any) -> None:
        super().__init__(**shared)
        self.count = count


class Task(Recorded, pl.LightningModule):
    def __init__(self, rate: float = 0.1, layer: Layer | None = None) -> None:
        super().__init__()
        self.rate, self.layer = rate, layer if layer is not None else Layer(size=1)


class OwnTask(Task):
    def __init__(self, **shared: Any) -> None:
        super().__init__(**shared)


class Data(Recorded, pl.LightningDataModule):
    def __init__(self, *, seed: int = 0) -> None:
        super().__init__()
        self.seed = seed


class OwnData(Data):
    def __init__(self, root: str, **shared: Any) -> None:
        super().__init__(**shared)
        self.root = root


def arguments(value: Any) -> dict[str, Any]:
    return dict(value.settings()["init_args"])


ALL = {"name": "x", "width": 64, "depth": 1, "height": 256, "shade": "dark", "part": None}


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (lambda: Outer("x"), ALL),
        (lambda: Outer("x", 32, depth=3, height=8), {**ALL, "width": 32, "depth": 3, "height": 8}),
        (lambda: Outer(shade="bright", name="x", width=32), {**ALL, "width": 32, "shade": "bright"}),
        (lambda: Middle(2, height=8), {"depth": 2, "height": 8, "width": 128, "shade": "dark", "part": None}),
        (lambda: Rooted("a", 8), {"root": "/a", "height": 8, "width": 128, "shade": "dark", "part": None}),
        (lambda: Rooted("a", width=8), {"root": "/a", "height": 256, "width": 8, "shade": "dark", "part": None}),
        (lambda: TwiceRooted(1, "a", 8), {"first": 1, "root": "/a", "height": 8, "width": 128, "shade": "dark", "part": None}),
        (lambda: DeepLayer(2, size=3), {"count": 2, "size": 3, "mode": "dark"}),
        (lambda: OwnTask(rate=0.5), {"rate": 0.5, "layer": None}),
        (lambda: OwnData("r", seed=3), {"root": "r", "seed": 3}),
    ],
)
def test_arguments_of_all_levels_are_noted_and_rebuilt(made: Any, expected: dict[str, Any]) -> None:
    original = made()
    assert arguments(original) == expected
    twin = instantiate(original.settings(), allowed=(f"{__name__}.",))
    assert type(twin) is type(original)
    for name in expected:
        if name not in ("root", "layer"):
            assert getattr(twin, name, None) == getattr(original, name, None)


def test_the_order_of_arguments_does_not_depend_on_who_gave_them() -> None:
    assert list(arguments(Outer("x", shade="bright", height=1, depth=1))) == list(arguments(Outer("x"))) == list(ALL)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_the_record_of_shared_arguments_survives_copies(copied: Any) -> None:
    assert copied(DeepLayer(size=3)).settings() == DeepLayer(size=3).settings()


class Consuming(Recorded):
    def __init__(self, name: str, **arguments: Any) -> None:
        self.name, self.taken = name, arguments


class Altering(Base):
    def __init__(self, **shared: Any) -> None:
        shared["height"] = 2 * shared.get("height", 100)
        super().__init__("a", **shared)


def test_keywords_that_no_base_takes_are_noted_under_their_own_names() -> None:
    assert arguments(Consuming("x", depth=3)) == {"name": "x", "depth": 3}


def test_what_the_user_gave_is_noted_and_not_what_a_subclass_made_of_it() -> None:
    assert arguments(Altering(height=8))["height"] == 8
    assert "height" not in arguments(Altering())  # the subclass says so itself, and will again
    assert instantiate(Altering(height=8).settings(), allowed=(f"{__name__}.",)).height == 16


class TwoBases(Base, Data):
    def __init__(self, seed: int = 5, **shared: Any) -> None:
        Data.__init__(self, seed=seed)
        Base.__init__(self, **shared)


def test_a_base_that_is_called_first_hides_nothing_of_the_second() -> None:
    assert arguments(TwoBases(root="a", height=1))["height"] == 1
    assert arguments(TwoBases(root="a"))["width"] == 128


def test_arguments_of_parts_made_inside_are_not_mixed_up() -> None:
    assert arguments(OwnTask())["layer"] is None
    assert arguments(Base("a", part=Base("b", height=1)))["part"]["init_args"]["height"] == 1


@dataclass
class Point(Recorded):
    x: int
    where: Shade = "dark"


class Bare(Recorded):
    pass


class Many(Recorded):
    def __init__(self, *layers: int) -> None:
        self.layers = layers


def test_a_dataclass_is_recorded_too() -> None:
    assert arguments(Point(3)) == {"x": 3, "where": "dark"}
    assert instantiate(Point(x=3, where="bright").settings(), allowed=(f"{__name__}.",)) == Point(3, "bright")


def test_values_without_a_name_are_refused_when_they_are_asked_for() -> None:
    assert Many(1, 2).layers == (1, 2)
    with pytest.raises(TypeError, match=r"Many cannot be rebuilt: 1 was given to `\*args`, and a saved argument needs a name"):
        Many(1, 2).settings()


# --- misspelt names -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: Base("a", heigth=3), r"Base has no argument `heigth`\. Did you mean `height`\?"),
        (lambda: Outer("x", heigth=3), r"Outer has no argument `heigth`\. Did you mean `height`\?"),
        (lambda: Outer("x", dept=3), r"Outer has no argument `dept`\. Did you mean `depth`\?"),
        (lambda: Outer("x", nam=3), r"Outer has no argument `nam`\. Did you mean `name`\?"),
        (lambda: Outer("x", zzz=3), r"Outer has no argument `zzz`\. It takes name, width, depth, height, shade, part\."),
        (lambda: DeepLayer(siz=3), r"DeepLayer has no argument `siz`\. Did you mean `size`\?"),
        (lambda: OwnData("a", sed=3), r"OwnData has no argument `sed`\. Did you mean `seed`\?"),
        (lambda: Bare(size=3), r"Bare takes no arguments"),
        (lambda: Outer(), r"missing 1 required positional argument: 'name'"),
        (lambda: Rooted(height=3), r"missing 1 required positional argument: 'root'"),
        (lambda: Outer("x", root="a"), r"multiple values for keyword argument 'root'"),
    ],
)
def test_names_that_do_not_fit_are_refused_with_the_nearest(made: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        made()


# --- what a parser sees -------------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["before", "after"], ids=["before an object was made", "after"])
def parser(request: pytest.FixtureRequest) -> ArgumentParser:
    if request.param == "after":
        Outer("x")
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(Outer, "outer")
    return parser


def test_a_parser_shows_types_defaults_and_help_of_the_base(parser: ArgumentParser) -> None:
    text = parser.format_help()
    for expected in ("of an image, in pixels. (type: int, default: 256)", "another default. (type: int, default: 64)", "{dark,bright}"):
        assert expected in " ".join(text.split())
    assert "--outer.root" not in text


def test_a_parser_gives_values_and_refuses_other_keys(parser: ArgumentParser) -> None:
    config = parser.parse_args(["--outer.name=x", "--outer.height=3", "--outer.depth=2"])
    assert arguments(parser.instantiate(config).outer) == {**ALL, "height": 3, "depth": 2}
    for wrong in ("--outer.heigth=3", "--outer.root=a", "--outer.height=tall", "--outer.shade=dim"):
        with pytest.raises(Exception, match=r"heigth|root|height|shade"):
            parser.parse_args(["--outer.name=x", wrong])


def test_a_text_for_an_object_of_the_base_is_refused() -> None:
    settings = {"class_path": f"{__name__}.Outer", "init_args": {"name": "x", "part": "os.system"}}
    with pytest.raises(CheckpointError, match="needs the settings of an object as `part`"):
        check_objects(settings, allowed=(f"{__name__}.",))
