"""Classes that the user names on the command line. Files may name these too."""

from __future__ import annotations

import functools
import importlib
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any, get_args

from vireid.commands.class_arguments import ROOMS
from vireid.commands.layers import read_layers
from vireid.settings import Recorded
from vireid.settings.kinds import constructor_hints, is_plain, takes_paths, tells_nothing, wants_object

CLASS_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", re.ASCII)
PARTS = ("model", "data", "trainer")
OF_TRAINER = frozenset({"callbacks", "logger", "plugins", "profiler", "strategy"})


def named_classes(words: Sequence[str]) -> tuple[str, ...]:
    """Class paths in ``--allow``, in configuration files, and in options of model, data and trainer.

    A class path counts where the parser takes a class: as ``class_path``, or as an argument of our classes that is an object. Names of
    files, comments and all other values do not count, because somebody else may have chosen them.

    Args:
        words: of the command line; configurations are files.
    """
    return tuple(dict.fromkeys(path for layer in read_layers(words) for path in _of_layer(layer.content)))


def _of_layer(content: dict[str, Any]) -> Iterator[str]:
    allowed = content.get("allow")
    if isinstance(allowed, str):
        yield from (name.strip() for name in allowed.split(",") if name.strip())
    yield from _classes({part: content[part] for part in PARTS if part in content})


def _classes(value: Any, name: str = "") -> Iterator[str]:
    """Class paths in the value of the argument ``name``."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _classes(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from _classes(item, name)
    elif isinstance(value, str) and CLASS_PATH.fullmatch(value) and _is_class(value, name):
        yield value


def _is_class(value: str, name: str) -> bool:
    return name == "class_path" or (name in {*PARTS, *OF_TRAINER, *_objects()} and not os.path.lexists(value))


@functools.cache
def imported_arguments() -> frozenset[str]:
    """Names of arguments for which a parser may import what a text names, in some public class or in the Trainer."""
    hints = [pair for cls in public_classes() for pair in constructor_hints(cls).items()]
    return OF_TRAINER | {name for name, hint in hints if wants_object(hint) and not (tells_nothing(hint) or takes_paths(hint))}


@functools.cache
def _objects() -> frozenset[str]:
    """Names of arguments that are objects in a public class, and a text or a path alone in none."""
    hints = [pair for cls in public_classes() for pair in constructor_hints(cls).items()]
    texts = {name for name, hint in hints if takes_paths(hint) or (is_plain(hint) and str in (hint, *get_args(hint)))}
    return frozenset({name for name, hint in hints if not (is_plain(hint) or tells_nothing(hint))} - texts)


def public_classes() -> Iterator[type[Recorded]]:
    """Every class of the package that a file may name by its public path."""
    for room in ROOMS:
        package = importlib.import_module(f"vireid.{room}")
        for cls in (getattr(package, name) for name in package.__all__):
            if isinstance(cls, type) and issubclass(cls, Recorded):
                yield cls
