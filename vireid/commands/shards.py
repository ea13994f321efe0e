"""The options of ``vireid predict`` for one part of a list, before torch is loaded."""

from __future__ import annotations

from pathlib import Path

from vireid.deploy.folder import CARD
from vireid.errors import SettingsError
from vireid.files import file_digest
from vireid.printable import printable
from vireid.results.images import EMBEDDINGS_FILE
from vireid.results.shard_files import is_finished
from vireid.structures import Shard
from vireid.terminal import say


def shard_folder(run_dir: str | None, shard: Shard | None) -> str | None:
    """The folder of a part in that of all parts; ``run_dir`` itself without a part.

    Raises:
        SettingsError: no folder is named, which jobs of other parts could know.
    """
    if shard is None:
        return run_dir
    if run_dir is None:
        raise SettingsError("`--shard` needs --run_dir, one folder for all parts.")
    return str(Path(run_dir) / shard.name)


def is_predicted(shard: str, checkpoint: str, run_dir: str | None, **expected: str) -> bool:
    """Whether a part is embedded already, which is said.

    Args:
        shard: the part, such as ``2/7``.
        checkpoint: checkpoint, or exported folder.
        run_dir: folder of all parts.
        expected: what else the part's file must say, by name.

    Raises:
        SettingsError: there is no such part, or no folder is named.
        ResultsError: the part is of another model or list, or its file has changed.
    """
    folder = Path(shard_folder(run_dir, Shard.parse(shard)) or "")
    path = folder / EMBEDDINGS_FILE
    if not path.is_file() or not Path(checkpoint).exists() or not is_finished(folder, checkpoint=source_sha256(checkpoint), **expected):
        return False
    say(f"Part {shard} is embedded already: {printable(path)}")
    return True


def source_sha256(checkpoint: str) -> str:
    """Digest of a checkpoint, or of the card of an exported folder, which holds the digests of its files."""
    path = Path(checkpoint)
    return file_digest(path / CARD if path.is_dir() else path)
