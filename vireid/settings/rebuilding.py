"""Rebuild objects from their settings, and refuse what may not be rebuilt."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_type_hints

from vireid.errors import CheckpointError, VireidError
from vireid.settings.constructors import reachable
from vireid.settings.recorded import Recorded
from vireid.settings.torch_classes import without_torch


def instantiate(settings: Any, allowed: tuple[str, ...] = ("vireid.",), **extra: Any) -> Any:
    """The object that ``settings`` describe; nested settings are instantiated first.

    Args:
        settings: ``{"class_path", "init_args"}``, or any plain value, which comes back as it is.
        allowed: prefixes of class paths that may be imported; anything else is refused before it is imported.
        extra: arguments that replace the recorded ones (top level only).

    Raises:
        CheckpointError: a class path is outside ``allowed`` or names no class, or arguments do not fit.
    """
    if isinstance(settings, list):
        return [instantiate(item, allowed) for item in settings]
    if not isinstance(settings, dict):
        return settings
    if "class_path" not in settings:
        return {key: instantiate(item, allowed) for key, item in settings.items()}
    cls = import_class(settings["class_path"], allowed)
    rest, of_torch = without_torch(settings)
    arguments = instantiate(rest.get("init_args", {}), allowed)
    try:
        return cls(**{**arguments, **of_torch, **extra})
    except VireidError:
        raise
    except Exception as error:  # whatever a constructor stumbles over in values of a wrong kind
        raise CheckpointError(f"{settings['class_path']} cannot be built from its saved settings: {error}.") from error


def check_class_paths(settings: Any, allowed: tuple[str, ...] = ("vireid.",)) -> None:
    """Refuse settings that name a class outside ``allowed``, wherever it is nested. This imports nothing but torch.

    Settings of an object hold a class path and arguments, and nothing else. Names of arguments must be plain identifiers, because a
    parser reads ``head.class_path`` as a class path too. Where an optimiser or a schedule of torch is expected, settings may name
    only such classes of torch, see :mod:`~vireid.settings.torch_classes`.

    Args:
        settings: plain values of dictionaries and lists.
        allowed: prefixes of class paths.

    Raises:
        CheckpointError: settings name a class outside ``allowed``, or are damaged. The message names what is wrong.
    """
    foreign = list(dict.fromkeys(_foreign(settings, allowed)))
    if foreign:
        raise CheckpointError(
            f"The file asks to import {', '.join(map(repr, foreign))}. Only classes whose path starts with {allowed[0]!r} are imported "
            f"from a file; name others on the command line if you trust them: --allow {','.join(foreign)}."
        )
    _check_forms(settings)


def _foreign(settings: Any, allowed: tuple[str, ...]) -> Iterator[str]:
    """Class paths outside ``allowed``, in order."""
    if isinstance(settings, list):
        for item in settings:
            yield from _foreign(item, allowed)
    if isinstance(settings, dict):
        path = settings.get("class_path", allowed[0])
        if not (isinstance(path, str) and path.startswith(allowed)):
            yield str(path)
        for item in without_torch(settings)[0].values():
            yield from _foreign(item, allowed)


def _check_forms(settings: Any) -> None:
    if isinstance(settings, list):
        for item in settings:
            _check_forms(item)
    if isinstance(settings, dict):
        if "class_path" in settings:
            _check_form(settings)
        for item in without_torch(settings)[0].values():
            _check_forms(item)


def _check_form(settings: dict[str, Any]) -> None:
    arguments = settings.get("init_args", {})
    wrong = [key for key in settings if key not in ("class_path", "init_args")]
    wrong += [key for key in arguments if not str(key).isidentifier()] if isinstance(arguments, dict) else ["init_args"]
    if wrong:
        raise CheckpointError(f"The settings of {settings['class_path']!r} are damaged: unexpected {', '.join(map(repr, wrong))}.")


def check_objects(settings: Any, allowed: tuple[str, ...] = ("vireid.",)) -> None:
    """Refuse a text where a constructor wants an object. The parser of the command line would import or read what the text names.

    Call :func:`check_class_paths` first, because this function imports the classes that the settings name.

    Raises:
        CheckpointError: there is such a text. The message names class, argument and text.
    """
    if not isinstance(settings, (dict, list)):
        return
    for item in without_torch(settings)[0].values() if isinstance(settings, dict) else settings:
        check_objects(item, allowed)
    if isinstance(settings, dict) and "class_path" in settings:
        hints: dict[str, Any] = {}
        for constructor in reachable(import_class(settings["class_path"], allowed)):
            hints = {**get_type_hints(constructor), **hints}
        for name, value in settings.get("init_args", {}).items():
            texts = [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)]
            if any(_imports(text, hints.get(name)) for text in texts):
                raise CheckpointError(f"{settings['class_path']} needs the settings of an object as `{name}`, the file has {texts[0]!r}.")


def _imports(text: str, hint: Any) -> bool:
    """Whether the parser may take a text for the path of a class; where a name may stand too, that is one with a dot."""
    return _wants_object(hint) and (str not in get_args(hint) or "." in text)


def _wants_object(hint: Any) -> bool:
    if arguments := get_args(hint):
        return any(map(_wants_object, arguments))
    return isinstance(hint, type) and hint.__module__ != "builtins" and not issubclass(hint, (Path, Enum))


def import_class(path: Any, allowed: tuple[str, ...] = ("vireid.",)) -> type:
    """The class behind ``path``.

    Raises:
        CheckpointError: ``path`` is outside ``allowed`` (then nothing is imported), or names no class that can be rebuilt.
    """
    check_class_paths({"class_path": path}, allowed)
    module, _, name = str(path).rpartition(".")
    try:
        cls = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        where = "in this version of vireid" if str(path).startswith("vireid.") else f"to import ({error})"
        raise CheckpointError(f"There is no class {path!r} {where}.") from error
    if not (isinstance(cls, type) and issubclass(cls, Recorded)):
        raise CheckpointError(f"{path!r} is not a class that can be rebuilt from saved settings (one that derives from Recorded).")
    return cls
