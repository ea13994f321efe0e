"""Embeddings are complete, or say what is missing."""

import pytest
import torch

from vireid.errors import SettingsError
from vireid.tasks.evaluation.embeddings import EmbeddingTable


def test_rows_in_any_order() -> None:
    table = EmbeddingTable(3)
    table.put(torch.tensor([2]), torch.tensor([[3.0, 3.5]]))
    table.put(torch.tensor([0, 1]), torch.tensor([[1.0, 1.5], [2.0, 2.5]]))
    assert table.complete().tolist() == [[1.0, 1.5], [2.0, 2.5], [3.0, 3.5]]


@pytest.mark.parametrize("rows", [0, 1])
def test_missing_rows_are_counted(rows: int) -> None:
    table = EmbeddingTable(3)
    if rows:
        table.put(torch.tensor([1]), torch.ones(1, 2))
    with pytest.raises(SettingsError, match=f"{3 - rows} of 3 images have no embedding"):
        table.complete()
