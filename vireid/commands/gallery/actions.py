"""What the commands of a gallery do to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vireid.commands.gallery.folders import groups
from vireid.deploy import AnyGallery, ImageEmbedder, Where, open_gallery
from vireid.errors import BadImageError, SettingsError, UnreachableError
from vireid.printable import counted, printable
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
    with open_gallery(gallery, embedder_of(model), create=True, keep_images=keep_images, wait=wait) as opened:
        before = len(opened)
        total = sum(len(group.paths) for group in found)
        parts = [(group, slice(start, start + BATCH)) for group in found for start in range(0, len(group.paths), BATCH)]
        for group, part in track(parts, "Adding", disable=len(parts) < 2, stderr=True):
            try:
                opened.add(group.paths[part], group.modality, group.people[part], camera, time)
            except BadImageError as error:
                done = counted(len(opened) - before, "image")
                raise BadImageError(f"{error} Before it {done} got into the gallery; the same command then adds the rest.") from error
            except UnreachableError as error:
                raise UnreachableError(f"{error} The same command then adds the images that are missing.") from error
        added = len(opened) - before
        there = f"; {total - added} {_were(total - added)} there already" if total > added else ""
        say(f"Added {counted(added, 'image')}{there}. {contents(gallery, opened)}")
    if empty:
        say(f"No image was found in the folders of: {', '.join(empty)}.")
    return 0


def remove_images(gallery: str, which: Where, wait: float) -> int:
    """Run ``vireid gallery remove``."""
    with open_gallery(gallery, wait=wait) as opened:
        count = opened.remove(which)
        remains, left = opened.remains(), contents(gallery, opened)
    clean = "" if remains else f"; no byte of {'it' if count == 1 else 'them'} is left"
    say(f"Removed {counted(count, 'image')}{clean}. {left}")
    if remains:
        say(remains)
    return 0


def contents(gallery: str, opened: AnyGallery) -> str:
    """What a gallery holds, in a sentence."""
    return f"{printable(gallery)} holds {counted(len(opened), 'image')} of {counted(len(opened.people), 'person', 'people')}."


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


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
