"""A class of ``torch.optim`` or ``torch.optim.lr_scheduler`` that a user chose, with its arguments, as plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from vireid.errors import SettingsError
from vireid.settings.torch_classes import public_classes


@dataclass(frozen=True)
class TorchChoice:
    """A class of torch and its arguments.

    Args:
        path: public path of the class.
        cls: the class.
        arguments: by name; numbers, words, and lists of these.
    """

    path: str
    cls: type
    arguments: Mapping[str, Any]

    def settings(self) -> dict[str, Any]:
        """``{"class_path": ..., "init_args": {...}}`` of plain values."""
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in self.arguments.items()}
        return {"class_path": self.path, "init_args": plain}

    def __call__(self, first: Any) -> Any:
        """An object of the class on ``first``, parameters or an optimiser.

        Raises:
            SettingsError: the class does not take its arguments, or not with ``first``.
        """
        return _built(self.path, partial(self.cls, **self.arguments), first)


def _built(path: str, make: Callable[[Any], Any], first: Any) -> Any:
    try:
        return make(first)
    except (TypeError, ValueError, KeyError) as error:
        raise SettingsError(f"{path} cannot be built from its arguments: {error}") from error


@dataclass(frozen=True)
class Kind:
    """The classes that may be chosen as one argument.

    Args:
        argument: name of the argument.
        module: module of torch that has the classes.
        base: class that all choices derive from.
        ours: class of ours to derive from instead.
        refused: reason for each refused class, by its name.
    """

    argument: str
    module: str
    base: str
    ours: str
    refused: Mapping[str, str]

    def choice(self, value: Any, sample: Any) -> TorchChoice:
        """What ``value`` says: a class, a ``functools.partial`` of one with named arguments, or what the parser makes of a ``class_path``.

        Args:
            value: see above.
            sample: what the class is called on, to see whether it takes its arguments.

        Raises:
            SettingsError: another class, one that a training cannot use, or an argument that is no plain value.
        """
        cls, arguments = self._class_and_arguments(value, sample)
        path = next((path for path, public in public_classes(self.module, self.base).items() if public is cls), None)
        if path is None:
            name = getattr(cls, "__qualname__", repr(cls))
            raise SettingsError(
                f"`{self.argument}` must be a public class of {self.module}, got {name}. For one of your own derive from {self.ours}."
            )
        if cls.__name__ in self.refused:
            reason = self.refused[cls.__name__]
            raise SettingsError(f"`{self.argument}` cannot be {path}: {reason} Choose another class, or derive from {self.ours}.")
        for name, argument in arguments.items():
            if not _is_plain(argument):
                raise SettingsError(f"`{name}` of {path} must be a number, a text or a list of numbers, got {argument!r}.")
        made = TorchChoice(path, cls, arguments)
        made(sample)
        return made

    def _class_and_arguments(self, value: Any, sample: Any) -> tuple[Any, dict[str, Any]]:
        if isinstance(value, TorchChoice):
            return value.cls, dict(value.arguments)
        if isinstance(value, partial) and str(getattr(value.func, "__module__", "")).startswith("jsonargparse."):
            return type(_built(f"`{self.argument}`", value, sample)), dict(value.keywords)
        if not isinstance(value, partial) or not isinstance(value.func, type):
            return value, {}
        if value.args:
            raise SettingsError(f"`{self.argument}` must have named arguments only, got {value.args[0]!r} without a name.")
        return value.func, dict(value.keywords)


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(item is None or isinstance(item, (bool, int, float)) for item in value)
    return value is None or isinstance(value, (bool, int, float, str))
