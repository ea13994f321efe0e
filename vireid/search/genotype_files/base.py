"""What a format of genotype files is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from vireid.structures import Genotype


class Format(NamedTuple):
    """One kind of file.

    Attributes:
        name: that a user gives it by, such as ``cm_nas``.
        ending: of its files' names.
        fits: whether a file with this ending is one, by its content.
        read: the genotype of a path, given arguments of its space that the file does not tell, such as ``backbone`` or ``width``; those
            that the format does not need are left aside.
        write: genotype and path.
        tells_space: whether a file tells its space with all arguments.
    """

    name: str
    ending: str
    fits: Callable[[str], bool]
    read: Callable[[str, Mapping[str, Any]], Genotype]
    write: Callable[[Genotype, str], None]
    tells_space: bool = False
