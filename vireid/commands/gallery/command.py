"""``vireid gallery``: people in one file or on a server, searched by images of either modality. Nothing here imports torch before it is
needed."""

from __future__ import annotations

from typing import Any, Literal

from jsonargparse import auto_cli

from vireid.commands.command_line import with_flag
from vireid.commands.parser import ShortErrors

Modality = Literal["visible", "infrared"]
FLAGS = ("--keep_images", "--quantised", "--by_person", "--images")


def main(words: list[str]) -> int:
    """Run ``vireid gallery ...``; ``words[0]`` is ``gallery``."""
    commands: dict[str, Any] = {
        "add": add,
        "remove": remove,
        "search": search,
        "info": info,
        "calibrate": calibrate,
        "reembed": reembed,
        "backup": backup,
        "copy": copy,
        "vacuum": vacuum,
    }
    rest = words[1:]
    for flag in FLAGS:
        rest = with_flag(rest, flag)
    description = "Keep people in one file or on a server, and find them by images of either modality."
    return int(auto_cli(commands, args=rest, prog="vireid gallery", parser_class=ShortErrors, description=description))


def add(
    gallery: str,
    images: str,
    model: str | None = None,
    modality: Modality | None = None,
    person: str | None = None,
    camera: str | None = None,
    time: str | None = None,
    keep_images: bool = False,
    wait: float = 5.0,
) -> int:
    """Add images to a gallery; it is made if it does not exist. Images that are there already are left as they are.

    Args:
        gallery: file of the gallery, or qdrant://host:6333/people.
        images: an image, a list of paths (.txt), or a folder: of images of one person or of nobody known, of one folder for each person,
            or of folders visible/ and infrared/ with one folder for each person.
        model: folder that vireid export wrote, or a checkpoint. The first one is that of the gallery from then on.
        modality: sensor of the images, unless folders say it.
        person: name of the person on all images, unless folders say it; null for unknown.
        camera: name of the camera of all images.
        time: when the images were taken, such as 2026-11-30T21:05, in UTC if it says no zone.
        keep_images: store the images themselves, so that another model can embed them without their files; a thumbnail is always stored.
        wait: seconds to wait for another process that is changing a file.
    """
    from vireid.commands.gallery.actions import add_images

    return add_images(gallery, images, model, modality, person, camera, time, keep_images, wait)


def remove(
    gallery: str,
    ids: str | None = None,
    person: str | None = None,
    camera: str | None = None,
    in_modality: Modality | None = None,
    since: str | None = None,
    until: str | None = None,
    wait: float = 5.0,
) -> int:
    """Remove images for good: those that fit everything that is given. No byte of them stays in a file.

    Args:
        gallery: file of the gallery, or qdrant://host:6333/people.
        ids: numbers of images, with commas between.
        person: name of a person.
        camera: name of a camera.
        in_modality: sensor.
        since: images taken at or after this time.
        until: images taken at or before this time.
        wait: seconds to wait for another process that is changing a file.
    """
    from vireid.commands.gallery.actions import remove_images, where

    return remove_images(gallery, where(ids, person, camera, in_modality, since, until), wait)


def search(
    gallery: str,
    images: str,
    modality: Modality | None = None,
    model: str | None = None,
    k: int = 10,
    target: float | None = None,
    by_person: bool = False,
    person: str | None = None,
    camera: str | None = None,
    in_modality: Modality | None = None,
    since: str | None = None,
    until: str | None = None,
    quantised: bool = False,
    format: Literal["table", "json"] = "table",
) -> int:
    """Search the person of an image, or of several images of one person.

    Args:
        gallery: file of the gallery, or qdrant://host:6333/people.
        images: an image, or a folder or a list (.txt) of images of one person, all of one modality.
        modality: sensor of these images.
        model: folder that vireid export wrote (which needs no torch), or a checkpoint; that of the gallery.
        k: number of candidates.
        target: false-positive identification rate whose threshold says who is accepted; null to accept or reject nobody.
        by_person: list each person once, with the best image.
        person: search only images of this person.
        camera: search only images of this camera.
        in_modality: search only images of this sensor.
        since: search only images taken at or after this time.
        until: search only images taken at or before this time.
        quantised: search a file with a quarter of the memory, by faiss; scores stay exact.
        format: table for people, json for programs.
    """
    from vireid.commands.gallery.actions import where
    from vireid.commands.gallery.finding import search_images

    within = where(None, person, camera, in_modality, since, until)
    return search_images(gallery, images, modality, model, k, target, by_person, within, quantised, format)


def info(gallery: str, images: bool = False) -> int:
    """Tell what a gallery holds, and whether a file is whole.

    Args:
        gallery: file of the gallery, or qdrant://host:6333/people.
        images: list every image.
    """
    from vireid.commands.gallery.finding import show_info

    return show_info(gallery, images)


def calibrate(
    gallery: str,
    targets: list[float] = [0.1, 0.01],  # noqa: B006 (the parser shows it; nobody changes it)
    probes: str | None = None,
    model: str | None = None,
    modality: Modality | None = None,
    wait: float = 5.0,
) -> int:
    """Choose the thresholds that reject strangers, by searching people of the gallery with themselves taken out. Run it again after the
    gallery has grown.

    Args:
        gallery: file of the gallery.
        targets: false-positive identification rates.
        probes: more images to search, which are not added: folders as for add, with one folder for each person.
        model: that of the gallery; for probes only.
        modality: sensor of the probes, unless folders say it.
        wait: seconds to wait for another process that is changing the gallery.
    """
    from vireid.commands.gallery.finding import calibrate_gallery

    return calibrate_gallery(gallery, targets, probes, model, modality, wait)


def reembed(gallery: str, model: str, wait: float = 5.0) -> int:
    """Compute every embedding again by another model, from kept images or from the files they came from. A killed call goes on where it
    was; the gallery changes at once, at the end.

    Args:
        gallery: file of the gallery.
        model: folder that vireid export wrote, or a checkpoint.
        wait: seconds to wait for another process that is changing the gallery.
    """
    from vireid.commands.gallery.files import reembed_images

    return reembed_images(gallery, model, wait)


def backup(gallery: str, file: str) -> int:
    """Copy a gallery to a new file, also while others use it.

    Args:
        gallery: file of the gallery.
        file: file to write; it must not exist.
    """
    from vireid.commands.gallery.files import backup_gallery

    return backup_gallery(gallery, file)


def copy(source: str, target: str, wait: float = 5.0) -> int:
    """Copy a gallery into another store: a file, or qdrant://host:6333/people. A killed copy goes on where it was.

    Args:
        source: gallery to copy from.
        target: gallery to copy to, which must be new, or a begun copy.
        wait: seconds to wait for another process that is changing a file.
    """
    from vireid.commands.gallery.files import copy_images

    return copy_images(source, target, wait)


def vacuum(gallery: str, wait: float = 5.0) -> int:
    """Give the space of removed images back to the file system.

    Args:
        gallery: file of the gallery.
        wait: seconds to wait for another process that is changing the gallery.
    """
    from vireid.commands.gallery.files import vacuum_gallery

    return vacuum_gallery(gallery, wait)
