"""Datasets: disk layout and protocol, one file each. They build records from file names and lists, and open no image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vireid.lazy import lazy

if TYPE_CHECKING:
    from vireid.data.datasets.folder import PairedFolder as PairedFolder
    from vireid.data.datasets.llcm import LLCM as LLCM
    from vireid.data.datasets.market import DukeMTMC as DukeMTMC, Market1501 as Market1501
    from vireid.data.datasets.mat5 import read_mat as read_mat
    from vireid.data.datasets.msmt17 import MSMT17 as MSMT17
    from vireid.data.datasets.regdb import RegDB as RegDB
    from vireid.data.datasets.sysu import SYSU as SYSU

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        ".folder": ["PairedFolder"],
        ".llcm": ["LLCM"],
        ".market": ["DukeMTMC", "Market1501"],
        ".mat5": ["read_mat"],
        ".msmt17": ["MSMT17"],
        ".regdb": ["RegDB"],
        ".sysu": ["SYSU"],
    },
)
