"""Architecture search, training, evaluation and deployment of visible-infrared person re-identification."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vireid.data import PairedFolderDataModule, RegDBDataModule, SyntheticDataModule, SYSUDataModule
    from vireid.structures import Genotype
    from vireid.tasks import RetrainModule, SearchModule

__version__ = "0.1.0"

__all__ = [
    "Genotype",
    "PairedFolderDataModule",
    "RegDBDataModule",
    "RetrainModule",
    "SYSUDataModule",
    "SearchModule",
    "SyntheticDataModule",
]

_HOMES = {
    "Genotype": "vireid.structures",
    "PairedFolderDataModule": "vireid.data",
    "RegDBDataModule": "vireid.data",
    "RetrainModule": "vireid.tasks",
    "SYSUDataModule": "vireid.data",
    "SearchModule": "vireid.tasks",
    "SyntheticDataModule": "vireid.data",
}


def __getattr__(name: str) -> Any:
    """Import public names on first use: ``import vireid`` alone loads neither torch nor Lightning."""
    if name not in _HOMES:
        raise AttributeError(f"module 'vireid' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
