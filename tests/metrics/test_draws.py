"""Many galleries drawn from the same images."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from tests.metrics.naive import naive_evaluate
from tests.metrics.test_evaluate import RULES, same
from vireid.metrics.functional import draws
from vireid.metrics.functional.draws import evaluate_draws

TOPK = (1, 5, 10, 20)
LEVELS = np.array([[1, 0], [0.8, 0.6], [0.6, 0.8], [0, 1], [-0.6, 0.8]])
"""Of unit length; seen from (1, 0) and (0, 1) their cosines are their numbers, so that equal images tie whatever the kernel."""


@st.composite
def cases(draw):
    """Up to 18 images of few kinds, with ties, and draws in any order or in the order of the images."""
    q, g = draw(st.integers(1, 6)), draw(st.integers(1, 12))
    numbers = lambda n, low, high: np.array(draw(st.lists(st.integers(low, high), min_size=n, max_size=n)))  # noqa: E731  # used four times
    embeddings = np.concatenate([np.eye(2)[numbers(q, 0, 1)], LEVELS[numbers(g, 0, len(LEVELS) - 1)]])
    pids, camids = numbers(q + g, 0, 3), numbers(q + g, 1, 6)
    galleries = draw(st.lists(st.lists(st.integers(q, q + g - 1), min_size=1, unique=True), min_size=1, max_size=4))
    arrange = draw(st.sampled_from([list, sorted, lambda rows: sorted(rows, key=lambda row: (pids[row], camids[row]))]))
    return embeddings, pids, camids, np.arange(q), [np.array(arrange(rows)) for rows in galleries], draw(st.sampled_from(RULES))


def naive(embeddings, pids, camids, query, gallery, rule):
    labels = pids[query], pids[gallery], camids[query], camids[gallery]
    return naive_evaluate(
        (1 - embeddings[query].astype(np.float32) @ embeddings[gallery].astype(np.float32).T), *labels, rule=rule, topk=TOPK
    )


@settings(max_examples=1000, deadline=None)
@given(cases(), st.sampled_from([1, 2, 62]), st.sampled_from([1, 30, 2**22]))
def test_equals_the_naive_loop(case, bits, size):
    embeddings, pids, camids, query, galleries, rule = case
    expected = [naive(embeddings, pids, camids, query, gallery, rule) for gallery in galleries]
    arguments = torch.tensor(embeddings).float(), torch.tensor(pids), torch.tensor(camids), query, galleries, rule, TOPK
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(draws, "BITS", bits)
        patch.setattr(draws, "SIZE", size)
        if None in expected:
            with pytest.raises(ValueError, match="has a match in the gallery that counts"):
                evaluate_draws(*arguments)
        else:
            for found, wanted in zip(evaluate_draws(*arguments), expected, strict=True):
                same(found, wanted)


def problem(dtype=torch.float32):
    """40 queries of camera 3 and 6 and 10 draws from 200 images of cameras 1, 2, 4, 5, by camera and identity."""
    rng = np.random.default_rng(0)
    pids = np.concatenate([np.arange(40) % 10, np.repeat(np.arange(10), 20)])
    camids = np.concatenate([3 + 3 * (np.arange(40) // 20), np.tile([1, 2, 4, 5], 50)])
    kinds = [np.flatnonzero((pids == pid) & (camids == camid)) for camid in (1, 2, 4, 5) for pid in range(10)]
    galleries = [np.concatenate([rng.permutation(kind)[:2] for kind in kinds]) for _ in range(10)]
    embeddings = torch.tensor(rng.normal(size=(240, 8)), dtype=dtype)
    return embeddings, torch.tensor(pids), torch.tensor(camids), np.arange(40), galleries


@pytest.mark.parametrize("rule", RULES)
def test_sorting_once_equals_sorting_every_draw(rule, monkeypatch):
    arguments = *problem(), rule, TOPK
    with monkeypatch.context() as patch:
        patch.setattr(draws, "evaluate_embeddings", None)  # is not needed
        found = evaluate_draws(*arguments)
    monkeypatch.setattr(draws, "_in_one_order", lambda *_: None)
    for one, other in zip(found, evaluate_draws(*arguments), strict=True):
        same(one, other)


def test_float64_is_scored_in_float64():
    """Distances that differ by less than float32 resolves: the match stands second in the gallery but is nearer."""
    embeddings = torch.tensor([[1.0, 0.0], [0.8, 0.6 + 1e-12], [0.8, 0.6]], dtype=torch.float64)
    found = evaluate_draws(
        embeddings, torch.tensor([1, 2, 1]), torch.tensor([1, 2, 2]), np.array([0]), [np.array([1, 2])] * 2, "regdb", TOPK
    )
    assert [scores["mAP"] for scores in found] == [1.0, 1.0]


def test_refusals():
    embeddings, pids, camids, query, galleries = problem()
    with pytest.raises(ValueError, match='`gallery_camids` must be 1 to 6 for rule "sysu", got 1 to 9'):
        evaluate_draws(embeddings, pids, torch.where(camids == 5, 9, camids), query, galleries, "sysu", TOPK)
    broken = embeddings.clone()
    broken[galleries[0][0]] = torch.nan
    with pytest.raises(ValueError, match="`gallery` must be finite, but 1 of"):
        evaluate_draws(broken, pids, camids, query, galleries, "sysu", TOPK)
    with pytest.raises(ValueError, match="`query` must be finite"):
        evaluate_draws(embeddings / torch.arange(240)[:, None], pids, camids, query, galleries, "sysu", TOPK)
