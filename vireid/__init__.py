"""Architecture search, training, evaluation and deployment of visible-infrared person re-identification."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vireid.lazy import lazy

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

__getattr__, __dir__ = lazy(
    __name__,
    {
        "vireid.data": ["PairedFolderDataModule", "RegDBDataModule", "SYSUDataModule", "SyntheticDataModule"],
        "vireid.structures": ["Genotype"],
        "vireid.tasks": ["RetrainModule", "SearchModule"],
    },
)
