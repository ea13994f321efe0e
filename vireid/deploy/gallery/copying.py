"""A copy of a gallery in another store."""

from __future__ import annotations

from vireid.deploy.gallery.records import COPIED, KEPT, Copyable
from vireid.errors import GalleryError, OutputError
from vireid.printable import counted


def copy_gallery(source: Copyable, target: Copyable) -> int:
    """Copy all images with their numbers, and the calibration. A killed copy goes on where it was.

    Args:
        source, target: stores of two galleries.

    Returns:
        Number of images, the same on both sides.

    Raises:
        OutputError: the target holds images that are no begun copy.
        GalleryError: the source is empty, or another process has changed a side meanwhile.
    """
    settings = {key: source.setting(key) for key in KEPT}
    if settings["model"] is None:
        raise GalleryError("The gallery to copy from is empty.")
    begun = target.setting(COPIED)
    if begun is None and target.stored_count():
        raise OutputError("The gallery to copy to holds images, and nothing is overwritten. Name another.")
    if begun is not None and target.setting("model") != settings["model"]:
        raise OutputError("The gallery to copy to holds a begun copy of another gallery. Name another.")
    last = int(begun or 0)
    target.put_stored((), {"model": settings["model"], "width": settings["width"], COPIED: str(last)})
    for images in source.stored(last):
        target.put_stored(images, {COPIED: str(images[-1].id)})
    ours, theirs = source.stored_count(), target.stored_count()
    if ours != theirs:
        raise GalleryError(
            f"The gallery to copy from holds {counted(ours, 'image')}, and the copy {theirs}: one of them was changed meanwhile. "
            "Remove the copy, and copy again while nobody changes them."
        )
    target.put_stored((), {"calibration": settings["calibration"], COPIED: None})
    return ours
