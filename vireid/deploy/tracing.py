"""The network of one modality as a traced module, without what the other modality needs, and with its norms folded."""

from __future__ import annotations

import copy
import warnings
from functools import reduce
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, fx, nn

from vireid.deploy.card import IMAGENET_MEAN, IMAGENET_STD, Card, Preparation
from vireid.deploy.centring import centred
from vireid.deploy.folding import folded
from vireid.models import BranchNetwork, ReIDNetwork
from vireid.structures import Modality
from vireid.tasks import Retrieval

BATCH = torch.export.Dim("batch", min=1, max=4096)
EXAMPLES = 2  # images of the traced batch


class OneModality(nn.Module):
    """A network for images of one modality, which are normalised by ImageNet's mean and deviation, as deployment tools do.

    Where the network was trained with others, one product and one sum convert them. That is exact; to fold them into the first
    convolution would not be, because its padding is of zeros.

    Args:
        network: with the weights that embed.
        card: what it is.
        modality: of the images.
    """

    def __init__(self, network: ReIDNetwork | BranchNetwork, card: Card, modality: Modality) -> None:
        super().__init__()
        self.network = network
        self.evaluation = Retrieval(feature=card.feature)
        self.visible = modality is Modality.VISIBLE
        self.converts = conversion(card.preparations[modality])
        if self.converts is not None:
            self.register_buffer("scale", self.converts[0])
            self.register_buffer("shift", self.converts[1])

    def forward(self, images: Tensor) -> Tensor:
        """``(B, D)`` embeddings, not normalised, of ``(B, 3, H, W)`` images."""
        if self.converts is not None:
            images = images * self.get_buffer("scale") + self.get_buffer("shift")
        return self.evaluation.compared(self.network(images, images.shape[0] if self.visible else 0))


def conversion(how: Preparation) -> tuple[Tensor, Tensor] | None:
    """``(1, 3, 1, 1)`` factor and addend from ImageNet's normalisation to that of a network; ``None`` if they are the same."""
    if (how.mean, how.std) == (IMAGENET_MEAN, IMAGENET_STD):
        return None
    mean, std, own_mean, own_std = (
        torch.tensor(values, dtype=torch.float64) for values in (IMAGENET_MEAN, IMAGENET_STD, how.mean, how.std)
    )
    return tuple(values.float().reshape(1, 3, 1, 1) for values in (std / own_std, (mean - own_mean) / own_std))  # type: ignore[return-value]


def traced(network: ReIDNetwork | BranchNetwork, card: Card, modality: Modality) -> fx.GraphModule:
    """The folded network of one modality, for any number of images.

    Args:
        network: with the weights that embed; it is not changed.
        card: what it is.
        modality: of the images.
    """
    module = OneModality(copy.deepcopy(network).cpu().float(), card, modality).eval()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, about itself
        program = torch.export.export(module, (example(card, modality),), dynamic_shapes=({0: BATCH},), strict=False)
        return centred(folded(program.module(check_guards=False)))


def rounding(network: ReIDNetwork | BranchNetwork, card: Card, modality: Modality, images: NDArray[np.float32]) -> float:
    """How far the network in float32 is from itself in float64: the largest difference of unit embeddings.

    Args:
        network: with the weights that embed; it is not changed.
        card: what it is.
        modality: of the images.
        images: ``(B, 3, H, W)``, normalised by ImageNet's mean and deviation.
    """
    module = OneModality(copy.deepcopy(network).cpu().float(), card, modality).eval()
    batch = torch.from_numpy(images)
    with torch.inference_mode():
        single = F.normalize(module(batch).double())
        double = F.normalize(module.double()(batch.double()))
    return float((single - double).abs().max())


def example(card: Card, modality: Modality) -> Tensor:
    """A batch that shows the size of images."""
    how = card.preparations[modality]
    return torch.zeros(EXAMPLES, 3, how.height, how.width)


def same(first: fx.GraphModule, second: fx.GraphModule) -> bool:
    """Whether two traced networks compute the same."""
    if first.code != second.code:
        return False
    pairs = [(_value(first, str(node.target)), _value(second, str(node.target))) for node in first.graph.nodes if node.op == "get_attr"]
    return all(same(*pair) if isinstance(pair[0], fx.GraphModule) else torch.equal(*pair) for pair in pairs)


def _value(module: fx.GraphModule, name: str) -> Any:
    return reduce(getattr, name.split("."), module)
