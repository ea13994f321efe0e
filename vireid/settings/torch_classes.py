"""The only classes of other packages that a file may name by itself: optimisers and schedulers of torch, each in one place.

A place is one argument of one class of ours. There, the path must be that of a public class of one module of torch. Its arguments
must be numbers or single words, so that a parser cannot take one for something to import.
"""

from __future__ import annotations

import importlib
from functools import partial
from typing import Any

from vireid.errors import CheckpointError

PLACES = {  # class and argument: module of torch, and base of the classes that are meant
    ("vireid.tasks.TorchOptimizer", "optimizer"): ("torch.optim", "Optimizer"),
    ("vireid.tasks.TorchSchedule", "scheduler"): ("torch.optim.lr_scheduler", "LRScheduler"),
}


def public_classes(module: str, base: str) -> dict[str, type]:
    """Subclasses of ``base`` that ``module`` exports under their own names, by path."""
    found = importlib.import_module(module)
    below = getattr(found, base)
    names = [name for name in dir(found) if not name.startswith("_") and name != base]
    classes = {name: getattr(found, name) for name in names if isinstance(getattr(found, name), type)}
    return {f"{module}.{name}": cls for name, cls in classes.items() if issubclass(cls, below) and cls.__name__ == name}


def without_torch(settings: dict[str, Any]) -> tuple[dict[str, Any], dict[str, partial[Any]]]:
    """Split the settings of an object: the settings without classes of torch, and these classes with their arguments bound.

    Raises:
        CheckpointError: a place for a class of torch holds another class, or arguments that are neither numbers nor words.
    """
    arguments, owner = settings.get("init_args"), settings.get("class_path")
    if not isinstance(arguments, dict) or not isinstance(owner, str):
        return settings, {}
    found = {name: place for name in arguments if isinstance(arguments[name], dict) and (place := PLACES.get((owner, name)))}
    made = {name: _called(arguments[name], f"{owner}({name}=...)", *place) for name, place in found.items()}
    return {**settings, "init_args": {name: value for name, value in arguments.items() if name not in found}}, made


def _called(settings: dict[str, Any], where: str, module: str, base: str) -> partial[Any]:
    path = settings.get("class_path")
    arguments = settings.get("init_args", {})
    known = public_classes(module, base)
    if not isinstance(path, str) or path not in known:
        raise CheckpointError(
            f"The file asks to import {path!r} as {where}. There it may name a public class of {module}, and nothing else."
        )
    if set(settings) - {"class_path", "init_args"} or not isinstance(arguments, dict):
        raise CheckpointError(f"The settings of {path!r} are damaged: they must be `class_path` and `init_args`, got {list(settings)}.")
    for name, value in arguments.items():
        if not (isinstance(name, str) and name.isidentifier() and _harmless(value)):
            raise CheckpointError(f"The settings of {path!r} are damaged: `{name}` must be a number or a word, got {value!r}.")
    return partial(known[path], **arguments)


def _harmless(value: Any) -> bool:
    """Numbers, lists of them, and words: a parser takes a text with a dot for something to import, or a file to read."""
    if isinstance(value, list):
        return all(item is None or isinstance(item, (bool, int, float)) for item in value)
    return value is None or isinstance(value, (bool, int, float)) or (isinstance(value, str) and value.isidentifier())
