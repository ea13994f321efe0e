"""Architecture search, training, evaluation and deployment of visible-infrared person re-identification."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vireid.lazy import lazy

if TYPE_CHECKING:
    from vireid.data import (
        CIFAR100DataModule,
        DukeMTMCDataModule,
        ImageNetDataModule,
        LLCMDataModule,
        Market1501DataModule,
        MSMT17DataModule,
        PairedFolderDataModule,
        RegDBDataModule,
        SyntheticDataModule,
        SYSUDataModule,
    )
    from vireid.structures import Genotype
    from vireid.tasks import ClassificationModule, RetrainModule, SearchModule

__version__ = "0.1.0"

__all__ = [
    "CIFAR100DataModule",
    "ClassificationModule",
    "DukeMTMCDataModule",
    "Genotype",
    "ImageNetDataModule",
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
            "CIFAR100DataModule",
            "DukeMTMCDataModule",
            "ImageNetDataModule",
            "LLCMDataModule",
            "MSMT17DataModule",
            "Market1501DataModule",
            "PairedFolderDataModule",
            "RegDBDataModule",
            "SYSUDataModule",
            "SyntheticDataModule",
        ],
        "vireid.structures": ["Genotype"],
        "vireid.tasks": ["ClassificationModule", "RetrainModule", "SearchModule"],
    },
)
