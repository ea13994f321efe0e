"""One number for a network and all that changes its embeddings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from vireid.deploy.card import Preparation
from vireid.structures import Modality

ARCHITECTURE = ("genotype", "trunk_parts", "head")
COUNTER = "num_batches_tracked"  # of a batch norm, without effect on embeddings


def model_digest(
    state: Mapping[str, Tensor], task: Mapping[str, Any], preparations: Mapping[Modality, Preparation], feature: str, flip: bool
) -> str:
    """SHA-256, in hexadecimal, of weights, architecture, preparation of images and kind of embedding.

    Args:
        state: weights of the network that embeds.
        task: settings of the task that built it; only those of its architecture count.
        preparations: for each modality, how images reach it.
        feature: which feature is compared.
        flip: whether mirror images count.
    """
    arguments = {name: task["init_args"].get(name) for name in ARCHITECTURE}
    if isinstance(arguments["genotype"], Mapping):
        arguments["genotype"] = {name: arguments["genotype"].get(name) for name in ("space", "choices")}
    how = {modality.name.lower(): asdict(preparation) for modality, preparation in preparations.items()}
    said = {"architecture": arguments, "preparations": how, "feature": feature, "flip": flip}
    found = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    for name in sorted(state):
        if not name.endswith(COUNTER):
            value = state[name].detach().cpu().contiguous()
            found.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
            found.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()
