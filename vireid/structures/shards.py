"""Parts of a list of images that are embedded by one job each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from vireid.errors import SettingsError

MOST = 1_000_000
NAME = re.compile(r"shard-(\d{1,7})-of-(\d{1,7})")


@dataclass(frozen=True)
class Shard:
    """One of several parts of a list, dealt out in turn.

    Attributes:
        number: which part, from 1.
        of: number of parts.

    Raises:
        SettingsError: there is no such part.
    """

    number: int
    of: int

    def __post_init__(self) -> None:
        if not 1 <= self.of <= MOST or not 1 <= self.number <= self.of:
            raise SettingsError(
                f"`--shard` must be i/n with i from 1 to n, and n from 1 to {MOST:,}, such as 2/7, got {self.number}/{self.of}."
            )

    @classmethod
    def parse(cls, text: str) -> Shard:
        """The part that a text such as ``2/7`` names.

        Raises:
            SettingsError: it names none.

        Example:
            >>> Shard.parse("2/7").name
            'shard-2-of-7'
        """
        found = re.fullmatch(r"(-?\d{1,9})/(-?\d{1,9})", text)
        if found is None:
            raise SettingsError(f"`--shard` must be i/n, such as 2/7 for the second of seven parts, got {text!r}.")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def of_folder(cls, folder: Path) -> Shard | None:
        """The part whose results a folder holds, by its name."""
        found = NAME.fullmatch(folder.name)
        return None if found is None else cls(int(found[1]), int(found[2]))

    @property
    def name(self) -> str:
        """Name of the folder of its results."""
        return f"shard-{self.number}-of-{self.of}"

    def share(self, rank: int = 0, processes: int = 1) -> tuple[int, int]:
        """First item, and step to the next, of one of several processes that divide this part among themselves.

        Example:
            >>> list(range(12))[slice(*(lambda first, step: (first, None, step))(*Shard(2, 3).share(1, 2)))]
            [4, 10]
        """
        return self.number - 1 + self.of * rank, self.of * processes
