"""What is done to a gallery in a file alone, and copies between files and servers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vireid.commands.gallery.actions import embedder_of
from vireid.deploy import Gallery
from vireid.deploy.gallery.copying import copy_gallery
from vireid.deploy.gallery.records import Copyable
from vireid.deploy.gallery.server_address import is_on_server
from vireid.errors import SettingsError
from vireid.printable import counted, printable
from vireid.terminal import say


def open_file(gallery: str, instead: str, *arguments: Any, **settings: Any) -> Gallery:
    """Open a gallery in a file.

    Args:
        gallery: its name.
        instead: what to do with one on a server, a clause that goes on a sentence.
        arguments, settings: see :meth:`vireid.Gallery.open`.

    Raises:
        SettingsError: it is on a server.
        VireidError: it cannot be opened.
    """
    if is_on_server(gallery):
        raise SettingsError(f"This is done to a gallery in a file, and {printable(gallery)!r} is on a server: {instead}.")
    return Gallery.open(gallery, *arguments, **settings)


def through_a_file(gallery: str, action: str) -> str:
    """How something is done to a gallery on a server by way of a file."""
    return (
        f"`vireid gallery copy {printable(gallery)} people.gallery` copies it into a file; `vireid gallery {action} people.gallery`; then "
        "copy the file to a new name on the server"
    )


def reembed_images(gallery: str, model: str, wait: float) -> int:
    """Run ``vireid gallery reembed``."""
    with open_file(gallery, through_a_file(gallery, "reembed"), wait=wait) as opened:
        embedder = embedder_of(model)
        done = opened.reembed(embedder)
    again = f"Embedded {counted(done.done, 'image')} by model {embedder.card.digest[:12]}."
    say(f"{again} Thresholds are gone: run `vireid gallery calibrate {gallery}`.")
    for number, reason in done.missing.items():
        say(f"Not image {number}, which no search finds now: {reason}")
    return 0


def backup_gallery(gallery: str, file: str) -> int:
    """Run ``vireid gallery backup``."""
    with open_file(gallery, f"`vireid gallery copy {printable(gallery)} {printable(file)}` copies it into a file") as opened:
        opened.backup(file)
    say(f"Wrote {file}.")
    return 0


def vacuum_gallery(gallery: str, wait: float) -> int:
    """Run ``vireid gallery vacuum``."""
    before = Path(gallery).stat().st_size if Path(gallery).is_file() else 0
    with open_file(gallery, "it gives space back by itself", wait=wait) as opened:
        opened.vacuum()
    say(f"{gallery} has {Path(gallery).stat().st_size / 2**20:.1f} MiB, {before / 2**20:.1f} before.")
    return 0


def copy_images(source: str, target: str, wait: float) -> int:
    """Run ``vireid gallery copy``."""
    with contextlib.ExitStack() as opened:
        stores = [opened.enter_context(_store(name, create, wait)) for name, create in ((source, False), (target, True))]
        count = copy_gallery(*stores)
    say(f"{printable(source)} and {printable(target)} hold {counted(count, 'image')}{' each' if count == 1 else ''}.")
    return 0


@contextlib.contextmanager
def _store(name: str, create: bool, wait: float) -> Iterator[Copyable]:
    """The store of a gallery, which no other process changes inside the block if it is a file."""
    if is_on_server(name):
        from vireid.deploy.gallery.server_gallery import ServerGallery

        with ServerGallery(name, create=create) as server:
            yield server.store
    else:
        with Gallery(name, create=create, wait=wait) as file, file.owned():
            yield file.store
