"""Numbers of people by the names that they have on disk."""

from __future__ import annotations

from collections.abc import Iterable

from vireid.data.datasets.texts import whole_number
from vireid.errors import DatasetError


class Spellings:
    """Reader of numbers that stand for people. It refuses two spellings of one number, which may be one person or two.

    Args:
        where: where the numbers stand, for the message.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self._first: dict[int, str] = {}

    def number(self, name: str) -> int | None:
        """Number of a name; ``None`` if the name is not a whole number of at most 18 digits.

        Raises:
            DatasetError: the number has had another spelling, such as ``1`` and ``01``. The message gives both.
        """
        number = whole_number(name)
        if number is not None and self._first.setdefault(number, name) != name:
            raise DatasetError(
                f"{self._first[number]!r} and {name!r} in {self._where} are one number: rename one, so that every person has one name."
            )
        return number


def numbering(names: Iterable[str], where: str) -> dict[str, int]:
    """Number of each name: the number itself if all names are whole numbers, otherwise 1, 2, ... in the order of the sorted names.

    Raises:
        DatasetError: two names are one number.
    """
    unique, spellings = sorted(set(names)), Spellings(where)
    numbers = {name: number for name in unique if (number := spellings.number(name)) is not None}
    return numbers if len(numbers) == len(unique) else {name: index for index, name in enumerate(unique, start=1)}
