"""Architecture search, training, evaluation and deployment of visible-infrared person re-identification."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vireid.lazy import lazy
from vireid.version import __version__ as __version__

if TYPE_CHECKING:
    from vireid.data import (
        CIFAR100DataModule as CIFAR100DataModule,
        DukeMTMCDataModule as DukeMTMCDataModule,
        ImageNetDataModule as ImageNetDataModule,
        LLCMDataModule as LLCMDataModule,
        Market1501DataModule as Market1501DataModule,
        MSMT17DataModule as MSMT17DataModule,
        PairedFolderDataModule as PairedFolderDataModule,
        RegDBDataModule as RegDBDataModule,
        SyntheticDataModule as SyntheticDataModule,
        SYSUDataModule as SYSUDataModule,
    )
    from vireid.deploy.embedder import Embedder as Embedder
    from vireid.deploy.gallery.gallery import Gallery as Gallery
    from vireid.structures import Genotype as Genotype
    from vireid.tasks import ClassificationModule as ClassificationModule, RetrainModule as RetrainModule, SearchModule as SearchModule

__getattr__, __dir__, __all__ = lazy(
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
        "vireid.deploy": ["Embedder", "Gallery"],
        "vireid.structures": ["Genotype"],
        "vireid.tasks": ["ClassificationModule", "RetrainModule", "SearchModule"],
    },
)
