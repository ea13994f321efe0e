"""The one-line list of CM-NAS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vireid.search.genotype_files.base import Format
from vireid.structures import Genotype
from vireid.structures.resnet_sites import resnet_name


def read(path: str, arguments: Mapping[str, Any]) -> Genotype:
    """The list of ``arguments["backbone"]``, a ResNet, by default ``resnet50``; see :meth:`~vireid.structures.Genotype.from_cmnas_cfg`."""
    return Genotype.from_cmnas_cfg(path, resnet_name(arguments))


CM_NAS = Format("cm_nas", ".cfg", lambda _: True, read, Genotype.to_cmnas_cfg)
