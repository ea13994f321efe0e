"""Grad-CAM of a similarity: its gradient against finite differences, and maps that follow by hand."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import nn

from tests.results.tested import FinishedTest
from vireid.models import Backbone, BalanceNeck, BranchNetwork, ReIDNetwork
from vireid.results import read_results
from vireid.results.details import Ranks
from vireid.structures import Batch
from vireid.tasks.evaluation.attention import attention, deepest_maps, grad_cam, shown_pairs, similarity_and_gradients


def test_a_map_by_hand() -> None:
    """Two channels with weights 2 and -1: 2 * [1, 0] - [0, 3] = [2, -3], of which [2, 0] remains, and [1, 0] is shown."""
    maps = torch.tensor([[[[1.0, 0.0]], [[0.0, 3.0]]], [[[1.0, 1.0]], [[1.0, 1.0]]]])
    gradients = torch.tensor([[[[1.0, 3.0]], [[-2.0, 0.0]]], [[[-1.0, -1.0]], [[-1.0, -1.0]]]])
    assert grad_cam(maps, gradients).tolist() == [[[1.0, 0.0]], [[0.0, 0.0]]]


def images_of(number: int, visible: int) -> Batch:
    labels = torch.arange(number)
    pixels = torch.rand(number, 3, 32, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return Batch(pixels, labels, labels, labels, (labels >= visible).long(), labels, visible)


def rows_of(whole: Batch, rows: Sequence[int]) -> Batch:
    chosen = torch.tensor(rows)
    parts = [part[chosen] for part in (whole.images, whole.labels, whole.pids, whole.camids, whole.modalities, whole.positions)]
    return Batch(*parts, sum(row < whole.n_visible for row in rows))


@pytest.fixture(scope="module")
def network(tested: FinishedTest) -> ReIDNetwork | BranchNetwork:
    return copy.deepcopy(tested.module.network).double().eval()


def test_the_gradient_is_that_of_finite_differences(network: ReIDNetwork | BranchNetwork) -> None:
    whole = images_of(6, 3)
    pairs = np.array([[4, 0], [5, 0], [3, 2]])
    maps = [deepest_maps(network, lambda rows: rows_of(whole, rows), side) for side in pairs.T.tolist()]

    def similarity(query: torch.Tensor, entry: torch.Tensor) -> torch.Tensor:
        sides = [[*before[:-1], changed] for before, changed in zip(maps, (query, entry), strict=True)]
        return similarity_and_gradients(network, lambda output: output.embeddings, sides)[0]

    _, gradients = similarity_and_gradients(network, lambda output: output.embeddings, maps)
    step, random = 1e-5, torch.Generator().manual_seed(0)
    for side in (0, 1):
        values = [one[-1].detach() for one in maps]
        direction = torch.randn(values[side].shape, dtype=torch.float64, generator=random)
        ahead, behind = ([value + sign * step * direction * (k == side) for k, value in enumerate(values)] for sign in (1, -1))
        both = [similarity(*(one.requires_grad_() for one in changed)) for changed in (ahead, behind)]
        numeric = (both[0] - both[1]) / (2 * step)
        torch.testing.assert_close((gradients[side] * direction).sum((1, 2, 3)), numeric, rtol=1e-6, atol=1e-10)


def test_maps_of_a_test_are_kept(tested: FinishedTest) -> None:
    found = read_results(tested.folder)
    kept, images = found.details.attention, found.images
    assert kept is not None
    assert images is not None
    assert kept.maps.shape[:2] == (len(kept.query), 2)
    assert 3 <= len(kept.query) <= 36
    assert kept.maps.max() == 1
    unit = tested.embeddings / tested.embeddings.norm(dim=1, keepdim=True)
    expected = (unit[torch.from_numpy(kept.query).long()] * unit[torch.from_numpy(kept.entry).long()]).sum(1)
    np.testing.assert_allclose(kept.similarity, expected, rtol=0, atol=1e-5)
    assert (images.modalities[kept.query] == 1).all()
    assert (images.modalities[kept.entry] == 0).all()


def test_pairs_are_queries_with_their_best_counted_entry() -> None:
    entries, ignored = np.array([[5, 6], [7, -1], [8, 9]]), np.array([[True, False], [False, False], [True, True]])
    ranks = Ranks(np.array([1, 2, 3]), entries, entries.astype(np.float32), ignored)
    assert sorted(shown_pairs(ranks, np.array([0.1, 0.2, 0.3]), np.arange(3)).tolist()) == [[1, 6], [2, 7]]


def test_a_network_of_several_branches_has_maps_too() -> None:
    whole = images_of(4, 2)
    trunk = nn.Sequential(nn.Conv2d(3, 8, 3, stride=4), nn.BatchNorm2d(8), nn.ReLU())
    built = BranchNetwork(Backbone(trunk, 8), BalanceNeck(8, 3, (4,))).double().eval()
    found = attention(built, lambda output: output.embeddings, lambda rows: rows_of(whole, rows), np.array([[2, 0], [3, 1]]))
    assert found.maps.shape == (2, 2, 8, 4)
    assert found.maps.max() == 1
