"""Embeddings of all images of an evaluation: each image once, whatever the number of trials and ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from vireid.errors import SettingsError
from vireid.files import atomic_file
from vireid.structures import Record


def flip_mean(plain: Tensor, mirrored: Tensor) -> Tensor:
    """``(B, D)`` mean of the unit embeddings of images and of their mirror images, at unit length again.

    Args:
        plain: ``(B, D)`` embeddings of the images, any scale.
        mirrored: ``(B, D)`` embeddings of the images flipped left to right.

    Reference:
        Ye et al.: Channel Augmented Joint Learning for Visible-Infrared Recognition, ICCV 2021 (public test code).
    """
    return F.normalize(F.normalize(plain.float()) + F.normalize(mirrored.float()))


class EmbeddingTable:
    """Rows filled in any order, on any rank.

    Args:
        rows: number of images.
        device: where embeddings are kept until they are complete.
        wanted: positions of the images that are embedded, ascending; ``None`` for all.
    """

    def __init__(self, rows: int, device: torch.device | str = "cpu", wanted: Tensor | None = None) -> None:
        self.device = device
        self.wanted = torch.arange(rows) if wanted is None else wanted
        self.rows = len(self.wanted)
        self._positions: list[Tensor] = []
        self._values: list[Tensor] = []

    def put(self, positions: Tensor, embeddings: Tensor) -> None:
        """Remember ``(B, D)`` embeddings of the images at ``positions`` ``(B,)``."""
        self._positions.append(positions)
        self._values.append(embeddings.detach().float())

    def complete(self) -> Tensor:
        """``(rows, D)`` float32 embeddings of the wanted images on the CPU, gathered over ranks.

        Every image is embedded by one rank only, so a sum over ranks of tables that start at zero is exact.

        Raises:
            SettingsError: some images were not embedded.
        """
        width = torch.tensor(self._values[0].shape[1] if self._values else 0, device=self.device)
        distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
        if distributed:  # a rank may have had no batch at all
            torch.distributed.all_reduce(width, torch.distributed.ReduceOp.MAX)
        table = torch.zeros(self.rows, int(width), device=self.device)
        count = torch.zeros(self.rows, device=self.device)
        for positions, values in zip(self._positions, self._values, strict=True):
            place = torch.searchsorted(self.wanted.to(positions.device), positions)
            table[place] = values
            count[place] = 1
        if distributed:
            torch.distributed.all_reduce(table)
            torch.distributed.all_reduce(count)
        missing = int((count == 0).sum())
        if missing:
            raise SettingsError(
                f"{missing} of {self.rows} images have no embedding, so no protocol can be scored; "
                "set `trainer.limit_test_batches` (or val, predict) back to 1.0."
            )
        return table.cpu()


def write_embeddings(path: Path, embeddings: Mapping[str, Tensor], records: Sequence[Record], **more: NDArray[Any]) -> None:
    """``embeddings.npz``: embeddings, paths, pids, camids, modalities, row by row; ``people``, names on disk, where they are no numbers.

    Args:
        path: of the file; its folder is made.
        embeddings: ``(N, D)`` each, by the names that they have in the file.
        records: the N images.
        more: other arrays, by name.
    """
    people = {"people": np.array([record.who for record in records])} if any(record.name for record in records) else {}
    columns = {
        "paths": np.array([record.path for record in records]),
        "pids": np.array([record.pid for record in records]),
        **people,
        "camids": np.array([record.camid for record in records]),
        "modalities": np.array([int(record.modality) for record in records]),
    }
    with atomic_file(path) as file:
        np.savez(file, **{name: rows.numpy() for name, rows in embeddings.items()}, **columns, **more)  # type: ignore[arg-type]  # numpy's stub
