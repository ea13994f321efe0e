"""Values outside a ``Literal`` are refused by every constructor of a recorded class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest
from jsonargparse import ArgumentParser

from vireid.data import CMNASAugmentation, SyntheticDataModule
from vireid.errors import SettingsError
from vireid.settings import Recorded

if TYPE_CHECKING:
    from somewhere import Unknown  # type: ignore[import-not-found]

Level = Literal["one", "two"]


class Chooser(Recorded):
    def __init__(
        self,
        level: Level = "one",
        maybe: Level | None = None,
        size: int | Literal["half"] = "half",
        rate: Literal["auto"] | float = "auto",
        file: Path | Literal["none"] = "none",
        names: list[Level] | None = None,
        pair: tuple[Literal["a"], int] = ("a", 1),
        either: Level | Sequence[Level] = "one",
        table: Mapping[str, Level] | None = None,
        number: Literal[1, 2] = 1,
        noted: Annotated[Level, "remark"] = "one",
        unknown: Unknown | None = None,
        anything: Any | Literal["a"] = "a",
    ) -> None:
        pass


class Deeper(Chooser):
    def __init__(self, **shared: Any) -> None:
        super().__init__(**shared)


FINE: list[dict[str, Any]] = [
    {"level": "two"},
    {"maybe": None},
    {"maybe": "two"},
    {"size": 3},
    {"rate": 3},
    {"rate": 0.5},
    {"file": Path("a")},
    {"names": ["one", "two"]},
    {"names": ("one",)},
    {"names": []},
    {"pair": ["a", 3]},
    {"either": ["two"]},
    {"table": {"x": "one"}},
    {"number": 2},
    {"unknown": "whatever"},
    {"anything": "b"},
]
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"level": "three"}, r"^`level` must be one or two, got 'three'\.$"),
    ({"level": "tow"}, r"^`level` must be one or two, got 'tow'\. Did you mean two\?$"),
    ({"level": None}, r"`level` must be one or two, got None"),
    ({"level": ["one"]}, r"`level` must be one or two, got \['one'\]"),
    ({"maybe": "three"}, r"`maybe` must be one, two or null, got 'three'"),
    ({"maybe": 5}, r"`maybe` must be one, two or null, got 5"),
    ({"size": "quarter"}, r"`size` must be of type int or half, got 'quarter'"),
    ({"rate": "much"}, r"`rate` must be auto or of type float, got 'much'"),
    ({"rate": None}, r"`rate` must be auto or of type float, got None"),
    ({"file": "some"}, r"`file` must be of type Path or none, got 'some'"),
    ({"names": ["one", "three"]}, r"^Each value of `names` must be one or two, got 'three'\.$"),
    ({"names": "one"}, r"`names` must be a list of one or two or null, got 'one'"),
    ({"pair": ("b", 1)}, r"Each value of `pair` must be a, got 'b'"),
    ({"either": "three"}, r"`either` must be one, two or a list of one or two, got 'three'"),
    ({"either": ["three"]}, r"Each value of `either` must be one or two, got 'three'"),
    ({"table": {"x": "three"}}, r"Each value of `table` must be one or two, got 'three'"),
    ({"number": 3}, r"`number` must be 1 or 2, got 3"),
    ({"number": "1"}, r"`number` must be 1 or 2, got '1'"),
    ({"noted": "three"}, r"`noted` must be one or two, got 'three'"),
]


@pytest.mark.parametrize("cls", [Chooser, Deeper])
@pytest.mark.parametrize("given", FINE)
def test_values_inside_pass(cls: type[Chooser], given: dict[str, Any]) -> None:
    assert (
        cls(**given).settings
        if "file" in given
        else cls(**given).settings()["init_args"].items() >= {k: list(v) if isinstance(v, tuple) else v for k, v in given.items()}.items()
    )


@pytest.mark.parametrize("cls", [Chooser, Deeper])
@pytest.mark.parametrize(("given", "message"), WRONG)
def test_values_outside_are_refused_with_what_is_allowed(cls: type[Chooser], given: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        cls(**given)


def test_positional_values_are_looked_at_too() -> None:
    with pytest.raises(SettingsError, match="`level` must be one or two, got 'three'"):
        Chooser("three")  # type: ignore[arg-type]


def test_real_classes() -> None:
    with pytest.raises(SettingsError, match=r"`erase_fill` must be quirk or mean, got 'men'\. Did you mean mean\?"):
        CMNASAugmentation(erase_fill="men")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match=r"`style` must be near_infrared or thermal, got 'ultraviolet'"):
        SyntheticDataModule(style="ultraviolet")  # type: ignore[arg-type]


def test_a_name_that_our_files_use_too_means_what_the_class_means_by_it() -> None:
    Chooser()
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(Chooser, "chooser")
    assert "{one,two}" in parser.format_help()
