"""The six class names that OSNet-AIN's published search prints."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vireid.errors import GenotypeError, SettingsError
from vireid.files import write_text_atomically
from vireid.search.genotype_files.base import Format
from vireid.structures import Genotype
from vireid.structures.genotype import read_text
from vireid.structures.osnet_sites import OSNET_CHANNELS, OSNET_CLASSES, OSNET_SITES

BACKBONES = {f"osnet_ain_{width}": width for width in OSNET_CHANNELS}


def load_osnet_list(path: str | os.PathLike[str], width: str = "x1_0") -> Genotype:
    """Genotype of ``OSNetAIN`` from the six class names that the published search prints, such as ``OSBlockINv1``.

    White space or commas separate them, in the order of execution. ``OSBlockINin``, as the published network calls ``OSBlockINv1``, is
    understood too.

    Args:
        path: the file.
        width: ``x1_0``, ``x0_75``, ``x0_5`` or ``x0_25``: the list fits every one.

    Raises:
        MissingFileError: no such file.
        GenotypeError: wrong count, or other names.

    Example::

        genotype = load_osnet_list("found.txt", width="x1_0")
    """
    placements = {**{name: placement for placement, name in OSNET_CLASSES.items()}, "OSBlockINin": "in"}
    names = read_text(path).replace(",", " ").split()
    if wrong := sorted({name for name in names if name not in placements}):
        raise GenotypeError(f"{os.fspath(path)!r} may hold only {', '.join(placements)}; found {', '.join(wrong[:5])}.")
    if len(names) != len(OSNET_SITES):
        raise GenotypeError(f"{os.fspath(path)!r} holds {len(names)} names, but an OSNet has {len(OSNET_SITES)} blocks.")
    choices = {site: placements[name] for site, name in zip(OSNET_SITES, names, strict=True)}
    return Genotype({"class_path": "vireid.search.OSNetAIN", "init_args": {"width": width}}, choices, {"imported": "OSNet-AIN list"})


def save_osnet_list(genotype: Genotype, path: str | os.PathLike[str]) -> None:
    """Write the six class names on one line, atomically.

    Raises:
        GenotypeError: a block has no choice, or one that OSNet-AIN does not know.
        OutputError: the file cannot be written.

    Example::

        save_osnet_list(OSNetAIN().baseline("osnet_ain"), "found.txt")
    """
    try:
        line = " ".join(OSNET_CLASSES[genotype.choices[site]] for site in OSNET_SITES)
    except KeyError as error:
        raise GenotypeError(f"An OSNet-AIN list needs a placement for each of {', '.join(OSNET_SITES)}, but {error} has none.") from error
    write_text_atomically(Path(path), line + "\n")


def read(path: str, arguments: Mapping[str, Any]) -> Genotype:
    """The list at the ``width`` of ``arguments``, or at that of its ``backbone``, such as ``osnet_ain_x0_5``; by default ``x1_0``.

    Raises:
        SettingsError: another backbone.
        MissingFileError, GenotypeError: see :func:`load_osnet_list`.
    """
    width = arguments.get("width", "x1_0")
    named = isinstance(width, str)  # the width of a CDNet is a number
    backbone: Any = arguments.get("backbone", f"osnet_ain_{width if named else 'x1_0'}")
    if isinstance(backbone, Mapping):
        backbone = (backbone.get("init_args") or {}).get("name")
    if backbone not in BACKBONES:
        raise SettingsError(f"`backbone` of an OSNet-AIN list must be one of {', '.join(BACKBONES)}, got {backbone!r}.")
    return load_osnet_list(path, BACKBONES[backbone])


OSNET_AIN = Format("osnet_ain", ".txt", lambda _: True, read, save_osnet_list)
