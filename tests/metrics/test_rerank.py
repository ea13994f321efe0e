"""Re-ranking against torchreid's numbers and against its specification; memory; the corrected neighbour lists.

2e-6 is the tolerance of the golden file (float32 sums in another order), also used against the naive float64 version.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch.profiler import ProfilerActivity, profile

from tests.metrics.naive_rerank import naive_lists, naive_rerank
from vireid.metrics import k_reciprocal_rerank, rerank_embeddings
from vireid.metrics.functional import reciprocal, rerank

GOLDEN = np.load(Path(__file__).parent.parent / "golden" / "evaluation-rerank.npz")
SETTINGS = [(20, 6, 0.3), (10, 1, 0.5), (7, 3, 0.0)]


def euclid(a, b):
    """Distances in float64 without a matrix product: equal rows are at exactly 0, and the matrix of one set is symmetric."""
    return np.sqrt(((a.astype(np.float64)[:, None] - b.astype(np.float64)) ** 2).sum(-1))


def three(query, gallery, power=1):
    """(query-gallery, query-query, gallery-gallery)"""
    return euclid(query, gallery) ** power, euclid(query, query) ** power, euclid(gallery, gallery) ** power


@pytest.mark.parametrize(("k1", "k2", "lambda_value"), SETTINGS)
@pytest.mark.parametrize(("given_as", "power"), [("euclid", 1), ("sqeuclid", 2)])
@pytest.mark.parametrize("neighbours", ["faithful", "corrected"])  # equal here: no ties
def test_golden(given_as, power, k1, k2, lambda_value, neighbours):
    distances = three(GOLDEN["q_feat"], GOLDEN["g_feat"], power)
    found = k_reciprocal_rerank(*distances, k1, k2, lambda_value, neighbours)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found, GOLDEN[f"{given_as}_k1_{k1}_k2_{k2}_lambda_{lambda_value}"], rtol=0, atol=2e-6)


@pytest.mark.parametrize("block", [1, 300, 2000])
def test_blocks_change_nothing(block, monkeypatch):
    distances = three(GOLDEN["q_feat"], GOLDEN["g_feat"])
    whole = k_reciprocal_rerank(*distances)
    monkeypatch.setattr(reciprocal, "BLOCK", block)
    monkeypatch.setattr(rerank, "BLOCK", block)
    torch.testing.assert_close(k_reciprocal_rerank(*distances), whole, rtol=0, atol=2e-7)


def test_from_embeddings():
    query, gallery = (torch.from_numpy(GOLDEN[name]).double() for name in ("q_feat", "g_feat"))
    expected = GOLDEN["euclid_k1_20_k2_6_lambda_0.3"]
    np.testing.assert_allclose(rerank_embeddings(query, gallery, normalise=False), expected, rtol=0, atol=2e-6)
    units = [(rows / rows.norm(dim=1, keepdim=True)).numpy() for rows in (query, gallery)]
    expected = k_reciprocal_rerank(*three(*units), 7, 3, 0.1)
    torch.testing.assert_close(rerank_embeddings(5 * query, gallery, 7, 3, 0.1), expected, rtol=0, atol=2e-6)


@st.composite
def problems(draw):
    """Few distinct points, so that many distances tie; more neighbours asked for than there are, too."""
    queries, gallery = draw(st.integers(1, 7)), draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    points = rng.integers(0, draw(st.sampled_from([2, 4, 1000])), (queries + gallery, 2)).astype(float)
    points[0, 0] = 2000.0  # no image has all others as copies
    arguments = draw(st.integers(1, 18)), draw(st.integers(1, 18)), draw(st.sampled_from([0.0, 0.3, 1.0]))
    return three(points[:queries], points[queries:]), arguments, draw(st.sampled_from(["faithful", "corrected"]))


@settings(max_examples=150, deadline=None)
@given(problems())
def test_equals_the_specification(problem):
    distances, arguments, neighbours = problem
    expected = naive_rerank(*distances, *arguments, own_first=neighbours == "corrected")
    np.testing.assert_allclose(k_reciprocal_rerank(*distances, *arguments, neighbours), expected, rtol=0, atol=2e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_order_of_the_gallery_and_scale_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    query, gallery, order = rng.normal(size=(6, 3)), rng.normal(size=(15, 3)), rng.permutation(15)
    found = k_reciprocal_rerank(*three(query, gallery), 5, 3)
    torch.testing.assert_close(k_reciprocal_rerank(*three(4 * query, 4 * gallery[order]), 5, 3), found[:, order], rtol=0, atol=1e-6)
    assert found.min() > -1e-6
    assert found.max() < 1 + 1e-6


def test_copies_beyond_the_list_are_not_in_their_own():
    """Five equal images and k1 = 2: the lists of all hold the first three, so the last two are in no list, not even their own."""
    points = np.array([[0.0], [0.0], [0.0], [0.0], [0.0], [9.0], [9.5]])
    distances = three(points[:4], points[4:])
    assert naive_lists(*distances)[1][3][:3] == naive_lists(*distances)[1][4][:3] == [0, 1, 2]
    encodings = {}
    for neighbours in ("faithful", "corrected"):
        scaled = torch.from_numpy(naive_lists(*distances)[0])
        lists = reciprocal.nearest(lambda a, b: scaled[a:b], torch.arange(7), 3, neighbours == "corrected")  # noqa: B023 (called at once)
        encodings[neighbours] = reciprocal.encode(lambda a, b: scaled[a:b], lists, 2).starts.diff().tolist()  # noqa: B023
    assert encodings == {"faithful": [3, 3, 3, 0, 0, 2, 2], "corrected": [3, 3, 3, 1, 1, 2, 2]}
    faithful, corrected = (k_reciprocal_rerank(*distances, 2, 3, 0.0, neighbours)[3, 0] for neighbours in ("faithful", "corrected"))
    assert faithful == pytest.approx(0.0, abs=1e-6)  # three lists of neighbours, all the same
    assert corrected == pytest.approx(0.5, abs=1e-6)  # two of three the same: 1 - (2/3) / (4/3)


def test_a_masked_diagonal():
    """Queries far from themselves: the faithful sets of isolated pairs fall apart, the corrected ones do not see the diagonal."""
    query, gallery = np.array([[0.0], [10.0], [30.0]]), np.array([[0.1], [10.3], [30.2], [90.0]])
    distances = three(query, gallery)
    arguments = 1, 1, 0.0
    intact = k_reciprocal_rerank(*distances, *arguments)
    assert intact.argmin(1).tolist() == [0, 1, 2]
    np.fill_diagonal(distances[1], 90.0)
    faithful, corrected = (k_reciprocal_rerank(*distances, *arguments, neighbours) for neighbours in ("faithful", "corrected"))
    np.testing.assert_allclose(faithful, naive_rerank(*distances, *arguments), rtol=0, atol=2e-6)
    np.testing.assert_allclose(corrected, naive_rerank(*distances, *arguments, own_first=True), rtol=0, atol=2e-6)
    assert corrected.argmin(1).tolist() == [0, 1, 2]
    assert (faithful.diagonal() - intact.diagonal()).abs().max() > 0.1


def test_equal_images_only():
    """All at distance 0 of one another: scaled distances are 0, not NaN."""
    assert k_reciprocal_rerank(np.zeros((2, 3)), np.zeros((2, 2)), np.zeros((3, 3))).tolist() == [[0.0] * 3] * 2


@pytest.mark.parametrize(
    "convert", [torch.from_numpy, lambda m: torch.from_numpy(m).half(), lambda m: m.astype(np.int64), np.ndarray.tolist]
)
def test_kinds_of_matrices(convert):
    points = np.arange(12.0).reshape(4, 3) ** 1.5 // 1
    whole = np.abs(points[:, :1] - points[:, 0])
    distances = whole[:2, 2:], whole[:2, :2], whole[2:, 2:]
    expected = k_reciprocal_rerank(*distances, 2, 2)
    torch.testing.assert_close(k_reciprocal_rerank(*map(convert, distances), 2, 2), expected, rtol=0, atol=1e-6)
    backwards = [matrix[::-1, ::-1].copy()[::-1, ::-1] for matrix in distances]
    torch.testing.assert_close(k_reciprocal_rerank(*backwards, 2, 2), expected)


BAD_MATRICES = [
    ((np.ones(3), np.ones((1, 1)), np.ones((3, 3))), r"`query_gallery` must have shape \(Q, G\).*got \(3,\)"),
    ((np.ones((0, 3)), np.ones((0, 0)), np.ones((3, 3))), r"`query_gallery` must have shape \(Q, G\).*got \(0, 3\)"),
    ((np.ones((2, 3)), np.ones((3, 3)), np.ones((3, 3))), r"`query_query` must have shape \(2, 2\).*got \(3, 3\)"),
    ((np.ones((2, 3)), np.ones((2, 2)), np.ones((2, 2))), r"`gallery_gallery` must have shape \(3, 3\).*got \(2, 2\)"),
    ((np.ones((1, 1)) * 1j, np.ones((1, 1)), np.ones((1, 1))), "`query_gallery` must be real numbers, got torch.complex128"),
    ((np.full((1, 1), np.nan), np.zeros((1, 1)), np.zeros((1, 1))), "must be finite"),
    ((np.ones((1, 1)), np.full((1, 1), np.inf), np.zeros((1, 1))), "must be finite"),
    ((np.full((1, 1), 1e30), np.zeros((1, 1)), np.zeros((1, 1))), "also when squared"),
    ((-np.ones((1, 1)), np.zeros((1, 1)), np.zeros((1, 1))), "must not be negative, got -1; pass Euclidean"),
]


@pytest.mark.parametrize(("distances", "message"), BAD_MATRICES)
def test_bad_matrices(distances, message):
    with pytest.raises(ValueError, match=message):
        k_reciprocal_rerank(*distances)


BAD_ARGUMENTS = [
    ({"k1": 0}, "`k1` must be an integer of at least 1, got 0"),
    ({"k1": 2.0}, "`k1` must be an integer of at least 1, got 2.0"),
    ({"k2": True}, "`k2` must be an integer of at least 1, got True"),
    ({"lambda_value": 1.1}, r"`lambda_value` must lie in \[0, 1\], got 1.1"),
    ({"lambda_value": float("nan")}, r"`lambda_value` must lie in \[0, 1\], got nan"),
    ({"neighbours": "best"}, '`neighbours` must be "faithful" or "corrected", got \'best\''),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_ARGUMENTS)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        k_reciprocal_rerank(np.ones((1, 1)), np.zeros((1, 1)), np.zeros((1, 1)), **arguments)
    with pytest.raises(ValueError, match=message):
        rerank_embeddings(torch.ones(1, 2), torch.ones(1, 2), **arguments)


@pytest.mark.parametrize(("query", "gallery"), [((2, 3), (2, 4)), ((3,), (2, 3)), ((0, 3), (2, 3)), ((2, 3), (0, 3))])
def test_bad_embeddings(query, gallery):
    with pytest.raises(ValueError, match=r"`query` and `gallery` must have shapes \(Q, D\) and \(G, D\) with equal D and at least one row"):
        rerank_embeddings(torch.ones(query), torch.ones(gallery))
    with pytest.raises(ValueError, match="must be finite"):
        rerank_embeddings(torch.full((1, 2), torch.nan), torch.ones(2, 2))


def test_memory_stays_below_one_dense_matrix():
    """6000 images: a single dense matrix of all pairs would take 137 MiB, the common code holds three or more."""
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(100, 64, generator=generator)
    rows = centres.repeat(60, 1) + 0.5 * torch.randn(6000, 64, generator=generator)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        rerank_embeddings(rows[:300], rows[300:])
    events = [event for event in profiled.profiler.kineto_results.events() if event.name() == "[memory]"]
    alive = np.cumsum([event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())])
    assert alive[-1] == 0
    assert 300 * 5700 * 4 < alive.max() < 100 * 2**20  # more than the result itself, less than a matrix
