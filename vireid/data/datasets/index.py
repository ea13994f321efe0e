"""Reader of image lists, whose lines are a path, a blank and a number."""

from __future__ import annotations

import warnings
from pathlib import Path

from vireid.errors import DatasetError, DatasetNotFoundError


def read_index(root: Path, name: str, form: str, hint: str = "set `data.init_args.root`.") -> list[tuple[str, int]]:
    """Paths (with forward slashes) and numbers of the lines of a list, in its order. Empty lines are skipped.

    Args:
        root: folder of the dataset.
        name: path of the list, relative to the root.
        form: form of a line, for messages.
        hint: advice in the message if the list is absent.

    Raises:
        DatasetNotFoundError: the list is absent.
        DatasetError: the list is empty, or a line is not a path and a whole number.
    """
    try:
        lines = (root / name).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise DatasetNotFoundError(f"There is no `{name}` under {str(root)!r}; {hint}") from None
    found = []
    for number, line in enumerate(lines, start=1):
        words = line.rsplit(maxsplit=1)
        if not words:
            continue
        if len(words) < 2 or not words[1].isdigit():
            raise DatasetError(f"Line {number} of `{name}` must read `{form}`, found {line.strip()!r}.")
        found.append((words[0].strip().replace("\\", "/"), int(words[1])))
    if not found:
        raise DatasetError(f"`{name}` under {str(root)!r} is empty.")
    doubles = len(found) - len({path for path, _ in found})
    if doubles:
        warnings.warn(f"`{name}` under {str(root)!r} names {doubles} files twice: they are kept.", stacklevel=3)
    return found
