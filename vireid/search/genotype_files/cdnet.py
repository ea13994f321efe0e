"""Genotype files of the published CNet and CDNet code."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vireid.errors import GenotypeError, MissingFileError
from vireid.files import write_text_atomically
from vireid.search.space import SearchSpace, space_of
from vireid.search.spaces.combined_depth import CombinedDepth, candidate_name
from vireid.structures import Genotype


def load_cdnet_genotype(path: str | os.PathLike[str], space: CombinedDepth | None = None) -> Genotype:
    """Genotype of a published JSON file: ``{"layers": [[k1, k2] or [k1, k2, repeats], ...], "alphas1": [...]}``.

    Raw architecture parameters (``alphas1``) may be absent; those that are there are kept in the provenance.

    Args:
        path: the file.
        space: that the layers are of; ``None`` for all operations of CNet (pairs) or CDNet (triples) at full width.

    Raises:
        MissingFileError: no such file.
        GenotypeError: no such JSON object, a wrong number of layers, or layers that the space does not have.
    """
    name = repr(os.fspath(path))
    content = _read(path, name)
    layers = content.get("layers") if isinstance(content, Mapping) else None
    if not (isinstance(layers, list) and all(_is_layer(layer) for layer in layers)):
        raise GenotypeError(f'{name} is not a genotype of CNet or CDNet: expected "layers", a list of [k1, k2] or [k1, k2, repeats].')
    space = space or CombinedDepth("cdnet" if layers and len(layers[0]) == 3 else "cnet")
    names = [candidate_name(layer) for layer in layers]
    if len(names) != len(space.places):
        raise GenotypeError(f"{name} holds {len(names)} layers, but this CombinedDepth has {len(space.places)}.")
    unknown = [layer for layer, candidate in zip(layers, names, strict=True) if candidate not in space.layers]
    if unknown:
        raise GenotypeError(f"{name} holds layers that this CombinedDepth does not have: {unknown}; it has {', '.join(space.layers)}.")
    genotype = space.from_names(names)
    alphas = {"alphas1": content["alphas1"]} if "alphas1" in content else {}
    return Genotype(genotype.space, genotype.choices, {"imported": "CDNet JSON", **alphas})


def is_cdnet_file(path: str | os.PathLike[str]) -> bool:
    """Whether a readable JSON file holds ``layers`` at the top, as the published ones do and ours do not."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and "layers" in content and "format" not in content


def cdnet_space(space: SearchSpace | None) -> CombinedDepth | None:
    """``space``, if layers can belong to it."""
    return space if isinstance(space, CombinedDepth) else None


def save_cdnet_genotype(genotype: Genotype, path: str | os.PathLike[str], alphas: Sequence[Sequence[float]] | None = None) -> None:
    """Write the published JSON file, atomically.

    Args:
        genotype: a point of a :class:`~vireid.search.CombinedDepth`.
        path: the file.
        alphas: raw architecture parameters, one row for each layer; ``None`` for those of an imported genotype, or none.

    Raises:
        GenotypeError: a point of another space.
        OutputError: the file cannot be written.
    """
    space = space_of(genotype)
    if not isinstance(space, CombinedDepth):
        raise GenotypeError(f"A CDNet file holds points of CombinedDepth, this is one of {genotype.space['class_path']}.")
    space.validate(genotype)
    content: dict[str, Any] = {"layers": [list(space.layers[genotype.choices[place.name]]) for place in space.places]}
    rows = genotype.provenance.get("alphas1") if alphas is None else [list(row) for row in alphas]
    if rows is not None:
        content["alphas1"] = rows
    write_text_atomically(Path(path), json.dumps(content, indent=4) + "\n")


def _read(path: str | os.PathLike[str], name: str) -> Any:
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MissingFileError(f"There is no genotype file {name}.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise GenotypeError(f"{name} is not a JSON file: {error}.") from error


def _is_layer(layer: Any) -> bool:
    return isinstance(layer, list) and len(layer) in (2, 3) and all(isinstance(number, int) for number in layer)
