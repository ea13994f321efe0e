"""Smooth average precision against its definition, its limit, and its promises of memory and precision."""

from __future__ import annotations

import math
import weakref
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tests.operations import Operations
from vireid.losses import LossInputs, SmoothAveragePrecision
from vireid.losses.checks import check_on_device
from vireid.losses.functional import smooth_average_precision

LABELS = torch.tensor([0, 0, 0, 1, 2, 2, 3, 9]), torch.tensor([2, 0, 1, 1, 0, 2, 2, 5, 0])  # 3 and 9 have no match; 1 has two, others 3


def draw(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def naive(queries: Tensor, gallery: Tensor, query_labels: Tensor, gallery_labels: Tensor, t: float, leave_one_out: bool = False) -> float:
    """One query, one match and one other row at a time."""
    scores = []
    for q, query in enumerate(queries):
        rows = [j for j in range(len(gallery)) if not (leave_one_out and j == q)]
        s = {j: float(F.cosine_similarity(query, gallery[j], dim=0)) for j in rows}
        matches = [j for j in rows if gallery_labels[j] == query_labels[q]]
        ratios = []
        for i in matches:
            steps = {j: 1 / (1 + math.exp(-(s[j] - s[i]) / t)) for j in rows if j != i}
            ratios.append((1 + sum(steps[j] for j in matches if j != i)) / (1 + sum(steps.values())))
        if ratios:
            scores.append(sum(ratios) / len(ratios))
    return 1 - sum(scores) / len(scores)


@pytest.mark.parametrize("temperature", [0.02, 0.3, 5.0])
def test_equal_to_the_definition(temperature: float) -> None:
    queries, gallery = 3 * draw(8, 5), draw(9, 5, seed=1)
    found = smooth_average_precision(queries, gallery, *LABELS, temperature)
    assert float(found) == pytest.approx(naive(queries, gallery, *LABELS, temperature), abs=1e-12)
    labels = LABELS[1]
    found = smooth_average_precision(gallery, gallery, labels, labels, temperature, leave_one_out=True)
    assert float(found) == pytest.approx(naive(gallery, gallery, labels, labels, temperature, leave_one_out=True), abs=1e-12)


@pytest.mark.parametrize("leave_one_out", [False, True])
def test_whole_batches_and_matches_alone_agree(leave_one_out: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    gallery = draw(9, 5, seed=1).requires_grad_()
    queries, labels = (gallery, (LABELS[1], LABELS[1])) if leave_one_out else (3 * draw(8, 5), LABELS)
    found = []
    for largest in (8 * 9 * 9 + 81, 8 * 9 * 9 - 1):
        monkeypatch.setattr("vireid.losses.smooth_average_precision.LARGEST", largest)
        loss = smooth_average_precision(queries, gallery, *labels, 0.1, leave_one_out)
        found.append((loss.detach(), *torch.autograd.grad(loss, gallery)))
    torch.testing.assert_close(*found, rtol=0, atol=1e-14)


def test_a_gpu_looks_for_matches_without_being_waited_for() -> None:
    with Operations() as operations:
        check_on_device(torch.empty((), dtype=torch.bool, device="meta"), "No query has a match.")
    assert operations.counts["_assert_async"] == 1


def average_precision(similarities: Tensor, matches: Tensor) -> float:
    """Of one query without ties, by sorting."""
    hits = matches[similarities.argsort(descending=True)].double()
    return float(((hits.cumsum(0) / torch.arange(1, len(hits) + 1)) * hits).sum() / hits.sum())


def test_tends_to_one_minus_average_precision() -> None:
    """In each of 150 rankings neighbours are at least 36 temperatures apart: a sigmoid errs by exp(-36) at most, a rank by 20 of these."""
    seen = set()
    for seed in range(150):
        query, gallery = draw(1, 6, seed=seed), draw(20, 6, seed=1000 + seed)
        labels = torch.randint(0, 4, (20,), generator=torch.Generator().manual_seed(seed))
        similarities = F.cosine_similarity(query, gallery)
        gap = float(similarities.sort().values.diff().min())
        assert gap > 1e-9, "no ties"
        expected = 1 - average_precision(similarities, labels == labels[0])
        found = float(smooth_average_precision(query, gallery, labels[:1], labels, gap / 36))
        assert found == pytest.approx(expected, abs=1e-12)
        assert abs(float(smooth_average_precision(query, gallery, labels[:1], labels, 1.0)) - expected) > 1e-12
        seen.add(round(expected, 6))
    assert len(seen) > 100


def test_ties_one_match_and_no_match_by_hand() -> None:
    query, one = torch.tensor([[1.0, 0.0]], dtype=torch.float64), torch.tensor([0])
    tied = torch.tensor([[0.0, 1.0], [0.0, 1.0], [0.0, -1.0]], dtype=torch.float64)  # all at cosine 0
    assert smooth_average_precision(query, tied, one, torch.tensor([0, 1, 2])) == 1 - 1 / 2  # rank 1 + 1/2 + 1/2
    assert smooth_average_precision(query, tied, one, torch.tensor([0, 0, 2])) == 1 - 1.5 / 2
    third = torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
    assert smooth_average_precision(query, third, one, torch.tensor([0, 1, 2]), 1e-3) == pytest.approx(1 - 1 / 3, abs=1e-12)
    assert smooth_average_precision(query, third, one, torch.tensor([0, 0, 0])) == 0  # all are matches
    with_stranger = torch.cat([query, -query]), third, torch.tensor([0, 7]), torch.tensor([0, 1, 2])
    assert smooth_average_precision(*with_stranger) == smooth_average_precision(query, third, one, torch.tensor([0, 1, 2]))


def test_gradcheck_and_no_gradient_of_strangers() -> None:
    queries, gallery = draw(8, 5).requires_grad_(), draw(9, 5, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda q, g: smooth_average_precision(q, g, *LABELS, 0.3), (queries, gallery))
    labels = LABELS[1]
    assert torch.autograd.gradcheck(lambda x: smooth_average_precision(x, x, labels, labels, 0.3, leave_one_out=True), (gallery,))
    smooth_average_precision(queries, gallery, *LABELS).backward()
    assert queries.grad is not None
    assert (queries.grad.abs().sum(1) > 0).tolist() == [True] * 6 + [False] * 2


def test_a_step_against_the_gradient_helps_and_order_and_scale_change_nothing() -> None:
    queries, gallery = draw(8, 5).requires_grad_(), draw(9, 5, seed=1)
    loss = smooth_average_precision(queries, gallery, *LABELS, 0.1)
    (gradient,) = torch.autograd.grad(loss, queries)
    assert smooth_average_precision(queries - 1e-3 * gradient, gallery, *LABELS, 0.1) < loss
    rows, items = torch.randperm(8), torch.randperm(9)
    again = smooth_average_precision(7 * queries[rows], gallery[items], LABELS[0][rows], LABELS[1][items], 0.1)
    torch.testing.assert_close(again, loss, rtol=1e-12, atol=0)


def test_identical_rows_have_finite_gradients() -> None:
    rows = torch.ones(6, 4, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, 0, 1, 1, 2, 2])
    smooth_average_precision(rows, rows, labels, labels, leave_one_out=True).backward()
    assert rows.grad is not None
    assert rows.grad.isfinite().all()


def test_half_precision() -> None:
    """Computed in float32. Rounding to bfloat16 itself is another matter: it moves every cosine.

    Rounding changes an entry by a relative 2^-8 at most, with a standard deviation of at most 2^-8 / sqrt(3). A cosine of two random rows
    of 64 dimensions sums 64 products with independent errors of both sides: 2^-8 / sqrt(3) * sqrt(2 / 64) = .0004, or .02 temperatures;
    a difference of two .03. A sigmoid has a derivative of at most 1/4, so a precision moves by some .0075, and the mean of 256 by .0005.
    """
    labels = torch.arange(16).repeat_interleave(4)
    queries, gallery = draw(64, 64, dtype=torch.float32), draw(64, 64, seed=1, dtype=torch.float32)
    exact = smooth_average_precision(queries.double(), gallery.double(), labels, labels)
    single = smooth_average_precision(queries, gallery, labels, labels)
    assert abs(single - exact) < 1e-5  # cosines err by some 2^-24, 3e-6 temperatures
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert smooth_average_precision(queries, gallery, labels, labels) == single
    half = smooth_average_precision(queries.bfloat16(), gallery.bfloat16(), labels, labels)
    assert half.dtype == torch.float32
    assert half == smooth_average_precision(queries.bfloat16().float(), gallery.bfloat16().float(), labels, labels)
    assert abs(half - exact) < 0.001


class LiveBytes(TorchDispatchMode):
    """Bytes of the tensors that operations make and that still live; the largest sum is ``peak``."""

    def __init__(self) -> None:
        super().__init__()
        self.living: dict[int, int] = {}
        self.peak = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = function(*args, **(kwargs or {}))
        given = {tensor.untyped_storage()._cdata for tensor in tree_leaves((args, kwargs)) if isinstance(tensor, Tensor)}
        for tensor in tree_leaves(made):
            if isinstance(tensor, Tensor) and (key := tensor.untyped_storage()._cdata) not in given | self.living.keys():
                self.living[key] = tensor.untyped_storage().nbytes()
                weakref.finalize(tensor.untyped_storage(), self.living.pop, key)
        self.peak = max(self.peak, sum(self.living.values()))
        return made


def test_live_bytes_are_counted() -> None:
    with LiveBytes() as bytes_:
        first = torch.zeros(1000)
        second = first + 1
        views = first[:10], second.view(10, 100)
        del first, second, views
        torch.zeros(500)
    assert (bytes_.peak, bytes_.living) == (8000, {})


@pytest.mark.parametrize("within", [False, True])
def test_memory_of_a_large_batch(within: bool) -> None:
    """1024 + 1024 rows, K = 4: ranking everything would take 4 GiB for a single tensor."""
    features = draw(2048, 64, dtype=torch.float32).requires_grad_()
    labels = torch.arange(256).repeat_interleave(4).repeat(2)
    with LiveBytes() as bytes_:
        SmoothAveragePrecision(within=within)(LossInputs(features, features, None, labels, 1024, 4)).backward()
    assert features.grad is not None
    assert features.grad.isfinite().all()
    one = 1024 * 4 * 1024 * 4  # bytes of (pairs, gallery) in float32
    assert one < bytes_.peak < 200 * 2**20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"queries": torch.zeros(8, 4)}, "`queries` and `gallery` must have equally many dimensions, got 4 and 5"),
        ({"queries": torch.zeros(0, 5)}, "`queries` must have shape"),
        ({"gallery": torch.zeros(9)}, "`gallery` must have shape"),
        ({"query_labels": torch.zeros(9)}, "`query_labels` must hold one label for each of the 8 rows of `queries`"),
        ({"gallery_labels": torch.zeros(8)}, "`gallery_labels` must hold one label for each of the 9"),
        ({"temperature": 0.0}, "`temperature` must be a finite number above 0"),
        ({"leave_one_out": True}, "With `leave_one_out` the gallery is the queries, but there are 8 and 9 rows"),
        ({"query_labels": torch.arange(10, 18)}, "No query has a match: none of the 9 `gallery_labels` is among"),
    ],
)
def test_refusals(arguments: dict[str, Any], message: str) -> None:
    given = {"queries": draw(8, 5), "gallery": draw(9, 5), "query_labels": LABELS[0], "gallery_labels": LABELS[1]}
    with pytest.raises(ValueError, match=message):
        smooth_average_precision(**{**given, **arguments})


def test_one_image_of_each_has_no_match_but_itself() -> None:
    rows, labels = draw(4, 5), torch.arange(4)
    with pytest.raises(ValueError, match="none of the 4 `gallery_labels` other than the query itself is among"):
        smooth_average_precision(rows, rows, labels, labels, leave_one_out=True)
