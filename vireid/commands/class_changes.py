"""A later file or option may change a class: which of the earlier arguments it keeps, and which it drops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from vireid.commands.class_arguments import accepts, imported
from vireid.commands.layers import Layer, with_init_args


@dataclass(frozen=True)
class ClassChange:
    """One class that replaces another.

    Attributes:
        keys: keys of the place, such as ``("model", "optimizer")``.
        before, after: class paths.
        kept, dropped: names of arguments that earlier layers gave, without those that the changing layer gives itself.
    """

    keys: tuple[str, ...]
    before: str
    after: str
    kept: tuple[str, ...]
    dropped: tuple[str, ...]

    def __str__(self) -> str:
        new, old = (path.rpartition(".")[2] for path in (self.after, self.before))
        parts = [f"keeps {', '.join(self.kept)}"] * bool(self.kept) + [f"drops {', '.join(self.dropped)}"] * bool(self.dropped)
        return f"{'.'.join(self.keys)}: {new} replaces {old}; {', '.join(parts)}"


def class_changes(layers: Sequence[Layer]) -> list[ClassChange]:
    """Changes of classes for which earlier layers gave arguments, in the order in which they happen.

    A list replaces a list as a whole, so classes in lists do not change.
    """
    state: dict[str, Any] = {}
    changes: list[ClassChange] = []
    for layer in layers:
        changes += _merge(state, layer.content, ())
    return changes


def _merge(state: dict[str, Any], said: dict[str, Any], keys: tuple[str, ...]) -> Iterator[ClassChange]:
    """Lay ``said`` over ``state``, as the parser does."""
    yield from _change(state, said, keys)
    for key, value in said.items():
        value = _as_class(value, state.get(key))
        if isinstance(value, dict):
            if not isinstance(state.get(key), dict):
                before = state.get(key)
                state[key] = {"class_path": before} if _is_class(before) else {}
            yield from _merge(state[key], value, (*keys, key))
        else:
            state[key] = value


def _change(state: dict[str, Any], said: dict[str, Any], keys: tuple[str, ...]) -> Iterator[ClassChange]:
    before, after = state.get("class_path"), said.get("class_path")
    if not (_is_class(before) and _is_class(after)) or imported(str(before)) is imported(str(after)):
        return
    given = [name for name in state if name != "class_path"]
    kept = [name for name in given if accepts(str(after), name, with_init_args(state[name]))]
    for name in set(given) - set(kept):
        del state[name]
    shown = [name for name in given if name not in said]
    if shown:
        yield ClassChange(keys, str(before), str(after), tuple(n for n in shown if n in kept), tuple(n for n in shown if n not in kept))


def _as_class(value: Any, before: Any) -> Any:
    """A class named by its path or its name alone, where a class with arguments was before."""
    if not isinstance(before, dict) or not isinstance(value, str):
        return value
    beside = f"{str(before.get('class_path')).rpartition('.')[0]}.{value}"
    paths = [path for path in (value, beside) if _is_class(path)]
    return {"class_path": paths[0]} if paths else value


def _is_class(value: Any) -> bool:
    try:
        return isinstance(value, str) and isinstance(imported(value), type)
    except ImportError:
        return False
