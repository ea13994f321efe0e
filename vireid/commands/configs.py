"""Configuration files that come with the package, found by the name they have in the source tree."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vireid.errors import SettingsError

FLAGS = ("-c", "--config")


def packaged_configs() -> Path:
    """Folder of the packaged configurations: inside an installed package, beside it in a source tree."""
    package = Path(__file__).parent.parent
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


def resolve_configs(words: Sequence[str]) -> list[str]:
    """``words`` with every configuration that is no local file replaced by the packaged one of that name.

    Raises:
        SettingsError: neither here nor packaged; the message lists the packaged ones.

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
            resolved.append(_find(word))
        elif flag in FLAGS and value:
            resolved.append(f"{flag}={_find(value)}")
        else:
            resolved.append(word)
        follows = word in FLAGS
    return resolved


def _find(name: str) -> str:
    folder = packaged_configs()
    for path in (Path(name), folder / name, folder / f"{name}.yaml"):
        if path.is_file():
            return str(path if path == Path(name) else path.resolve())
    shipped = ", ".join(sorted(str(path.relative_to(folder)) for path in folder.rglob("*.yaml")))
    raise SettingsError(f"There is no configuration file {name!r}, neither here nor in the package. Packaged: {shipped}.")
