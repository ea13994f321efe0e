"""``vireid configs``, and configuration files that come with the package, found by the name they have in the source tree."""

from __future__ import annotations

import difflib
import shutil
import sys
import textwrap
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from vireid.errors import SettingsError
from vireid.files import read_bytes
from vireid.printable import visible

FLAGS = ("-c", "--config")
LARGEST = 1_000_000  # bytes of a configuration
USAGE = """usage: vireid configs [NAME]

List the configuration files that come with the package. Give them to other
commands as -c NAME, as often as you like: the later file wins.

  NAME    print this file instead of the list
"""


def main(words: list[str]) -> int:
    """Run ``vireid configs [NAME]``; ``words[0]`` is ``configs``."""
    names = [word for word in words[1:] if not word.startswith("-")]
    flags = [word for word in words[1:] if word.startswith("-")]
    if {"-h", "--help"} & set(flags):
        sys.stdout.write(USAGE)
    elif flags or len(names) > 1:
        raise SettingsError(f"`vireid configs` takes one name at most, got {' '.join(words[1:])}.")
    elif names:
        sys.stdout.write(visible(read_bytes(find_config(names[0]), LARGEST).decode("utf-8", errors="replace")))
    else:
        sys.stdout.write(config_table(shutil.get_terminal_size().columns))
    return 0


def config_names() -> list[str]:
    """Names of the packaged files, such as ``train/agw.yaml``."""
    folder = packaged_configs()
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.yaml"))


def config_table(columns: int) -> str:
    """One line for each file, below its folder: its name and the beginning of its first comment.

    Args:
        columns: width of a line.
    """
    width = max(len(Path(name).stem) for name in config_names()) + 4
    rows = []
    for folder, names in groupby(config_names(), key=lambda name: name.split("/")[0]):
        rows.append(f"{folder}/")
        for name in names:
            rows.append(
                f"  {Path(name).stem}".ljust(width) + textwrap.shorten(_first_comment(name), max(columns - width, 20), placeholder="...")
            )
    return "\n".join([*rows, "", "Print one: vireid configs train/agw. Use several: vireid fit -c A -c B.\n"])


def configs_by_folder(columns: int = 80) -> str:
    """The names without endings, one paragraph for each folder; files for other commands than ``fit`` are left out."""
    names = [name.removesuffix(".yaml").split("/", 1) for name in config_names() if not name.startswith("study/")]
    paragraphs = [
        textwrap.fill(" ".join(name for _, name in group), columns, initial_indent=f"  {folder + '/':<11}", subsequent_indent=" " * 13)
        for folder, group in groupby(names, key=lambda parts: parts[0])
    ]
    return "\n".join([*paragraphs, "`vireid configs` says what each of them is."])


def _first_comment(name: str) -> str:
    lines = (packaged_configs() / name).read_text(encoding="utf-8").splitlines()
    return next((line.lstrip("# ") for line in lines if line.startswith("#")), "")


def packaged_configs() -> Path:
    """Folder of the packaged configurations: inside an installed package, beside it in a source tree."""
    package = Path(__file__).parent.parent
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


def resolve_configs(words: Sequence[str]) -> list[str]:
    """``words``, where the path of the packaged file replaces the name of every configuration that is not a local file.

    A file that holds nothing but comments is left out.

    Raises:
        SettingsError: a configuration is neither a local file nor packaged. The message says how to list the packaged ones.

    Example:
        >>> from pathlib import Path
        >>> Path(resolve_configs(["fit", "-c", "search/cm_nas.yaml"])[2]).is_absolute()
        True
    """
    resolved: list[str] = []
    follows = False
    for word in words:
        flag, _, value = word.partition("=")
        if follows:
            resolved[-1:] = _layer(word, word_before=resolved[-1])
        elif flag in FLAGS and value:
            resolved += _layer(value, flag)
        else:
            resolved.append(word)
        follows = word in FLAGS
    return resolved


def _layer(name: str, word_before: str) -> list[str]:
    """The words that name a configuration; none for a file of comments, which changes nothing and which the parser would refuse."""
    path = find_config(name)
    return [] if _says_nothing(Path(path)) else [word_before, path]


def _says_nothing(path: Path) -> bool:
    try:
        lines = read_bytes(path, LARGEST).decode("utf-8", errors="replace").splitlines()
    except OSError as error:
        raise SettingsError(f"Cannot read the configuration {str(path)!r}: {error.strerror or error}.") from error
    return all(not line.strip() or line.lstrip().startswith("#") or line.rstrip() in ("---", "...") for line in lines)


def find_config(name: str) -> str:
    """Path of a configuration: the local file of this name, else the packaged one.

    Raises:
        SettingsError: there is neither.
    """
    folder = packaged_configs()
    for path in (Path(name), folder / name, folder / f"{name}.yaml"):
        if path.is_file():
            return str(path if path == Path(name) else path.resolve())
    known = config_names()
    close = difflib.get_close_matches(name if name.endswith(".yaml") else f"{name}.yaml", known, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise SettingsError(
        f"There is no configuration file {name!r}, neither here nor in the package.{hint} `vireid configs` lists the packaged ones."
    )
