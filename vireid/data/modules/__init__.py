"""Lightning data modules."""

from vireid.data.modules.base import ReIDDataModule
from vireid.data.modules.cifar100 import CIFAR100DataModule
from vireid.data.modules.classification import ClassificationDataModule
from vireid.data.modules.dukemtmc import DukeMTMCDataModule
from vireid.data.modules.folder import PairedFolderDataModule
from vireid.data.modules.imagenet import ImageNetDataModule
from vireid.data.modules.llcm import LLCMDataModule
from vireid.data.modules.loading import BatchDataModule
from vireid.data.modules.market1501 import Market1501DataModule
from vireid.data.modules.msmt17 import MSMT17DataModule
from vireid.data.modules.regdb import RegDBDataModule
from vireid.data.modules.synthetic import SyntheticDataModule
from vireid.data.modules.sysu import SYSUDataModule

__all__ = [
    "BatchDataModule",
    "CIFAR100DataModule",
    "ClassificationDataModule",
    "DukeMTMCDataModule",
    "ImageNetDataModule",
    "LLCMDataModule",
    "MSMT17DataModule",
    "Market1501DataModule",
    "PairedFolderDataModule",
    "ReIDDataModule",
    "RegDBDataModule",
    "SYSUDataModule",
    "SyntheticDataModule",
]
