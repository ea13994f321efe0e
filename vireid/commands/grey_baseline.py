"""The grey template: what retrieval gives without any learning."""

from __future__ import annotations

import torch
from torch import Tensor

from vireid.data import ReIDDataModule
from vireid.results import Result, score

SIZE = (16, 8)  # height, width: body layout survives, texture does not


def template_results(datamodule: ReIDDataModule) -> list[Result]:
    """Test results of tiny grey images that are compared by correlation. A trained network must beat them clearly."""
    rows = [grey_template(batch.images) for batch in datamodule.test_dataloader()]
    return score(datamodule.evaluation("test"), torch.cat(rows), "untrained")


def grey_template(images: Tensor) -> Tensor:
    """``(B, 128)`` grey values of ``(B, 3, H, W)`` images at 8 x 16 pixels, each image with mean 0."""
    grey = images.float().mean(dim=1, keepdim=True)
    small = torch.nn.functional.adaptive_avg_pool2d(grey, SIZE).flatten(1)
    return small - small.mean(dim=1, keepdim=True)
