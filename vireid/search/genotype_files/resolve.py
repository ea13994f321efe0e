"""What a genotype argument means: an object, its content, a file of any format, or the name of a baseline."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from vireid.errors import GenotypeError
from vireid.search.genotype_files.formats import ENDINGS, format_of
from vireid.search.space import SearchSpace, space_of
from vireid.search.spaces.joint_norm import BNSeparation
from vireid.settings import plain
from vireid.structures import Genotype


def resolve_genotype(genotype: str | Path | dict[str, Any] | Genotype, space: SearchSpace | None = None) -> Genotype:
    """The genotype that an argument means.

    Args:
        genotype: an object, the content of a ``genotype.json``, a file that :func:`~vireid.search.read_genotype` reads, or the name of a
            baseline.
        space: that it must be a point of; also of a baseline's name and of a file that does not tell its space. ``None`` for the space
            that is told, or that of the published system: CM-NAS on ResNet-50 for a name.

    Raises:
        GenotypeError: no such baseline, a damaged file, or one that does not fit ``space``.
        FileNotFoundError: no such file.

    Example:
        >>> from vireid.search import BNSeparation
        >>> found = resolve_genotype("all_separate", BNSeparation("resnet18"))
        >>> set(found.choices.values())
        {'separate_bn'}
    """
    if isinstance(genotype, Genotype):
        found = genotype
    elif isinstance(genotype, dict):
        found = Genotype.from_dict(plain(genotype), source="`genotype`")  # a parser builds what has a class_path
    elif str(genotype).endswith(ENDINGS) or Path(genotype).is_file():
        found = _of_file(genotype, space)
    else:
        found = _baseline(str(genotype), space or BNSeparation())
    if space is not None:
        space.validate(found)
    return found


def _of_file(path: str | Path, space: SearchSpace | None) -> Genotype:
    """As the file has it; where that does not tell its space, as a point of ``space``, with all arguments of it."""
    kind = format_of(path)
    found = kind.read(os.fspath(path), {} if space is None else space.settings()["init_args"])
    if kind.tells_space:
        return found
    chosen = space or space_of(found)
    same_sites = set(found.choices) == {site.name for site in chosen.sites()}  # otherwise the caller says what does not fit
    return chosen.genotype(found.choices, found.provenance) if same_sites else found


def _baseline(name: str, space: SearchSpace) -> Genotype:
    try:
        return space.baseline(name)
    except GenotypeError as error:
        message = f"`genotype` is neither a file nor a baseline: {name!r}. Give the path of a {', '.join(ENDINGS)} file, or a baseline."
        raise GenotypeError(f"{message} {error}") from error
