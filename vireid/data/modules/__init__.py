"""Lightning data modules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vireid.lazy import lazy

if TYPE_CHECKING:
    from vireid.data.modules.base import ReIDDataModule as ReIDDataModule
    from vireid.data.modules.cifar100 import CIFAR100DataModule as CIFAR100DataModule
    from vireid.data.modules.classification import ClassificationDataModule as ClassificationDataModule
    from vireid.data.modules.dukemtmc import DukeMTMCDataModule as DukeMTMCDataModule
    from vireid.data.modules.folder import PairedFolderDataModule as PairedFolderDataModule
    from vireid.data.modules.imagenet import ImageNetDataModule as ImageNetDataModule
    from vireid.data.modules.llcm import LLCMDataModule as LLCMDataModule
    from vireid.data.modules.loading import BatchDataModule as BatchDataModule
    from vireid.data.modules.market1501 import Market1501DataModule as Market1501DataModule
    from vireid.data.modules.msmt17 import MSMT17DataModule as MSMT17DataModule
    from vireid.data.modules.regdb import RegDBDataModule as RegDBDataModule
    from vireid.data.modules.synthetic import SyntheticDataModule as SyntheticDataModule
    from vireid.data.modules.sysu import SYSUDataModule as SYSUDataModule

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        ".base": ["ReIDDataModule"],
        ".cifar100": ["CIFAR100DataModule"],
        ".classification": ["ClassificationDataModule"],
        ".dukemtmc": ["DukeMTMCDataModule"],
        ".folder": ["PairedFolderDataModule"],
        ".imagenet": ["ImageNetDataModule"],
        ".llcm": ["LLCMDataModule"],
        ".loading": ["BatchDataModule"],
        ".market1501": ["Market1501DataModule"],
        ".msmt17": ["MSMT17DataModule"],
        ".regdb": ["RegDBDataModule"],
        ".synthetic": ["SyntheticDataModule"],
        ".sysu": ["SYSUDataModule"],
    },
)
