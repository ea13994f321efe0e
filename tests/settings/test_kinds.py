"""Nothing is built where its kind does not belong."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from vireid import RetrainModule
from vireid.commands.lightning import VireidParser
from vireid.commands.named_classes import public_classes
from vireid.errors import CheckpointError, GenotypeError
from vireid.losses import CrossEntropy, Loss
from vireid.models import Trunk
from vireid.search import BNSeparation, SearchSpace, resolve_genotype, space_of
from vireid.settings import check_objects, instantiate
from vireid.settings.kinds import constructor_hints, fits, is_plain, kind_names, takes_paths, wants_object
from vireid.structures import Genotype

SPACE = {"class_path": "vireid.search.BNSeparation", "init_args": {"backbone": "resnet10", "width": 8}}
TASK = {"class_path": "vireid.RetrainModule", "init_args": {"num_classes": 5, "weights": None}}


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What RetrainModule was called with; it is not built."""
    calls: list[object] = []
    called = functools.wraps(RetrainModule.__init__)(lambda self, *args, **kwargs: calls.append((args, kwargs)))
    monkeypatch.setattr(RetrainModule, "__init__", called)
    return calls


def test_what_types_say() -> None:
    assert fits(CrossEntropy, list[Loss] | None)
    assert not fits(CrossEntropy, Trunk | str)
    assert fits(CrossEntropy, Any)
    assert not fits(CrossEntropy, Callable[[int], CrossEntropy])
    assert is_plain(dict[str, Any] | str | Path)
    assert not is_plain(Any)
    assert wants_object(Callable[[int], CrossEntropy])
    assert not wants_object(list[int] | str | Path)
    assert (takes_paths(str | Path), takes_paths(Trunk | str)) == (True, False)
    assert kind_names(list[Loss] | Trunk | None) == "Loss or Trunk"
    assert constructor_hints(CrossEntropy)["weight"] is float, "an argument that is passed on to the base"


def test_a_space_in_a_genotype_is_a_space_before_it_is_built(built: list[object]) -> None:
    with pytest.raises(GenotypeError, match=r"'vireid\.RetrainModule' is not a search space"):
        space_of(Genotype(TASK, {"bn1": "shared_bn"}))
    nested = {**SPACE, "init_args": {"backbone": TASK}}
    with pytest.raises(GenotypeError, match=r"'vireid\.RetrainModule' where Trunk is expected"):
        space_of(Genotype(nested, {"bn1": "shared_bn"}))
    with pytest.raises(GenotypeError, match=r"'vireid\.RetrainModule' where Trunk is expected"):
        BNSeparation().validate(Genotype(nested, {"bn1": "shared_bn"}))
    assert built == []


OBJECTS = ("space", "losses", "head", "ema", "optimizer", "evaluation", "trunk_parts")


@pytest.mark.parametrize("name", OBJECTS)
def test_no_argument_takes_an_object_of_another_kind(name: str, built: list[object]) -> None:
    settings = {**TASK, "init_args": {"num_classes": 5, name: [TASK] if name in ("losses", "trunk_parts") else TASK}}
    for build in (check_objects, instantiate):
        with pytest.raises(CheckpointError, match=r"'vireid\.RetrainModule' where .* is expected"):
            build(settings)
    assert built == []


@pytest.mark.parametrize("name", ["genotype", "weights", "seed"])
def test_plain_values_stay_what_they_are(name: str, built: list[object]) -> None:
    instantiate({**TASK, "init_args": {"num_classes": 5, name: TASK}})
    assert built == [((), {"num_classes": 5, name: TASK})]


def test_a_parser_builds_nothing_among_plain_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """It builds what is in a ``dict[str, Any]``, and nothing in a ``dict``."""
    assert [hint for cls in public_classes() for hint in constructor_hints(cls).values() if is_plain(hint) and _holds_anything(hint)] == []
    made: list[object] = []
    monkeypatch.setattr(CrossEntropy, "__init__", functools.wraps(CrossEntropy.__init__)(lambda self, **given: made.append(given)))
    parser = VireidParser()
    parser.add_subclass_arguments(RetrainModule, "model")
    genotype = {"space": {"class_path": "vireid.losses.CrossEntropy"}, "provenance": [{"class_path": "vireid.losses.CrossEntropy"}]}
    settings = {**TASK, "init_args": {"num_classes": 5, "genotype": genotype}}
    parsed = parser.parse_args([f"--model={json.dumps(settings)}"])
    assert dict(parsed.model.init_args.genotype) == genotype
    with pytest.raises(ValueError, match="is not a genotype"):
        parser.instantiate_classes(parsed)
    assert made == []


def _holds_anything(hint: object) -> bool:
    return hint is Any or any(map(_holds_anything, get_args(hint)))


def test_the_space_of_a_genotype_in_a_checkpoint() -> None:
    genotype = resolve_genotype("stem_separate", BNSeparation("resnet10", width=8)).to_dict()
    arguments = {"num_classes": 5, "weights": None, "genotype": genotype}
    check_objects({**TASK, "init_args": arguments})
    assert isinstance(instantiate({**TASK, "init_args": arguments}).space, SearchSpace)
    hostile = {**genotype, "space": TASK, "provenance": {"a": TASK}}
    with pytest.raises(GenotypeError, match="is not a search space"):
        instantiate({**TASK, "init_args": {**arguments, "genotype": hostile}})
