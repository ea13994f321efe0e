"""Embeddings of all images of an evaluation: each image once, whatever the number of trials and ranks."""

from __future__ import annotations

import torch
from torch import Tensor

from vireid.errors import SettingsError


class EmbeddingTable:
    """Rows filled in any order, on any rank.

    Args:
        rows: number of images.
    """

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self._positions: list[Tensor] = []
        self._values: list[Tensor] = []

    def put(self, positions: Tensor, embeddings: Tensor) -> None:
        """Remember ``(B, D)`` embeddings of the images at ``positions`` ``(B,)``."""
        self._positions.append(positions)
        self._values.append(embeddings.detach().float())

    def complete(self) -> Tensor:
        """``(rows, D)`` float32 embeddings on the CPU, gathered over ranks.

        Every image is embedded by one rank only, so a sum over ranks of tables that start at zero is exact.

        Raises:
            SettingsError: some images were not embedded.
        """
        if not self._values:
            raise SettingsError("No image was embedded; set `trainer.limit_test_batches` (or val, predict) back to 1.0.")
        values, positions = torch.cat(self._values), torch.cat(self._positions)
        table = values.new_zeros(self.rows, values.shape[1])
        count = values.new_zeros(self.rows)
        table[positions] = values
        count[positions] = 1
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.all_reduce(table)
            torch.distributed.all_reduce(count)
        missing = int((count == 0).sum())
        if missing:
            raise SettingsError(
                f"{missing} of {self.rows} images have no embedding, so no protocol can be scored; "
                "set `trainer.limit_test_batches` (or val, predict) back to 1.0."
            )
        return table.cpu()
