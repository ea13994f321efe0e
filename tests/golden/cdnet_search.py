"""The published supernet beside ours: names, filled weights, batches."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from tests.golden.cdnet import entry, golden, tensor
from vireid.losses import BatchHardTriplet, CrossEntropy, LossInputs, LossSum
from vireid.models import BalanceNeck, BranchNetwork
from vireid.search import CombinedDepth

FILES = {"cdnet_topk": "cdnet", "cnet_topk": "cnet", "cdnet_darts": "cdnet_9", "cnet_darts": "cnet"}


def space_of_file(name: str) -> CombinedDepth:
    """The space that a file was searched in."""
    return CombinedDepth(FILES[name], planes=golden(f"search_{name}")["planes"].tolist())  # type: ignore[arg-type]


def published_name(name: str, space: CombinedDepth) -> str:
    """Name in the reference's supernet of an entry of our network."""
    name = re.sub(r"\.layers\.([^.]+)\.", lambda found: f".ops.{list(space.layers).index(found[1])}.", name)
    name = name.removeprefix("backbone.trunk.").replace("neck.projection.", "conv1x1.").replace("neck.fcs.", "fc.")
    return name.removeprefix("neck.")


def filled_state(state: Mapping[str, Tensor], space: CombinedDepth, seed: int) -> dict[str, Tensor]:
    """Our state dict with every entry by the formula."""
    return {name: entry(published_name(name, space), value.shape, seed) for name, value in state.items()}


def network(name: str) -> BranchNetwork:
    """Supernet and head of a file, float64, filled, without dropout."""
    data, space = golden(f"search_{name}"), space_of_file(name)
    neck = BalanceNeck(int(data["planes"][-1]), int(data["num_class"]), (int(data["fc_dim"]),), dropout=0.0, projection=True)
    made = BranchNetwork(space.supernet(), neck).double()
    made.load_state_dict(filled_state(made.state_dict(), space, int(data["seed"])))
    return made


def loss(net: BranchNetwork, data: Mapping[str, np.ndarray], part: str) -> Tensor:
    """Cross-entropy and triplet loss of the ``train`` or ``val`` rows."""
    out, labels = net(tensor(data[f"{part}_img"]), 4), tensor(data[f"{part}_labels"])
    inputs = LossInputs(out.features, out.embeddings, out.logits, labels, 4)
    total: Tensor = LossSum([CrossEntropy(), BatchHardTriplet()])(inputs)[0]
    return total


def logits(data: Mapping[str, np.ndarray]) -> Tensor:
    """Architecture parameters that may learn."""
    return torch.nn.Parameter(tensor(data["alphas"]))
