"""Rebuild objects from their settings, and refuse what may not be rebuilt."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any, get_args

from vireid.errors import CheckpointError, VireidError
from vireid.importable import OWN, may_import
from vireid.settings.kinds import constructor_hints, fits, is_plain, kind_names, wants_object
from vireid.settings.recorded import Recorded
from vireid.settings.torch_classes import without_torch


def instantiate(settings: Any, allowed: tuple[str, ...] = OWN, *, of_kind: Any = Any, **extra: Any) -> Any:
    """The object that ``settings`` describe; nested settings are instantiated first, each as the kind that its argument takes.

    Args:
        settings: ``{"class_path", "init_args"}``, or any plain value, which comes back as it is.
        allowed: what may be imported, as ``may_import`` reads it; anything else is refused before it is imported.
        of_kind: class of the object, or type of the argument that it is for. Nothing of another kind is built, and where the type is of
            plain values, settings stay plain values.
        extra: arguments that replace the recorded ones (top level only).

    Raises:
        CheckpointError: a class path is outside ``allowed`` or names no class, an object is of another kind, or arguments do not fit.

    Example:
        >>> instantiate({"class_path": "vireid.losses.CrossEntropy", "init_args": {"weight": 2.0}}).weight
        2.0
    """
    check_class_paths(settings, allowed)
    return _built(settings, allowed, of_kind, extra)


def _built(settings: Any, allowed: tuple[str, ...], kind: Any, extra: dict[str, Any]) -> Any:
    if is_plain(kind):
        return settings
    if isinstance(settings, list):
        return [_built(item, allowed, kind, {}) for item in settings]
    if not isinstance(settings, dict):
        return settings
    if "class_path" not in settings:
        return {key: _built(item, allowed, kind, {}) for key, item in settings.items()}
    cls = _class_of_kind(settings["class_path"], allowed, kind)
    rest, of_torch = without_torch(settings)
    given, hints = rest.get("init_args", {}), constructor_hints(cls)
    arguments = {name: _built(value, allowed, hints.get(name, Any), {}) for name, value in given.items() if name not in extra}
    try:
        return cls(**{**arguments, **of_torch, **extra})
    except VireidError:
        raise
    except Exception as error:  # whatever a constructor stumbles over in values of a wrong kind
        raise CheckpointError(f"{settings['class_path']} cannot be built from its saved settings: {error}.") from error


def _class_of_kind(path: Any, allowed: tuple[str, ...], kind: Any) -> type[Recorded]:
    cls = import_class(path, allowed)
    if not fits(cls, kind):
        raise CheckpointError(f"The file has {path!r} where {kind_names(kind)} is expected.")
    return cls


def check_class_paths(settings: Any, allowed: tuple[str, ...] = OWN) -> None:
    """Refuse settings that name a class outside ``allowed``, wherever it is nested. This imports nothing but torch.

    Settings of an object hold a class path and arguments, and nothing else. Names of arguments must be plain identifiers, because a
    parser reads ``head.class_path`` as a class path too. Where an optimiser or a schedule of torch is expected, settings may name
    only such classes of torch, see ``torch_classes``.

    Args:
        settings: plain values of dictionaries and lists.
        allowed: what may be imported, as ``may_import`` reads it.

    Raises:
        CheckpointError: settings name a class outside ``allowed``, or are damaged. The message names what is wrong.

    Example:
        >>> check_class_paths({"class_path": "vireid.losses.CrossEntropy"})
    """
    foreign = list(dict.fromkeys(_foreign(settings, allowed)))
    if foreign:
        raise CheckpointError(
            f"The file asks to import {', '.join(map(repr, foreign))}. Only classes of vireid are imported "
            f"from a file; name others on the command line if you trust them: --allow {','.join(foreign)}."
        )
    _check_forms(settings)


def _foreign(settings: Any, allowed: tuple[str, ...]) -> Iterator[str]:
    """Class paths outside ``allowed``, in order."""
    if isinstance(settings, list):
        for item in settings:
            yield from _foreign(item, allowed)
    if isinstance(settings, dict):
        if "class_path" in settings and not may_import(settings["class_path"], allowed):
            yield str(settings["class_path"])
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


def check_objects(settings: Any, allowed: tuple[str, ...] = OWN, kind: Any = Any) -> None:
    """Refuse what an argument does not take, before a parser builds it: an object of another kind, or a text in place of an object.

    The parser of the command line would import or read what such a text names. It builds nothing where the type is of plain values, so
    what stands there, such as the space of a genotype, is left to who reads it.

    Call :func:`check_class_paths` first, because this function imports the classes that the settings name.

    Args:
        settings: plain values of dictionaries and lists.
        allowed: as in :func:`check_class_paths`.
        kind: class of the object, or type of the argument that it is for.

    Raises:
        CheckpointError: there is such a value. The message names class, argument and value.

    Example:
        >>> check_objects({"class_path": "vireid.losses.CrossEntropy", "init_args": {"weight": 2.0}})
    """
    if is_plain(kind):
        return
    if isinstance(settings, list):
        for item in settings:
            check_objects(item, allowed, kind)
    elif isinstance(settings, dict) and "class_path" not in settings:
        for item in settings.values():
            check_objects(item, allowed, kind)
    elif isinstance(settings, dict):
        cls = _class_of_kind(settings["class_path"], allowed, kind)
        hints = constructor_hints(cls)
        for name, value in without_torch(settings)[0].get("init_args", {}).items():
            texts = [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)]
            if any(_imports(text, hints.get(name)) for text in texts):
                raise CheckpointError(f"{settings['class_path']} needs the settings of an object as `{name}`, the file has {texts[0]!r}.")
            check_objects(value, allowed, hints.get(name, Any))


def _imports(text: str, hint: Any) -> bool:
    """Whether the parser may take a text for the path of a class or of a genotype; where a name may stand too, that is one with a dot."""
    return (wants_object(hint) or dict in get_args(hint)) and (str not in get_args(hint) or "." in text)


def import_class(path: Any, allowed: tuple[str, ...] = OWN) -> type[Recorded]:
    """The class behind ``path``.

    Raises:
        CheckpointError: ``path`` is outside ``allowed`` (then nothing is imported), or names no class that can be rebuilt.

    Example:
        >>> import_class("vireid.losses.CrossEntropy").__name__
        'CrossEntropy'
    """
    check_class_paths({"class_path": path}, allowed)
    module, _, name = str(path).rpartition(".")
    try:
        cls = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        where = "in this version of vireid" if may_import(path) else f"to import ({error})"
        raise CheckpointError(f"There is no class {path!r} {where}.") from error
    if not (isinstance(cls, type) and issubclass(cls, Recorded) and (not may_import(path) or may_import(f"{cls.__module__}.x"))):
        raise CheckpointError(f"{path!r} is not a class that can be rebuilt from saved settings (one that derives from Recorded).")
    return cls
