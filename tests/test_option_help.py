"""Every option that a YAML file can set has a help text of its own."""

from __future__ import annotations

import importlib
import inspect
import re

import pytest
from jsonargparse import ArgumentParser

from vireid.settings import Recorded

PACKAGES = ("vireid", "vireid.losses", "vireid.models", "vireid.search", "vireid.tasks", "vireid.data", "vireid.nn", "vireid.results")
SHORTEST = 20  # characters; "in [0, 1]." says a range, not what it is
ELSEWHERE = re.compile(r"\b(see|as) there\b|^see ", re.IGNORECASE)  # an option is read alone, in --model.help or in an editor


def public_classes() -> list[type]:
    """Classes that a ``class_path`` may name."""
    named = [getattr(importlib.import_module(package), name) for package in PACKAGES for name in importlib.import_module(package).__all__]
    return list(dict.fromkeys(found for found in named if isinstance(found, type) and issubclass(found, Recorded)))


def helps(cls: type) -> dict[str, str]:
    """Help text of every argument, those that bases take included."""
    parser = ArgumentParser(exit_on_error=False)
    names = parser.add_class_arguments(cls, fail_untyped=False)
    return {action.dest: action.help or "" for action in parser._actions if action.dest in names}


@pytest.mark.parametrize("cls", public_classes(), ids=lambda cls: cls.__name__)
def test_every_argument_has_help_of_its_own(cls: type) -> None:
    for name, text in helps(cls).items():
        assert isinstance(text, str), name
        assert len(text) >= SHORTEST, f"{name}: {text!r}"
        assert not ELSEWHERE.search(text), f"{name}: {text!r}"


@pytest.mark.parametrize("cls", public_classes(), ids=lambda cls: cls.__name__)
def test_a_base_that_leaves_its_work_to_others_cannot_be_chosen(cls: type) -> None:
    methods = [found for _, found in inspect.getmembers(cls, inspect.isfunction) if found.__module__.startswith("vireid.")]
    left = [found.__qualname__ for found in methods if "NotImplementedError" in found.__code__.co_names]
    assert not left or inspect.isabstract(cls)


def test_the_walk_sees_classes_of_every_kind() -> None:
    names = {cls.__name__ for cls in public_classes()}
    assert {"SearchModule", "SYSUDataModule", "CrossEntropy", "BNNeckHead", "JointNorm", "SGD", "CMNASAugmentation"} <= names
    assert "class_path" not in helps(public_classes()[0])
    assert len(names) > 100


def test_the_check_sees_help_that_is_missing_or_elsewhere() -> None:
    class Undocumented(Recorded):
        """Nothing.

        Args:
            second: see there.
        """

        def __init__(self, first: int = 1, second: int = 2) -> None: ...

    assert helps(Undocumented) == {"first": "", "second": "see there."}
    assert ELSEWHERE.search("see there.")
    assert not ELSEWHERE.search("seen by cameras")
