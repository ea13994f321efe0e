"""Every argument of every public class changes something: an output, a gradient, a file, or it is refused.

A row per argument stands in the files beside this one. A class or an argument without a row fails here.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.arguments import (
    augmentations,
    callbacks,
    data,
    deploy,
    derivations,
    evaluations,
    gallery,
    heads,
    images,
    layers,
    losses,
    metrics,
    networks,
    optimisation,
    parts,
    penalties,
    relaxations,
    samplers,
    schedules,
    spaces,
    tasks,
    trunks,
)
from tests.arguments.table import Change, Table
from vireid.settings import Recorded, class_path
from vireid.settings.choices import choices
from vireid.settings.constructors import reachable

ROOMS = ["vireid", *(f"vireid.{room}" for room in ("data", "losses", "metrics", "models", "nn", "results", "search", "tasks"))]
BASES = "Pooling Reporting"  # made by subclasses only, and not abstract
NOT_TESTABLE: dict[tuple[str, str], str] = {}  # (class, argument) -> reason; at most ten

FILES = (
    augmentations,
    callbacks,
    data,
    deploy,
    derivations,
    evaluations,
    gallery,
    heads,
    images,
    layers,
    losses,
    metrics,
    networks,
    optimisation,
    parts,
    penalties,
    relaxations,
    samplers,
    schedules,
    spaces,
    tasks,
    trunks,
)
TABLES: list[Table] = [table for file in FILES for table in file.TABLES]
ROWS = [(table, argument) for table in TABLES for argument in table.rows]


def public_classes() -> dict[str, type[Any]]:
    """Classes that a user can name, by name: those that remember their arguments, and others that have any."""
    modules = [importlib.import_module(room) for room in ROOMS]
    found = {name: getattr(module, name) for module in modules for name in module.__all__}
    return {name: value for name, value in found.items() if isinstance(value, type) and not inspect.isabstract(value) and _is_built(value)}


def _is_built(cls: type) -> bool:
    """Whether a user makes objects of a class; values of several fields, protocols and classes without arguments are left out."""
    if issubclass(cls, Recorded):
        return True
    is_value = dataclasses.is_dataclass(cls) or issubclass(cls, (tuple, dict)) or getattr(cls, "_is_protocol", False)
    return not is_value and any(names for _, names in arguments(cls))


def constructors(cls: type) -> Iterator[tuple[type, Callable[..., None]]]:
    """The constructors whose arguments a class takes, with the classes that have them: its own, and those that get its ``**shared``."""
    owners = [base for base in cls.__mro__ if "__init__" in vars(base)]
    pairs = zip(owners, reachable(cls), strict=False)
    return (pair for pair in pairs if issubclass(pair[0], Recorded) or (pair[0] is owners[0] and not issubclass(cls, Recorded)))


def arguments(cls: type) -> Iterator[tuple[type, set[str]]]:
    """Names of the arguments of a class, by the class whose constructor names them."""
    for owner, constructor in constructors(cls):
        parameters = list(inspect.signature(constructor).parameters.values())[1:]
        yield owner, {p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}


@pytest.mark.parametrize(("table", "argument"), ROWS, ids=[f"{table.cls.__name__}.{argument}" for table, argument in ROWS])
def test_an_argument_changes_something(table: Table, argument: str) -> None:
    table.check(argument)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.cls.__name__)
def test_every_argument_has_a_row(table: Table) -> None:
    """A class has rows of what its own constructor names; a row of what it shares with others may stand in the table of one of them."""
    for owner, names in arguments(table.cls):
        others = [table] if owner is table.cls else [other for other in TABLES if issubclass(other.cls, owner)]
        written = {argument for other in others for argument in other.rows}
        reasons = {argument for name, argument in NOT_TESTABLE if name == owner.__name__}
        assert names <= written | reasons, owner
        assert not reasons & written, owner


def test_every_row_is_of_an_argument() -> None:
    for table in TABLES:
        assert set(table.rows) <= {name for _, names in arguments(table.cls) for name in names}


CHOICES = [(cls, name) for cls in public_classes().values() for _, constructor in constructors(cls) for name in choices(constructor)]


BASE = {table.cls: table.base for table in TABLES}


@pytest.mark.parametrize(("cls", "name"), CHOICES, ids=[f"{cls.__name__}.{name}" for cls, name in CHOICES])
def test_a_value_outside_a_literal_is_refused(cls: type[Any], name: str) -> None:
    """By the class itself, or because a subclass has set that argument of its base."""
    needed = [p.name for p in inspect.signature(cls).parameters.values() if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
    match = f"`{name}` must be .*, got 'another'|multiple values for keyword argument '{name}'"
    with pytest.raises((ValueError, TypeError), match=match):
        cls(**{**dict.fromkeys(needed, "absent"), **BASE.get(cls, {}), name: "another"})


def test_literals_are_found() -> None:
    assert {("TwoLevels", "order"), ("Unrolled", "order"), ("RegDBDataModule", "search_split")} <= {(c.__name__, n) for c, n in CHOICES}


def test_every_public_class_has_a_table() -> None:
    written = {table.cls.__name__ for table in TABLES}
    assert written | {*BASES.split()} == set(public_classes())
    assert {"CrossModalitySampler", "NormChoice", "RegDB", "CrossModalRetrieval", "ReIDNetwork"} <= written
    assert all(class_path(table.cls).startswith("vireid.") for table in TABLES)
    assert len(NOT_TESTABLE) <= 10


def test_a_row_that_changes_nothing_fails() -> None:
    table = Table(schedules.Constant, lambda schedule: schedule(0), {"x": Change(1)})
    with pytest.raises(TypeError, match="takes no arguments"):
        table.check("x")
    idle = Table(schedules.Exponential, lambda schedule: schedule(0), {"gamma": Change(0.5)})
    with pytest.raises(AssertionError, match="`gamma` changes nothing"):
        idle.check("gamma")
