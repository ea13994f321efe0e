"""Losses of CGRNet and HHRG against naive loops and hand examples, and what they refuse."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from vireid.losses.functional import (
    aligned_distances,
    attention_alignment,
    cross_correlation,
    hetero_centre_triplet,
    local_alignment,
)

LABELS = torch.tensor([4, 4, 1, 1, 3, 3])


def rows(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def naive_path(first: Tensor, second: Tensor) -> float:
    """Cell by cell."""
    height, width = len(first), len(second)
    best = [[math.inf] * width for _ in range(height)]
    for i in range(height):
        for j in range(width):
            cost = math.tanh(float((first[i] - second[j]).norm()) / 2)
            before = [best[i - 1][j]] * (i > 0) + [best[i][j - 1]] * (j > 0)
            best[i][j] = cost + (min(before) if before else 0.0)
    return best[-1][-1]


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 4), (3, 2), (5, 5), (2, 6)])
def test_shortest_paths(height: int, width: int) -> None:
    first, second = rows(3, height, 4), rows(2, width, 4, seed=1)
    found = aligned_distances(first[:, None], second)
    expected = torch.tensor([[naive_path(a, b) for b in second] for a in first], dtype=torch.float64)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(aligned_distances(second[:, None], first), expected.T)


def test_gradients() -> None:
    strips, features = rows(6, 4, 3).requires_grad_(), rows(6, 5, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda s: local_alignment(s, features, LABELS, margin=2.0), strips)
    assert torch.autograd.grad(local_alignment(strips, features, LABELS, 2.0), features, allow_unused=True) == (None,)
    v, t = rows(6, 3).requires_grad_(), rows(6, 3, seed=1).requires_grad_()
    for standardise in (False, True):
        assert torch.autograd.gradcheck(lambda a, b, s=standardise: cross_correlation(a, b, 0.3, 2.0, s), (v, t))
    assert torch.autograd.gradcheck(lambda a, b: hetero_centre_triplet(a, b, LABELS, 2, 2.0), (v, t))


def test_local_alignment_of_mined_pairs() -> None:
    strips, features = rows(6, 4, 3), rows(6, 5, seed=1)
    unit, directions = torch.nn.functional.normalize(strips, dim=2), torch.nn.functional.normalize(features)
    total = {0.3: 0.0, -1.0: 0.0}
    for i in range(6):
        distance = [float((directions[i] - other).norm()) for other in directions]
        positive = max((j for j in range(6) if LABELS[j] == LABELS[i]), key=lambda j: distance[j])
        negative = min((j for j in range(6) if LABELS[j] != LABELS[i]), key=lambda j: distance[j])
        gap = naive_path(unit[i], unit[positive]) - naive_path(unit[i], unit[negative])
        total[0.3] += max(0.0, gap + 0.3) / 6
        total[-1.0] += math.log1p(math.exp(gap)) / 6
    for margin, expected in total.items():
        assert float(local_alignment(strips, features, LABELS, margin)) == pytest.approx(expected, abs=1e-6)
    torch.testing.assert_close(local_alignment(3 * strips, 2 * features, LABELS), local_alignment(strips, features, LABELS))
    assert local_alignment(strips[:2], features[:2], LABELS[:2]) == 0  # no negatives


@pytest.mark.parametrize("standardise", [False, True])
def test_cross_correlation_is_that_of_the_matrix(standardise: bool) -> None:
    v, t = rows(6, 9), rows(6, 9, seed=1)
    matrix = v.T @ t / 12
    if standardise:
        matrix = torch.stack([torch.stack([torch.corrcoef(torch.stack((a, b)))[0, 1] for b in t.T]) for a in v.T])
    off = matrix - matrix.diag().diag()
    expected = ((matrix.diag() - 1).square().sum() + 0.2 * off.square().sum()) / 7
    torch.testing.assert_close(cross_correlation(v, t, 0.2, 7.0, standardise), expected, rtol=1e-6, atol=0)


def test_centres() -> None:
    v, t = rows(6, 3), rows(6, 3, seed=1)
    labels = LABELS
    centres = torch.stack([half[labels == pid].mean(0) for half in (v, t) for pid in (4, 1, 3)])
    distances, pids = torch.cdist(centres, centres), [4, 1, 3] * 2
    total = 0.0
    for i in range(6):
        positive = max(float(distances[i, j]) for j in range(6) if pids[j] == pids[i])
        total += max(0.0, positive - min(float(distances[i, j]) for j in range(6) if pids[j] != pids[i]) + 0.5)
    assert float(hetero_centre_triplet(v, t, LABELS, 2, 0.5)) == pytest.approx(total / 6)
    shuffled = torch.tensor([1, 0, 2, 3, 5, 4])  # the order within an identity does not matter
    torch.testing.assert_close(hetero_centre_triplet(v[shuffled], t, LABELS, 2, 0.5), hetero_centre_triplet(v, t, LABELS, 2, 0.5))


def test_attention_alignment_is_small() -> None:
    maps = rows(4, 16, 16).softmax(-1)
    assert 0 < attention_alignment(maps[:2], maps[2:]) <= 2 / 16
    assert attention_alignment(maps, maps) == 0


def test_float32_under_autocast() -> None:
    v, t = rows(6, 3).bfloat16(), rows(6, 3, seed=1).bfloat16()
    strips = rows(6, 4, 3).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = (
            hetero_centre_triplet(v, t, LABELS, 2),
            cross_correlation(v, t),
            attention_alignment(strips, strips),
            local_alignment(strips, v, LABELS),
        )
    assert {value.dtype for value in found} == {torch.float32}


def test_refusals() -> None:
    v, strips = rows(6, 3), rows(6, 4, 3)
    with pytest.raises(ValueError, match=r"Attention maps of the two modalities must have the same shape.*got \(6, 4, 3\) and \(5, 4, 3\)"):
        attention_alignment(strips, strips[:5])
    with pytest.raises(ValueError, match="6 rows are not a multiple of k=4"):
        hetero_centre_triplet(v, v, LABELS, 4)
    with pytest.raises(ValueError, match=r"`divisor` above 0, got 0\.051 and 0"):
        cross_correlation(v, v, divisor=0.0)
    with pytest.raises(ValueError, match=r"`strips` must be \(B, H, d\) for the 6 rows of `features`, got \(5, 4, 3\)"):
        local_alignment(strips[:5], v, LABELS)
    with pytest.raises(ValueError, match="`margin` must be a finite number"):
        local_alignment(strips, v, LABELS, margin=math.nan)
