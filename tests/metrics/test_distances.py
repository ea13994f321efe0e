"""Distances between embeddings."""

import pytest
import torch

from vireid.metrics import cosine_distances, pairwise_distances

BOTH = pytest.mark.parametrize("measure", [pairwise_distances, cosine_distances])


def rows(n, seed):
    return torch.randn(n, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_values():
    q, g = rows(5, 0), rows(7, 1)
    torch.testing.assert_close(pairwise_distances(q, g), torch.stack([(row - g).norm(dim=1) for row in q]), rtol=1e-12, atol=1e-12)
    cosine = torch.nn.functional.cosine_similarity(q[:, None], g[None], dim=2)
    torch.testing.assert_close(cosine_distances(q, g), 1 - cosine, rtol=1e-12, atol=1e-12)


def test_equal_rows_are_at_distance_zero_and_never_nan():
    g = rows(4, 0).float() * 1e3
    assert pairwise_distances(g, g).diagonal().isfinite().all()
    assert cosine_distances(torch.zeros(1, 6), g.float()).tolist() == [[1.0] * 4]


@BOTH
def test_dtypes(measure):
    q, g = rows(5, 0), rows(7, 1)
    assert measure(q, g.float()).dtype == torch.float64
    half = q.half()
    assert measure(half, half).dtype == torch.float32
    assert torch.equal(measure(half, half), measure(half.float(), half.float()))


@BOTH
def test_full_precision_under_training_settings(measure):
    q, g = rows(5, 0).float(), rows(7, 1).float()
    expected = measure(q, g)
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert torch.equal(measure(q, g), expected)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")


@BOTH
def test_refusals(measure):
    with pytest.raises(ValueError, match=r"shapes \(Q, D\) and \(G, D\) with equal D, got \(2, 3\) and \(2, 4\)"):
        measure(torch.zeros(2, 3), torch.zeros(2, 4))
    with pytest.raises(ValueError, match=r"shapes \(Q, D\)"):
        measure(torch.zeros(3), torch.zeros(2, 3))
    with pytest.raises(ValueError, match=r"must be floating point, got torch\.int64"):
        measure(torch.zeros(2, 3, dtype=torch.int64), torch.zeros(2, 3))
