"""What the commands of a gallery do to it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vireid.commands.gallery.folders import groups
from vireid.deploy import Gallery, ImageEmbedder, Where
from vireid.deploy.gallery.copying import copy_gallery
from vireid.deploy.gallery.records import Copyable
from vireid.errors import BadImageError, SettingsError
from vireid.printable import printable
from vireid.terminal import say, track

BATCH = 256  # images of one call: as many are stored before the next


def add_images(
    gallery: str,
    images: str,
    model: str | None,
    modality: str | None,
    person: str | None,
    camera: str | None,
    time: str | None,
    keep_images: bool,
    wait: float,
) -> int:
    """Run ``vireid gallery add``."""
    found, empty = groups(images, modality, person)
    with Gallery(gallery, embedder_of(model), keep_images=keep_images, wait=wait) as opened:
        before = len(opened)
        total = sum(len(group.paths) for group in found)
        parts = [(group, slice(start, start + BATCH)) for group in found for start in range(0, len(group.paths), BATCH)]
        for group, part in track(parts, "Adding", disable=len(parts) < 2, stderr=True):
            try:
                opened.add(group.paths[part], group.modality, group.people[part], camera, time)
            except BadImageError as error:
                done = len(opened) - before
                raise BadImageError(f"{error} {done} images were added before it; the same command then adds the rest.") from error
        added = len(opened) - before
        there = f"; {total - added} were there already" if total > added else ""
        say(f"Added {added} images{there}. {gallery} holds {len(opened)} images of {len(opened.people)} people.")
    if empty:
        say(f"No image was found in the folders of: {', '.join(empty)}.")
    return 0


def remove_images(gallery: str, which: Where, wait: float) -> int:
    """Run ``vireid gallery remove``."""
    with Gallery.open(gallery, wait=wait) as opened:
        count = opened.remove(which)
        clean = opened.checkpoint()
        left = f"{gallery} holds {len(opened)} images."
    say(f"Removed {count} images; no byte of them is left. {left}" if clean else f"Removed {count} images. {left}")
    if not clean:
        say("Another process is reading the gallery. The log keeps their bytes until that has ended and the gallery is closed again.")
    return 0


def reembed_images(gallery: str, model: str, wait: float) -> int:
    """Run ``vireid gallery reembed``."""
    embedder = embedder_of(model)
    with Gallery.open(gallery, wait=wait) as opened:
        done = opened.reembed(embedder)
    say(f"Embedded {done.done} images by model {embedder.card.digest[:12]}. Thresholds are gone: run `vireid gallery calibrate {gallery}`.")
    for number, reason in done.missing.items():
        say(f"Not image {number}, which no search finds now: {reason}")
    return 0


def backup_gallery(gallery: str, file: str) -> int:
    """Run ``vireid gallery backup``."""
    with Gallery.open(gallery) as opened:
        opened.backup(file)
    say(f"Wrote {file}.")
    return 0


def copy_images(source: str, target: str, wait: float) -> int:
    """Run ``vireid gallery copy``."""
    with contextlib.ExitStack() as opened:
        stores = [opened.enter_context(_store(name, create, wait)) for name, create in ((source, False), (target, True))]
        count = copy_gallery(*stores)
    say(f"{printable(source)} and {printable(target)} hold {count} images.")
    return 0


@contextlib.contextmanager
def _store(name: str, create: bool, wait: float) -> Iterator[Copyable]:
    """The store of a gallery, which no other process changes inside the block if it is a file."""
    if name.startswith(("qdrant://", "qdrants://")):
        from vireid.deploy.gallery.server_gallery import ServerGallery

        with ServerGallery(name, create=create) as server:
            yield server.store
    else:
        with Gallery(name, create=create, wait=wait) as file, file.owned():
            yield file.store


def vacuum_gallery(gallery: str, wait: float) -> int:
    """Run ``vireid gallery vacuum``."""
    before = Path(gallery).stat().st_size if Path(gallery).is_file() else 0
    with Gallery.open(gallery, wait=wait) as opened:
        opened.vacuum()
    say(f"{gallery} has {Path(gallery).stat().st_size / 2**20:.1f} MiB, {before / 2**20:.1f} before.")
    return 0


def embedder_of(model: str | None) -> ImageEmbedder:
    """The embedder of a folder with graphs, which needs no torch, or of a checkpoint or a folder without graphs.

    Raises:
        SettingsError: no model is named.
        VireidError: it cannot be loaded.
    """
    if model is None:
        raise SettingsError("Name the network with --model: a folder that `vireid export` wrote, or a checkpoint.")
    if Path(model).is_dir():
        from vireid.deploy.folder import read_card
        from vireid.deploy.onnx_embedder import OnnxEmbedder

        if read_card(model).graphs:
            return OnnxEmbedder(model)
    from vireid.deploy.embedder import Embedder

    return Embedder.load(model)


def where(ids: str | None, person: str | None, camera: str | None, modality: str | None, since: Any, until: Any) -> Where:
    """The filter of the options of a command.

    Raises:
        SettingsError: ``ids`` are no numbers.
    """
    try:
        numbers = None if ids is None else [int(number) for number in ids.split(",")]
    except ValueError:
        raise SettingsError(f"`--ids` must be numbers with commas between, such as 3,17, got {ids!r}.") from None
    people, cameras = ([name] if name is not None else None for name in (person, camera))
    return Where(numbers, people, cameras, modality, since, until)
