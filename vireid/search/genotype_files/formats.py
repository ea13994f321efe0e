"""Files in which genotypes are kept: ours, and those of published systems."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from vireid.errors import SettingsError
from vireid.models.trunks.osnet import OSNET_CHANNELS
from vireid.search import load_cdnet_genotype, save_cdnet_genotype
from vireid.search.genotype_files.cdnet import is_cdnet_file
from vireid.structures import Genotype


class Format(NamedTuple):
    """One kind of file.

    Attributes:
        ending: of its files' names.
        fits: whether a file with this ending is one, by its content.
        read: path and ``--backbone``, for files that do not say what they belong to; ``None`` for the default.
        write: genotype and path.
    """

    ending: str
    fits: Callable[[str], bool]
    read: Callable[[str, str | None], Genotype]
    write: Callable[[Genotype, str], None]


def read_osnet_list(path: str, backbone: str | None = None) -> Genotype:
    """Six class names, which fit every width of OSNet-AIN.

    Args:
        path: file to read.
        backbone: ``osnet_ain_x1_0`` (``None``), ``osnet_ain_x0_75``, ``osnet_ain_x0_5`` or ``osnet_ain_x0_25``.

    Raises:
        SettingsError: another backbone.
        MissingFileError, GenotypeError: see :meth:`~vireid.structures.Genotype.from_osnet_list`.
    """
    widths = {f"osnet_ain_{width}": width for width in OSNET_CHANNELS}
    name = "osnet_ain_x1_0" if backbone is None else backbone
    if name not in widths:
        raise SettingsError(f"`backbone` of an OSNet-AIN list must be one of {', '.join(widths)}, got {name!r}.")
    return Genotype.from_osnet_list(path, widths[name])


FORMATS = {
    "vireid": Format(".json", lambda path: not is_cdnet_file(path), lambda path, _: Genotype.load(path), Genotype.save),
    "cdnet": Format(".json", is_cdnet_file, lambda path, _: load_cdnet_genotype(path), save_cdnet_genotype),
    "cm_nas": Format(
        ".cfg", lambda _: True, lambda path, backbone: Genotype.from_cmnas_cfg(path, backbone or "resnet50"), Genotype.to_cmnas_cfg
    ),
    "osnet_ain": Format(".txt", lambda _: True, read_osnet_list, Genotype.to_osnet_list),
}
"""By name; of several with one ending, the first is written unless another is asked for."""


def read_genotype(path: str, backbone: str | None = None) -> Genotype:
    """Genotype of a file of any format, recognised by its ending and its content; ours where nothing fits.

    Raises:
        MissingFileError, GenotypeError: no such file, or damaged.
    """
    fitting = (found for found in FORMATS.values() if path.endswith(found.ending) and found.fits(path))
    return next(fitting, FORMATS["vireid"]).read(path, backbone)


def target_format(path: str, to: str | None = None) -> Format:
    """The format to write ``path`` in.

    Args:
        path: file to write.
        to: name of the format; ``None`` for the first with the ending of ``path``.

    Raises:
        SettingsError: no such format, or no format has this ending.

    Example:
        >>> target_format("best_genotype.json", to="cdnet").ending, target_format("list.cfg") is FORMATS["cm_nas"]
        ('.json', True)
    """
    if to is not None and to not in FORMATS:
        raise SettingsError(f"`to` must be one of {', '.join(FORMATS)}, got {to!r}.")
    found = [known for name, known in FORMATS.items() if path.endswith(known.ending) and to in (None, name)]
    if not found:
        endings = dict.fromkeys(known.ending for name, known in FORMATS.items() if to in (None, name))
        raise SettingsError(f"`target` must end in {' or '.join(endings)}, got {path!r}.")
    return found[0]
