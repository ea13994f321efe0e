"""Names of the stages of a genotype's sites, for pictures, tables and logs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from vireid.structures.cdnet_sites import STAGES, cell_stage
from vireid.structures.genotype import Genotype


def stage_name(stage: int) -> str:
    """``stem``, ``layer1``, ...

    Args:
        stage: ``stage`` of a :class:`~vireid.structures.sites.Site`.
    """
    return f"layer{stage}" if stage else "stem"


def stages_of(genotype: Genotype) -> dict[str, str]:
    """Name of the stage of every site. It comes from the genotype's provenance or, without an entry there, from the name of the site.

    Example:
        >>> stages_of(Genotype({}, {"bn1": "in", "conv2.0": "in", "cells.3": "3x5"}))
        {'bn1': 'stem', 'conv2.0': 'layer2', 'cells.3': 'layer2'}
        >>> stages_of(Genotype({}, {"features.0.1": "in"}, {"stages": {"features.0.1": 0}}))
        {'features.0.1': 'stem'}
    """
    told = genotype.provenance.get("stages")
    known = {site: stage for site, stage in told.items() if _is_stage(stage)} if isinstance(told, Mapping) else {}
    return {site: stage_name(known[site]) if site in known else _by_name(site, genotype.space) for site in genotype.choices}


def _by_name(site: str, space: Mapping[str, Any]) -> str:
    """Stages of ResNet, OSNet and CDNet by their modules; of another network the first part of the name."""
    if "." not in site:
        return "stem"
    first, second = site.split(".")[:2]
    if found := re.fullmatch(r"(?:conv|pool)(\d)", first):  # conv1 is the stem of an OSNet, pool2 ends its stage 2
        return stage_name(int(found[1]) if found[1] != "1" else 0)
    if first == "cells" and second.isdigit():
        told = (space.get("init_args") or {}).get("stages")
        stages = told if isinstance(told, list) and all(map(_is_stage, told)) else STAGES
        return stage_name(cell_stage(int(second), stages))
    return first


def _is_stage(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
