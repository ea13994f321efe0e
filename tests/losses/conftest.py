"""Inputs shared by the tests of losses."""

from pathlib import Path

import numpy as np
import pytest
import torch

from vireid.losses import LossInputs

GOLDEN = Path(__file__).parent.parent / "golden"


def load(name):
    with np.load(GOLDEN / name) as file:
        return {key: torch.from_numpy(file[key]) for key in file.files if file[key].dtype.kind != "U"}


@pytest.fixture(scope="session")
def cmnas():
    return load("cmnas_losses.npz")


@pytest.fixture(scope="session")
def agw():
    return load("agw_losses.npz")


@pytest.fixture
def inputs():
    """3 identities, K = 2 per modality, 4 classes, what parts of networks may add, float64."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.tensor([0, 0, 1, 1, 2, 2] * 2)
    return LossInputs(
        torch.randn(12, 5, dtype=torch.float64, generator=generator),
        torch.randn(12, 5, dtype=torch.float64, generator=generator),
        torch.randn(12, 4, dtype=torch.float64, generator=generator),
        labels,
        n_visible=6,
        k=2,
        extras={
            name: torch.randn(12, *shape, dtype=torch.float64, generator=generator)
            for name, shape in (
                ("modality_logits", (2, 4)),
                ("channel_attention", (3, 3)),
                ("part_logits", (2, 4)),
                ("parts", (2, 5)),
                ("strips", (4, 3)),
            )
        },
    )
