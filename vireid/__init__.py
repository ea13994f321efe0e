"""Architecture search, training, evaluation and deployment of visible-infrared person re-identification."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vireid.lazy import lazy

if TYPE_CHECKING:
    from vireid.data import (
        DukeMTMCDataModule,
        LLCMDataModule,
        Market1501DataModule,
        MSMT17DataModule,
        PairedFolderDataModule,
        RegDBDataModule,
        SyntheticDataModule,
        SYSUDataModule,
    )
    from vireid.structures import Genotype
    from vireid.tasks import RetrainModule, SearchModule

__version__ = "0.1.0"

__all__ = [
    "DukeMTMCDataModule",
    "Genotype",
    "LLCMDataModule",
    "MSMT17DataModule",
    "Market1501DataModule",
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
        "vireid.data": [
            "DukeMTMCDataModule",
            "LLCMDataModule",
            "MSMT17DataModule",
            "Market1501DataModule",
            "PairedFolderDataModule",
            "RegDBDataModule",
            "SYSUDataModule",
            "SyntheticDataModule",
        ],
        "vireid.structures": ["Genotype"],
        "vireid.tasks": ["RetrainModule", "SearchModule"],
    },
)
