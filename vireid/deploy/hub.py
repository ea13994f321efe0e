"""Folders of deployed networks from Hugging Face."""

from __future__ import annotations

import re
from pathlib import Path

from vireid.errors import MissingFileError, SettingsError

REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


def downloaded(name: str) -> Path:
    """The folder of a repository, in the cache of this machine.

    Args:
        name: ``owner/repository``.

    Raises:
        MissingFileError: it is no such id, or cannot be downloaded.
        SettingsError: the extra ``hub`` is absent.
    """
    if not REPOSITORY.fullmatch(name):
        raise MissingFileError(f"There is no folder {name!r}.")
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise SettingsError(f"There is no folder {name!r}. To download the repository of that name: pip install 'vireid[hub]'.") from error
    try:
        return Path(snapshot_download(name))
    except Exception as error:  # of the network, of rights, of names
        raise MissingFileError(
            f"There is no folder {name!r}, and no repository of that name: {' '.join(str(error).split())[:200]}"
        ) from error
