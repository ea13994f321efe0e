"""What each configuration file and each option of a command line says, in their order: the later one wins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # ships no type information

from vireid.commands.configs import LARGEST
from vireid.errors import SettingsError
from vireid.files import read_text
from vireid.settings.bounds import MOST_SETTINGS, check_bounds

FLAGS = ("-c", "--config")
INSIDE = ("init_args", "dict_kwargs")  # what lies below these keys belongs to the class beside them


@dataclass(frozen=True)
class Layer:
    """One file or one option.

    Attributes:
        source: name that the user gave: a file, or an option such as ``--model.head``.
        content: nested dictionaries without ``init_args``: ``{"model": {"class_path": ..., "seed": 1}}``.
        is_file: whether it is a file.
    """

    source: str
    content: dict[str, Any]
    is_file: bool

    def said(self, keys: Sequence[str]) -> bool:
        """Whether the layer sets a key, or something below it."""
        return _said(self.content, keys)

    def names_class(self, keys: Sequence[str]) -> bool:
        """Whether the layer names a class at a key."""
        return _names_class(self.content, keys)

    def classes(self) -> Iterator[str]:
        """Every class path in the layer."""
        yield from _classes(self.content)


def read_layers(words: Sequence[str]) -> list[Layer]:
    """The layers of a command line. A file that is not a YAML mapping counts as empty here; the parser reports it later.

    Example:
        >>> read_layers(["fit", "--model.optimizer.init_args.lr", "0.1"])[0].content
        {'model': {'optimizer': {'lr': 0.1}}}
    """
    layers = []
    for name, value in options(words):
        if name in FLAGS:
            layers.append(Layer(value, _read(value) or {}, True))
        else:
            layers.append(Layer(name, _nested(name.lstrip("-").rstrip("+").split("."), _value(value, name)), False))
    return layers


def layer_of(source: str, content: dict[str, Any]) -> Layer:
    """The layer of settings that come from elsewhere, such as a checkpoint."""
    return Layer(source, _flat(content), True)


def with_init_args(value: Any) -> Any:
    """Content of a layer in the form that the parser reads.

    Example:
        >>> with_init_args({"class_path": "vireid.tasks.SGD", "lr": 0.1})
        {'class_path': 'vireid.tasks.SGD', 'init_args': {'lr': 0.1}}
    """
    if isinstance(value, list):
        return [with_init_args(item) for item in value]
    if not isinstance(value, dict):
        return value
    plain = {key: with_init_args(item) for key, item in value.items()}
    return {"class_path": plain.pop("class_path"), "init_args": plain} if "class_path" in plain else plain


def options(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Options and their values; the value of a flag without one is an empty text."""
    for i, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name.startswith("--") or name in FLAGS:
            after = words[i + 1] if i + 1 < len(words) and not words[i + 1].startswith("--") else ""
            yield name, value if equals else after


def _nested(keys: Sequence[str], value: Any) -> dict[str, Any]:
    for key in reversed([key for key in keys if key not in INSIDE]):
        value = {key: value}
    return value if isinstance(value, dict) else {}


def _value(text: str, name: str) -> Any:
    """The value of an option; that of ``--model`` may be a file too."""
    if name.count(".") == 0 and Path(text).suffix in (".yaml", ".yml", ".json") and (content := _read(text)) is not None:
        return content
    try:
        return _flat(yaml.safe_load(text))
    except (yaml.YAMLError, ValueError, RecursionError):
        return text


def _read(name: str) -> dict[str, Any] | None:
    try:
        content = read_configuration(name)
    except SettingsError:
        raise
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return None
    return _flat(content) if isinstance(content, dict) else None


def read_configuration(path: str | Path) -> Any:
    """Content of a YAML or JSON file.

    Raises:
        SettingsError: it means more than it holds: it is nested too deeply, or repeats parts of itself. Or it holds a number of thousands
            of digits, or a date that there is not.
        OSError, UnicodeDecodeError, RecursionError, yaml.YAMLError: it cannot be read; :func:`yaml_problem` says why.
    """
    text = read_text(path, LARGEST)
    if text.count(",") + text.count("\n") > 2 * MOST_SETTINGS:  # of values, each of which takes a parser a while
        raise SettingsError(f"The configuration {str(path)!r} is too large: it has more than {MOST_SETTINGS:,} values.")
    try:
        content = yaml.safe_load(text)
    except (ValueError, OverflowError) as error:  # of Python, for numbers and dates
        raise SettingsError(f"The configuration {str(path)!r} holds a value that cannot be read: {error}.") from error
    try:
        check_bounds(content)
    except ValueError as error:
        raise SettingsError(f"The configuration {str(path)!r} is too large: its {error}.") from error
    return content


def yaml_problem(error: Exception) -> str:
    """What :func:`read_configuration` stumbled over, on one line."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "it is not in UTF-8"
    mark = getattr(error, "problem_mark", None)
    place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return f"{getattr(error, 'problem', None) or ' '.join(str(error).split())}{place}"


def _flat(value: Any) -> Any:
    if isinstance(value, list):
        return [_flat(item) for item in value]
    if not isinstance(value, dict):
        return value
    flat: dict[str, Any] = {}
    for key, item in value.items():
        if key in INSIDE and isinstance(item, dict):
            flat |= _flat(item)
        else:
            flat[str(key)] = _flat(item)
    return flat


def _said(value: Any, keys: Sequence[str]) -> bool:
    if not keys:
        return True
    if isinstance(value, list):
        return any(_said(item, keys) for item in value)
    return isinstance(value, dict) and keys[0] in value and _said(value[keys[0]], keys[1:])


def _names_class(value: Any, keys: Sequence[str]) -> bool:
    if isinstance(value, list):
        return any(_names_class(item, keys) for item in value)
    if not keys:
        return isinstance(value, str) or (isinstance(value, dict) and "class_path" in value)
    return isinstance(value, dict) and _names_class(value.get(keys[0]), keys[1:])


def _classes(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("class_path"), str):
            yield value["class_path"]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _classes(item)
