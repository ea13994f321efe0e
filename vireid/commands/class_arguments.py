"""What the parser knows about classes: their arguments, and which public classes may stand in a place."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from jsonargparse import ArgumentParser, Namespace

from vireid.settings import class_path

ROOMS = ("data", "losses", "models", "nn", "results", "search", "tasks")


def load_public_classes() -> None:
    """Import what every subpackage exports, because the parser lists, and finds by name alone, only classes that are loaded."""
    for room in ROOMS:
        package = importlib.import_module(f"vireid.{room}")
        for name in package.__all__:
            getattr(package, name)


def imported(path: str) -> Any:
    """The object that a dotted path names.

    Raises:
        ImportError: the path names nothing.
    """
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (AttributeError, ValueError, TypeError) as error:  # no such name, no module, a relative one
        raise ImportError(f"{path!r} cannot be imported") from error


def argument_names(path: str) -> list[str]:
    """Names of the arguments of a class, with those that it passes on to its bases; an empty list if the path names no class."""
    try:
        return _parser_of(imported(path))[1]
    except (ImportError, ValueError):  # no class, or nothing that a signature tells
        return []


def accepts(path: str, name: str, value: Any) -> bool:
    """Whether a class takes this value for this argument."""
    parser, names = _parser_of(imported(path))
    if name not in names:
        return False
    try:
        parser.validate(Namespace(**{name: value}), skip_required=True)  # type: ignore[no-untyped-call]  # of jsonargparse
    except (TypeError, ValueError, KeyError):
        return False
    return True


def public_subclasses(base: type) -> Iterator[str]:
    """Class paths of the subclasses of a base that the base's own package exports."""
    package = importlib.import_module(".".join(base.__module__.split(".")[:2]))
    for name in getattr(package, "__all__", ()):
        found = getattr(package, name)
        if isinstance(found, type) and issubclass(found, base) and found is not base:
            yield class_path(found)


def _parser_of(cls: Any) -> tuple[ArgumentParser, list[str]]:
    parser = ArgumentParser(exit_on_error=False)
    return parser, parser.add_class_arguments(cls, fail_untyped=False)
