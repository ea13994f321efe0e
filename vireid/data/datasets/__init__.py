"""Datasets: disk layout and protocol, one file each. They list records by names and lists and open no image."""

from vireid.data.datasets.folder import PairedFolder
from vireid.data.datasets.llcm import LLCM
from vireid.data.datasets.market import DukeMTMC, Market1501
from vireid.data.datasets.mat5 import read_mat
from vireid.data.datasets.msmt17 import MSMT17
from vireid.data.datasets.regdb import RegDB
from vireid.data.datasets.sysu import SYSU

__all__ = ["LLCM", "MSMT17", "SYSU", "DukeMTMC", "Market1501", "PairedFolder", "RegDB", "read_mat"]
