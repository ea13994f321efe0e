"""The formats of genotype files, recognised by ending and content."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from vireid.errors import SettingsError
from vireid.search.genotype_files.base import Format
from vireid.search.genotype_files.cdnet import CDNET
from vireid.search.genotype_files.cm_nas import CM_NAS
from vireid.search.genotype_files.osnet_ain import OSNET_AIN
from vireid.search.genotype_files.ours import OURS
from vireid.structures import Genotype

READ = (CDNET, CM_NAS, OSNET_AIN, OURS)
"""A file is of the first format that has its ending and fits; ours where none does."""

WRITTEN = {found.name: found for found in (OURS, CDNET, CM_NAS, OSNET_AIN)}
"""By name; of several with one ending, the first is written unless another is asked for."""

ENDINGS = tuple(dict.fromkeys(found.ending for found in WRITTEN.values()))


def format_of(path: str | os.PathLike[str]) -> Format:
    """The format of a file, by its ending and its content; ours where nothing fits."""
    name = os.fspath(path)
    return next((found for found in READ if name.endswith(found.ending) and found.fits(name)), OURS)


def read_genotype(path: str | os.PathLike[str], arguments: Mapping[str, Any] | None = None) -> Genotype:
    """Genotype of a file of any format. Imports no torch and builds no space.

    Args:
        path: ``genotype.json``, a CM-NAS ``.cfg`` list, the ``.txt`` names of OSNet-AIN, or the JSON file of CNet and CDNet.
        arguments: of the space, where the file does not tell them: ``backbone`` of a CM-NAS or OSNet-AIN list, ``width`` of the latter,
            ``operations`` and ``stages`` of a CDNet file. Default: those of the published system.

    Raises:
        MissingFileError, GenotypeError: no such file, or damaged.
        SettingsError: an argument that no file of this format has.

    Example::

        genotype = read_genotype("runs/search/genotype.json")
    """
    return format_of(path).read(os.fspath(path), arguments or {})


def target_format(path: str, to: str | None = None) -> Format:
    """The format to write ``path`` in.

    Args:
        path: file to write.
        to: name of the format; ``None`` for the first with the ending of ``path``.

    Raises:
        SettingsError: no such format, or no format has this ending.

    Example:
        >>> target_format("best_genotype.json", to="cdnet").name, target_format("list.cfg").name
        ('cdnet', 'cm_nas')
    """
    if to is not None and to not in WRITTEN:
        raise SettingsError(f"`to` must be one of {', '.join(WRITTEN)}, got {to!r}.")
    asked = [found for name, found in WRITTEN.items() if to in (None, name)]
    fitting = [found for found in asked if path.endswith(found.ending)]
    if not fitting:
        endings = dict.fromkeys(found.ending for found in asked)
        raise SettingsError(f"`target` must end in {' or '.join(endings)}, got {path!r}.")
    return fitting[0]
