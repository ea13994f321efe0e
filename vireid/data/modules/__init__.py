"""Lightning data modules."""

from vireid.data.modules.base import ReIDDataModule
from vireid.data.modules.folder import PairedFolderDataModule
from vireid.data.modules.regdb import RegDBDataModule
from vireid.data.modules.synthetic import SyntheticDataModule
from vireid.data.modules.sysu import SYSUDataModule

__all__ = ["PairedFolderDataModule", "ReIDDataModule", "RegDBDataModule", "SYSUDataModule", "SyntheticDataModule"]
