"""Genotype files of the published CNet and CDNet code."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vireid.errors import GenotypeError
from vireid.files import read_text, write_text_atomically
from vireid.search.choices import choice_problems
from vireid.search.genotype_files.base import Format
from vireid.structures import Genotype
from vireid.structures.cdnet_sites import OPERATIONS, STAGES, Layer, block_stages, candidate_name
from vireid.structures.genotype import read_json
from vireid.structures.sites import Site

if TYPE_CHECKING:
    from vireid.search.spaces.combined_depth import CombinedDepth

SPACE = "vireid.search.CombinedDepth"


def load_cdnet_genotype(path: str | os.PathLike[str], space: CombinedDepth | None = None) -> Genotype:
    """Genotype of a published JSON file: ``{"layers": [[k1, k2] or [k1, k2, repeats], ...], "alphas1": [...]}``.

    Raw architecture parameters (``alphas1``) may be absent; those that are there are kept in the provenance.

    Args:
        path: the file.
        space: that the layers are of; ``None`` for all operations of CNet (pairs) or CDNet (triples) at full width.

    Raises:
        MissingFileError: no such file.
        GenotypeError: no such JSON object, a wrong number of layers, or layers that the space does not have.

    Example::

        genotype = load_cdnet_genotype("best_genotype.json")
    """
    from vireid.search.space import space_of

    found = read(os.fspath(path), {} if space is None else space.settings()["init_args"])
    return (space or space_of(found)).genotype(found.choices, found.provenance)


def save_cdnet_genotype(genotype: Genotype, path: str | os.PathLike[str], alphas: Sequence[Sequence[float]] | None = None) -> None:
    """Write the published JSON file, atomically.

    Args:
        genotype: a point of a :class:`~vireid.search.CombinedDepth`.
        path: the file.
        alphas: raw architecture parameters, one row for each layer; ``None`` for those of an imported genotype, or none.

    Raises:
        GenotypeError: a point of another space.
        OutputError: the file cannot be written.

    Example::

        save_cdnet_genotype(CombinedDepth().baseline("published"), "best_genotype.json")
    """
    if genotype.space.get("class_path") != SPACE:
        raise GenotypeError(f"A CDNet file holds points of CombinedDepth, this is one of {genotype.space.get('class_path')}.")
    layers, names = _tables(genotype.space.get("init_args", {}))
    problems = choice_problems(genotype.choices, [Site(name, tuple(layers)) for name in names])
    if problems:
        raise GenotypeError(f"The genotype does not fit CombinedDepth: {'; '.join(problems)}.")
    content: dict[str, Any] = {"layers": [list(layers[genotype.choices[name]]) for name in names]}
    rows = genotype.provenance.get("alphas1") if alphas is None else [list(row) for row in alphas]
    if rows is not None:
        content["alphas1"] = rows
    write_text_atomically(Path(path), json.dumps(content, indent=4) + "\n")


def read(path: str, arguments: Mapping[str, Any]) -> Genotype:
    """The layers of a file as choices of the ``operations`` and ``stages`` of ``arguments``.

    Raises:
        MissingFileError, GenotypeError: see :func:`load_cdnet_genotype`.
    """
    content = read_json(path)
    listed = content.get("layers") if isinstance(content, Mapping) else None
    if not (isinstance(listed, list) and all(_is_layer(layer) for layer in listed)):
        raise GenotypeError(f'{path!r} is not a genotype of CNet or CDNet: expected "layers", a list of [k1, k2] or [k1, k2, repeats].')
    of = {"operations": "cdnet" if listed and len(listed[0]) == 3 else "cnet"}
    of |= {name: arguments[name] for name in ("operations", "stages") if name in arguments}
    layers, names = _tables(of)
    if len(listed) != len(names):
        raise GenotypeError(f"{path!r} holds {len(listed)} layers, but this CombinedDepth has {len(names)}.")
    if unknown := [layer for layer in listed if candidate_name(layer) not in layers]:
        raise GenotypeError(f"{path!r} holds layers that this CombinedDepth does not have: {unknown}; it has {', '.join(layers)}.")
    choices = {name: candidate_name(layer) for name, layer in zip(names, listed, strict=True)}
    alphas = {"alphas1": content["alphas1"]} if "alphas1" in content else {}
    return Genotype({"class_path": SPACE, "init_args": of}, choices, {"imported": "CDNet JSON", **alphas})


def is_cdnet_file(path: str | os.PathLike[str]) -> bool:
    """Whether a readable JSON file holds ``layers`` at the top, as the published ones do and ours do not."""
    try:
        content = json.loads(read_text(path))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and "layers" in content and "format" not in content


CDNET = Format("cdnet", ".json", is_cdnet_file, read, save_cdnet_genotype)


def _tables(arguments: Mapping[str, Any]) -> tuple[dict[str, Layer], list[str]]:
    """Operations by their ids, and names of the blocks, of a ``CombinedDepth`` with these arguments."""
    operations, stages = arguments.get("operations", "cdnet"), arguments.get("stages", STAGES)
    if operations not in OPERATIONS:
        raise GenotypeError(f"`operations` of CombinedDepth must be one of {', '.join(OPERATIONS)}, got {operations!r}.")
    if not (isinstance(stages, (list, tuple)) and all(isinstance(blocks, int) and blocks > 0 for blocks in stages)):
        raise GenotypeError(f"`stages` of CombinedDepth must be numbers of blocks, such as {list(STAGES)}, got {stages!r}.")
    return {candidate_name(layer): layer for layer in OPERATIONS[operations]}, list(block_stages(stages))


def _is_layer(layer: Any) -> bool:
    return isinstance(layer, list) and len(layer) in (2, 3) and all(isinstance(number, int) for number in layer)
