"""Where two images are alike: Grad-CAM of the similarity of their embeddings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from vireid.models import BranchNetwork, NetworkOutput, ReIDNetwork
from vireid.results.details import Attention, Ranks, shown_queries
from vireid.structures import Batch

Compared = Callable[[NetworkOutput], Tensor]


def shown_pairs(ranks: Ranks, ap: NDArray[np.float64], pids: NDArray[np.int64]) -> NDArray[np.int64]:
    """``(n, 2)`` images of the queries that a report shows, and of the best counted entry of each."""
    rows = np.concatenate(list(shown_queries(ap, pids).values()))
    counted = (ranks.entries[rows] >= 0) & ~ranks.ignored[rows]
    rows, counted = rows[counted.any(1)], counted[counted.any(1)]
    best = ranks.entries[rows, counted.argmax(1)]
    return np.stack([ranks.query[rows], best], axis=1).astype(np.int64)


def attention(
    network: ReIDNetwork | BranchNetwork, compared: Compared, images: Callable[[Sequence[int]], Batch], pairs: NDArray[np.int64]
) -> Attention:
    """Attention maps of pairs of images, by a network in evaluation mode.

    A map is the sum of the channels of the deepest feature map, each weighted by the mean gradient of the cosine similarity of both
    embeddings; negative values become 0, and the largest value 1.

    Args:
        network: evaluated network.
        compared: embeddings of its output.
        images: images by their ascending numbers, as a normalised batch; the numbers of visible images are below those of infrared ones.
        pairs: ``(n, 2)`` numbers of images.

    Reference:
        Selvaraju et al.: Grad-CAM, ICCV 2017 (the weights); Stylianou, Souvenir, Pless: Visualizing Deep Similarity Networks, WACV 2019
        (of a similarity).
    """
    with torch.inference_mode(False), torch.enable_grad():
        maps = [deepest_maps(network, images, side) for side in pairs.T.tolist()]
        similarity, gradients = similarity_and_gradients(network, compared, maps)
    cams = torch.stack([grad_cam(side[-1].detach(), gradient) for side, gradient in zip(maps, gradients, strict=True)], dim=1)
    return Attention(
        pairs[:, 0].astype(np.int32), pairs[:, 1].astype(np.int32), similarity.float().cpu().numpy(), cams.cpu().numpy().astype(np.float16)
    )


def deepest_maps(network: ReIDNetwork | BranchNetwork, images: Callable[[Sequence[int]], Batch], rows: Sequence[int]) -> list[Tensor]:
    """Feature maps of images, of all depths; the last one asks for gradients."""
    order = np.argsort(rows, kind="stable")  # visible images first
    batch = images([rows[place] for place in order])
    with torch.no_grad():
        found = network.maps(batch.images, batch.n_visible)
    maps = [depth[torch.from_numpy(np.argsort(order))] for depth in found]
    maps[-1].requires_grad_()
    return maps


def similarity_and_gradients(
    network: ReIDNetwork | BranchNetwork, compared: Compared, maps: Sequence[Sequence[Tensor]]
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """``(n,)`` cosine similarities of pairs, and their gradients by the deepest map of each side."""
    query, entry = (compared(network.from_maps(side)) for side in maps)
    similarity = F.cosine_similarity(query, entry)
    return similarity.detach(), torch.autograd.grad(similarity.sum(), [side[-1] for side in maps])


def grad_cam(maps: Tensor, gradients: Tensor) -> Tensor:
    """``(n, h, w)`` maps in [0, 1] of ``(n, C, h, w)`` feature maps and their gradients; all zero where nothing speaks for the pair."""
    weights = gradients.mean((2, 3), keepdim=True)
    cams = (weights * maps).sum(1).clamp(min=0)
    return cams / cams.amax((1, 2), keepdim=True).clamp(min=torch.finfo(cams.dtype).tiny)
