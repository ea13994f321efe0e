"""The mixin of all objects that remember how they were made."""

from __future__ import annotations

from typing import Any

from vireid.settings.constructors import Arguments
from vireid.settings.noted import noted
from vireid.settings.plain_values import class_path, plain


class Recorded:
    """Mixin that remembers constructor arguments, and refuses values outside a ``Literal``.

    List it first among the bases. ``settings()`` gives the class path and every argument, defaults included, as plain values
    (numbers, strings, lists, dictionaries, nested settings). A subclass that resolves an argument (reads a file, say) replaces it
    with ``self.record(name=value)``.

    A constructor may end in ``**shared`` and hand it to ``super().__init__(**shared)``: the arguments of the base are then
    arguments of the subclass too, under their own names and with their own defaults. A value that the subclass sets for its base is
    not an argument, and is not recorded.

    Example:
        >>> class Scale(Recorded):
        ...     def __init__(self, factor: float = 2.0, offset: float = 0.0) -> None:
        ...         self.factor, self.offset = factor, offset
        >>> class Half(Scale):
        ...     def __init__(self, name: str = "half", **shared: Any) -> None:
        ...         super().__init__(factor=0.5, **shared)
        >>> Half(offset=1.0).settings()["init_args"]
        {'name': 'half', 'offset': 1.0}
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _note_constructor(cls)

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        _note_constructor(cls)  # a dataclass gets its constructor after __init_subclass__
        if cls.__init__ is object.__init__ and (args or kwargs):
            raise TypeError(f"{cls.__name__} takes no arguments.")
        self = super().__new__(cls)
        object.__setattr__(self, "_arguments", Arguments())  # before any nn.Module machinery
        object.__setattr__(self, "_resolved", {})
        return self

    def record(self, **resolved: Any) -> None:
        """Replace recorded arguments by their resolved values, such as the content of a file."""
        self._resolved.update(resolved)  # type: ignore[attr-defined]  # set in __new__

    def settings(self) -> dict[str, Any]:
        """``{"class_path": ..., "init_args": {...}}`` of plain values.

        Raises:
            TypeError: an argument has no name or no plain form.
        """
        arguments: Arguments = self._arguments  # type: ignore[attr-defined]  # set in __new__
        values = arguments.by_name(type(self))
        resolved = {name: value for name, value in self._resolved.items() if name in values}  # type: ignore[attr-defined]
        return {"class_path": class_path(type(self)), "init_args": {k: plain(v) for k, v in {**values, **resolved}.items()}}


def _note_constructor(cls: type) -> None:
    if "__init__" in vars(cls) and not hasattr(vars(cls)["__init__"], "notes_arguments"):
        cls.__init__ = noted(vars(cls)["__init__"])  # type: ignore[misc]
