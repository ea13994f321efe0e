"""Arguments of deployed networks: embeddings of images."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.arguments.table import Change, Refused, Table
from tests.deploy.trained import module
from vireid import Embedder
from vireid.deploy import Card, Preparation
from vireid.structures import Modality

WIDTH = 64
CARDS = [Card("", WIDTH, dict.fromkeys(Modality, Preparation(height, 16))) for height in (32, 40)]


def observe(embedder: Embedder) -> Any:
    images = np.random.default_rng(0).integers(0, 256, (2, 40, 20, 3), dtype=np.uint8)
    return embedder.embed(images, "visible").tolist()


TABLES = [
    Table(
        Embedder,
        observe,
        {
            "network": Change(module("all_shared", seed=1).network),
            "card": Change(CARDS[1]),
            "device": Refused("nowhere", match="nowhere"),
            "batch_size": Refused(0, match="`batch_size` must be at least 1"),
        },
        {"network": module("all_shared").network, "card": CARDS[0]},
    )
]
