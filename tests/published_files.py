"""Checkpoints as published training scripts write them."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

Spelling = Literal["numpy.core", "numpy._core"]


def agw_file(path: Path, state: dict[str, Tensor], spelling: Spelling = "numpy._core", archive: bool = True) -> Path:
    """``save`` of the public train.py of AGW and CAJ: CMC and means are values of NumPy.

    Args:
        path: the file.
        state: of the network.
        spelling: of NumPy's module in the file, as versions before 2 and since 2 write it.
        archive: a zip archive; otherwise what torch wrote before 1.6.
    """
    cmc = np.linspace(0.4, 1, 20, dtype=np.float32)
    content = {"net": state, "cmc": cmc, "mAP": np.float64(0.47), "mINP": np.float64(0.35), "epoch": 20}
    return written(path, content, spelling, archive)


def torchreid_file(path: Path, state: dict[str, Tensor], spelling: Spelling = "numpy._core", archive: bool = True) -> Path:
    """``save_checkpoint`` of torchreid and its descendants: rank 1 is a value of NumPy; optimiser and schedule have states."""
    layer = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(layer.parameters(), 0.1, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [2, 3])
    layer(torch.ones(2)).sum().backward()
    optimizer.step()
    content = {
        "state_dict": {f"module.{name}": value for name, value in state.items()},
        "epoch": 150,
        "rank1": np.float32(0.94),
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
    }
    return written(path, content, spelling, archive)


def written(path: Path, content: Any, spelling: Spelling = "numpy._core", archive: bool = True) -> Path:
    """The file, with NumPy's module in it renamed."""
    torch.save(content, path, _use_new_zipfile_serialization=archive)
    own, wanted = (f"c{name}.multiarray\n".encode() for name in (np.float64(0).__reduce__()[0].__module__.rpartition(".")[0], spelling))
    if not archive:
        path.write_bytes(path.read_bytes().replace(own, wanted))
        return path
    return rewritten(path, lambda name, data: data.replace(own, wanted) if name.endswith("data.pkl") else data)


def rewritten(path: Path, change: Any, packing: int = zipfile.ZIP_STORED) -> Path:
    """A file of torch whose entries are changed: ``change(name, bytes)`` gives the new ones."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: change(name, archive.read(name)) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


def flipped(path: Path, inside: bytes) -> Path:
    """The file with one bit of the first byte of ``inside`` flipped."""
    content = bytearray(path.read_bytes())
    place = content.index(inside)
    content[place] ^= 1
    path.write_bytes(content)
    return path
