"""Reader of image lists, whose lines are a path, a blank and a number."""

from __future__ import annotations

import warnings
from pathlib import Path

from vireid.data.datasets.texts import inside, read_text, shown, whole_number
from vireid.errors import DatasetError, DatasetNotFoundError


def read_index(root: Path, name: str, form: str, hint: str = "set `data.init_args.root`.", folder: str = "") -> list[tuple[str, int]]:
    """Paths (relative, with forward slashes) and numbers of the lines of a list, in its order. Empty lines are skipped.

    Args:
        root: folder of the dataset.
        name: path of the list, relative to the root.
        form: form of a line, for messages.
        hint: advice in the message if the list is absent.
        folder: folder under the root that paths are relative to. An absolute path must lie in it.

    Raises:
        DatasetNotFoundError: the list is absent.
        DatasetError: the list is empty, cannot be read, a line is not a path and a whole number, or a path leads out of ``folder``.
    """
    try:
        lines = read_text(root / name).split("\n")
    except FileNotFoundError:
        raise DatasetNotFoundError(f"There is no `{name}` under {str(root)!r}; {hint}") from None
    found, base = [], str(root / folder)
    for number, line in enumerate(lines, start=1):
        words = line.strip().rsplit(maxsplit=1)
        if not words:
            continue
        label = whole_number(words[-1])
        if len(words) < 2 or label is None:
            raise DatasetError(f"Line {number} of `{name}` must read `{form}`, found {shown(line.strip())}.")
        path = inside(words[0], base)
        if path is None:
            raise DatasetError(
                f"Line {number} of `{name}` names {shown(words[0])}, which is outside {base!r}. Write paths that are relative to it."
            )
        found.append((path, label))
    if not found:
        raise DatasetError(f"`{name}` under {str(root)!r} is empty.")
    doubles = len(found) - len({path for path, _ in found})
    if doubles:
        warnings.warn(f"`{name}` under {str(root)!r} names {doubles} files twice: they are kept.", stacklevel=3)
    return found
