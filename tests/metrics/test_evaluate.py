"""Worked examples, properties and refusals of ``evaluate``."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from tests.metrics.naive import naive_evaluate
from vireid.metrics import cosine_distances, evaluate, evaluate_embeddings
from vireid.metrics.functional import distances as distances_module, evaluation, scoring

RULES = ("sysu", "regdb", "llcm", "market")


@st.composite
def cases(draw, levels=4):
    """Small problems with many ties, absent identities and every removal."""
    q, g = draw(st.integers(1, 6)), draw(st.integers(1, 12))
    numbers = lambda n, low, high: np.array(draw(st.lists(st.integers(low, high), min_size=n, max_size=n)))  # noqa: E731  # used five times
    return {
        "distances": numbers(q * g, 0, levels).reshape(q, g).astype(np.float64),
        "query_pids": numbers(q, 0, 4),
        "gallery_pids": numbers(g, 0, 4),
        "query_camids": numbers(q, 1, 6),
        "gallery_camids": numbers(g, 1, 6),
        "rule": draw(st.sampled_from(RULES)),
    }


def same(actual, expected):
    np.testing.assert_allclose(actual["cmc"], expected["cmc"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(actual["ap"], expected["ap"], rtol=0, atol=1e-12)
    assert actual["mAP"] == pytest.approx(expected["mAP"], abs=1e-12)
    assert actual["mINP"] == pytest.approx(expected["mINP"], abs=1e-12)
    assert actual["num_valid"] == expected["num_valid"]


def valid(case):
    return naive_evaluate(*case.values(), topk=(1,)) is not None


@settings(max_examples=2000, deadline=None)
@given(cases(), st.sampled_from([None, True, False]))
def test_equals_the_naive_loop(case, unique):
    topk = (1, 2, 3, 5, 20)
    expected = naive_evaluate(*case.values(), topk=topk, unique=unique)
    cmc = {None: "auto", True: "unique", False: "plain"}[unique]
    if expected is None:
        with pytest.raises(ValueError, match="has a match in the gallery that counts"):
            evaluate(**case, topk=topk, cmc=cmc)
    else:
        same(evaluate(**case, topk=topk, cmc=cmc), expected)


@settings(max_examples=100, deadline=None)
@given(cases().filter(valid), st.randoms(use_true_random=False))
def test_gallery_order_does_not_matter_without_ties(case, random):
    case["distances"] = case["distances"] + np.linspace(0, 0.5, case["distances"].size).reshape(case["distances"].shape)
    order = list(range(len(case["gallery_pids"])))
    random.shuffle(order)
    shuffled = {**case, "distances": case["distances"][:, order]}
    shuffled |= {key: case[key][order] for key in ("gallery_pids", "gallery_camids")}
    same(evaluate(**shuffled), evaluate(**case))


@settings(max_examples=100, deadline=None)
@given(cases().filter(valid))
def test_only_the_order_of_distances_matters(case):
    expected = evaluate(**case)
    for transform in (np.sqrt, lambda d: 3 * d - 7, lambda d: -np.exp(-d)):
        same(evaluate(**{**case, "distances": transform(case["distances"])}), expected)


@settings(max_examples=100, deadline=None)
@given(cases().filter(valid))
def test_every_representation_gives_the_same(case):
    expected = evaluate(**case)
    dtypes = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int32]
    for dtype in dtypes:
        tensors = {key: torch.as_tensor(value) for key, value in case.items() if key != "rule"}
        tensors["distances"] = tensors["distances"].to(dtype)
        same(evaluate(**tensors, rule=case["rule"]), expected)
    same(evaluate(**{key: value.tolist() for key, value in case.items() if key != "rule"}, rule=case["rule"]), expected)


@settings(max_examples=50, deadline=None)
@given(cases().filter(valid), st.integers(1, 30))
def test_block_size_does_not_matter(case, block):
    expected = evaluate(**case)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation, "BLOCK", {"cpu": block, "cuda": block})
        same(evaluate(**case), expected)


@st.composite
def embedded_cases(draw):
    """Small integer embeddings, whose squared distances are exact in any order of summation, with duplicates."""
    q, g, d = draw(st.integers(1, 8)), draw(st.integers(1, 24)), 2
    numbers = lambda n, low, high: np.array(draw(st.lists(st.integers(low, high), min_size=n, max_size=n)))  # noqa: E731  # used six times
    labels = numbers(q, 0, 6), numbers(g, 0, 6), numbers(q, 1, 6), numbers(g, 1, 6)
    return numbers(q * d, 0, 3).reshape(q, d), numbers(g * d, 0, 3).reshape(g, d), *labels, draw(st.sampled_from(RULES))


@settings(max_examples=500, deadline=None)
@given(embedded_cases(), st.integers(1, 40), st.integers(1, 12), st.integers(0, 3))
def test_tiles_of_embeddings_equal_the_naive_loop(case, tile, columns, kept):
    query, gallery, *labels, rule = case
    distances = ((query[:, None] - gallery) ** 2).sum(2)
    expected = naive_evaluate(distances, *labels, rule=rule)
    tensors = torch.tensor(query).float(), torch.tensor(gallery).float(), *labels
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation, "TILE", {"cpu": tile, "cuda": tile})
        patch.setattr(evaluation, "TILE_COLUMNS", {"cpu": columns, "cuda": columns})
        patch.setattr(scoring, "KEPT", [0, 8, 30, 10**9][kept])
        patch.setattr(scoring, "FEW", [1, 2, 4, 10**9][kept])
        patch.setattr(distances_module, "OFTEN", 2 * (kept % 2))
        if expected is None:
            with pytest.raises(ValueError, match="has a match in the gallery that counts"):
                evaluate_embeddings(*tensors, rule=rule, normalise=False)
        else:
            same(evaluate_embeddings(*tensors, rule=rule, normalise=False), expected)


CORNERS = torch.tensor([[0.0, 0, 0], [2, 0, 0], [0, 2, 0], [0, -4, 0], [0, 0, 8], [0, 0, -1]])  # whose cosines are exact


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("columns", "together", "often"), [(7, 48, 9), (40, 1, 9), (40, 10**6, 9), (7, 1, 1)])
def test_tiles_of_cosines_equal_the_naive_loop(rule, columns, together, often, monkeypatch):
    """Full of ties, whether entries are put in order few at a time, a tile at a time or all at once."""
    numbers = np.random.default_rng(columns)
    query, gallery = CORNERS[numbers.integers(0, 6, 20)], CORNERS[numbers.integers(0, 6, 90)]
    labels = [numbers.integers(low, 7, count) for low, count in ((0, 20), (0, 90), (1, 20), (1, 90))]
    expected = naive_evaluate(cosine_distances(query, gallery).numpy(), *labels, rule=rule)
    monkeypatch.setattr(evaluation, "TILE", {"cpu": 60, "cuda": 60})
    monkeypatch.setattr(evaluation, "TILE_COLUMNS", {"cpu": columns, "cuda": columns})
    monkeypatch.setattr(distances_module, "TOGETHER", together)
    monkeypatch.setattr(distances_module, "OFTEN", often)
    same(evaluate_embeddings(query, gallery, *labels, rule=rule), expected)


@pytest.mark.parametrize(("threads", "workers"), [(2, 8), (3, 1), (4, 2)])
def test_threads_score_alike(threads, workers, monkeypatch):
    generator = torch.Generator().manual_seed(0)
    query, gallery = torch.randn(40, 3, generator=generator), torch.randn(50, 3, generator=generator)
    labels = torch.arange(40) % 9, torch.arange(50) % 9
    expected = evaluate(cosine_distances(query, gallery), *labels, rule="regdb")
    monkeypatch.setattr(evaluation, "WORKERS", workers)
    monkeypatch.setattr(evaluation, "TILE", {"cpu": 60, "cuda": 60})
    monkeypatch.setattr(evaluation, "TILE_COLUMNS", {"cpu": 20, "cuda": 20})
    monkeypatch.setattr(evaluation, "BLOCK", {"cpu": 300, "cuda": 300})
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        same(evaluate(cosine_distances(query, gallery), *labels, rule="regdb"), expected)
        torch.set_float32_matmul_precision("medium")
        same(evaluate_embeddings(query, gallery, *labels, rule="regdb"), expected)
        assert (torch.get_num_threads(), torch.get_float32_matmul_precision()) == (threads, "medium")
        with ThreadPoolExecutor(1) as pool:  # threads that start later
            assert pool.submit(torch.get_num_threads).result() == threads
    finally:
        torch.set_num_threads(before)
        torch.set_float32_matmul_precision("highest")


def test_float16_that_overflowed_is_refused():
    big = torch.tensor([[70000.0, 1.0]]).half()
    with pytest.raises(ValueError, match="`query` must be finite, but 1 of 1 rows"):
        evaluate_embeddings(big, torch.ones(1, 2).half(), [1], [1], rule="regdb")
    assert evaluate_embeddings(torch.tensor([[60000.0, 1.0]]).half(), torch.ones(1, 2).half(), [1], [1], rule="regdb")["mAP"] == 1.0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_lengths_whose_squares_overflow_are_refused(dtype):
    rows = torch.full((1, 2), float(torch.finfo(dtype).max), dtype=dtype)
    with pytest.raises(ValueError, match="`query` must be finite, but the length of 1 of 1 rows overflows"):
        evaluate_embeddings(rows, torch.ones(1, 2, dtype=dtype), [1], [1], rule="regdb")


def test_hand_worked_ranking():
    # kept order of the query: 5 7 5 9 7 -> matches of 7 at ranks 2 and 5; identities in order 5, 7, 9
    arguments = ([[0.2, 0.1, 0.3, 0.5, 0.4]], [7], [7, 5, 5, 7, 9])
    plain = evaluate(*arguments, rule="regdb", topk=(1, 2, 3))
    assert plain["cmc"].tolist() == [0.0, 1.0, 1.0]
    assert plain["mAP"] == pytest.approx((1 / 2 + 2 / 5) / 2)
    assert plain["mINP"] == pytest.approx(2 / 5)
    assert plain["ap"].shape == (1,)


def test_unique_cmc_counts_each_identity_once():
    arguments = ([[0.1, 0.2, 0.3, 0.4]], [7], [5, 5, 6, 7])
    assert evaluate(*arguments, rule="regdb", topk=(1, 2, 3, 4), cmc="plain")["cmc"].tolist() == [0, 0, 0, 1]
    assert evaluate(*arguments, rule="regdb", topk=(1, 2, 3, 4), cmc="unique")["cmc"].tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(("rule", "expected"), [("sysu", 1.0), ("llcm", 0.5), ("market", 0.5), ("regdb", 0.5)])
def test_sysu_removes_impostors_of_the_same_room(rule, expected):
    # camera 3 asks; the nearest entry is another person in camera 2, the same room
    scores = evaluate([[0.1, 0.2]], [1], [9, 1], [3], [2, 4], rule=rule)
    assert scores["mAP"] == expected


def test_ties_keep_gallery_order():
    assert evaluate([[1.0, 1.0]], [1], [1, 2], rule="regdb")["mAP"] == 1.0
    assert evaluate([[1.0, 1.0]], [1], [2, 1], rule="regdb")["mAP"] == 0.5
    assert evaluate([[1.0, 1.0]], [1], [2, 1], rule="regdb", topk=(1, 2), cmc="unique")["cmc"].tolist() == [0.0, 1.0]


def test_invalid_queries_leave_every_mean():
    scores = evaluate([[0.1, 0.2], [0.1, 0.2]], [1, 3], [1, 2], rule="regdb")
    assert (scores["num_valid"], scores["mAP"], scores["cmc"].tolist()) == (1, 1.0, [1.0] * 4)
    assert scores["ap"].tolist()[0] == 1.0
    assert np.isnan(scores["ap"][1])


def test_curve_is_extended_with_its_last_value():
    assert evaluate([[0.1, 0.2]], [1], [2, 1], rule="regdb", topk=(1, 2, 20, 1000))["cmc"].tolist() == [0, 1, 1, 1]


def test_arguments_are_left_alone():
    distances = torch.rand(3, 4)
    before = distances.clone()
    evaluate(distances, [1, 2, 3], [1, 2, 3, 3], [1, 1, 1], [1, 2, 3, 4], rule="sysu")
    assert torch.equal(distances, before)


def test_reversed_views_of_arrays():
    distances, pids = np.array([[0.3, 0.2, 0.1]]), np.array([1, 2, 3])
    assert evaluate(distances[:, ::-1], [1], pids[::-1], rule="regdb")["mAP"] == pytest.approx(1 / 3)


def test_one_query_with_matches_at_ranks_one_and_four():
    assert evaluate([[0.1, 0.2, 0.3, 0.4]], [1], [1, 2, 3, 1], rule="regdb")["mAP"] == 0.75


def test_embeddings_that_require_grad():
    query = torch.eye(2, requires_grad=True)
    assert evaluate_embeddings(query, torch.eye(2), [1, 2], [1, 2], rule="regdb")["mAP"] == 1.0
    assert evaluate(1 - query, [1, 2], [1, 2], rule="regdb")["mAP"] == 1.0


GOOD = {
    "distances": [[0.1, 0.2]],
    "query_pids": [1],
    "gallery_pids": [1, 2],
    "query_camids": [3],
    "gallery_camids": [1, 1],
    "rule": "sysu",
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rule": "syus"}, "`rule` must be one of sysu, regdb, llcm, market, got 'syus'"),
        ({"cmc": "best"}, '`cmc` must be "auto", "unique" or "plain"'),
        ({"distances": [0.1, 0.2]}, r"`distances` must have shape \(Q, G\)"),
        ({"distances": np.zeros((0, 2)), "query_pids": np.zeros(0, int), "query_camids": np.zeros(0, int)}, "at least one query"),
        ({"distances": np.zeros((1, 0)), "gallery_pids": np.zeros(0, int), "gallery_camids": np.zeros(0, int)}, "at least one query"),
        ({"distances": [[True, False]]}, "`distances` must be real numbers"),
        ({"distances": [[0.1, float("nan")]]}, "`distances` must be finite"),
        ({"distances": [[0.1, float("inf")]]}, "`distances` must be finite"),
        ({"query_pids": [1, 2]}, r"`query_pids` must have shape \(1,\) to fit the distances, got \(2,\)"),
        ({"gallery_pids": [1]}, r"`gallery_pids` must have shape \(2,\)"),
        ({"gallery_pids": [1.0, 2.0]}, "`gallery_pids` must be integers"),
        ({"query_pids": ["0002"]}, r"`query_pids` must be numbers, got \['0002'\]"),
        ({"gallery_pids": np.array(["1", "2"])}, r"`gallery_pids` must be numbers, got array\(\['1', '2'\]"),
        ({"query_camids": ["cam1"]}, r"`query_camids` must be numbers, got \['cam1'\]"),
        ({"gallery_camids": [None, 2]}, r"`gallery_camids` must be numbers, got \[None, 2\]"),
        ({"query_pids": [2**70]}, "`query_pids` must be numbers, got "),
        ({"distances": [["near", "far"]]}, "`distances` must be numbers, got "),
        ({"query_camids": None}, '`query_camids` are needed: rule "sysu" removes gallery entries by camera'),
        ({"gallery_camids": None, "rule": "market"}, "`gallery_camids` are needed"),
        ({"gallery_camids": [0, 7]}, '`gallery_camids` must be 1 to 6 for rule "sysu", got 0 to 7'),
        ({"query_pids": [5]}, "None of the 1 queries has a match in the gallery that counts"),
        ({"gallery_camids": [2, 1]}, "None of the 1 queries has a match"),
        ({"topk": ()}, "`topk` must hold at least one rank"),
        ({"topk": (0, 1)}, "`topk` must hold at least one rank, each an integer of at least 1"),
        ({"topk": (1.5,)}, "`topk` must hold"),
    ],
)
def test_refusals(change, message):
    assert evaluate(**GOOD)["num_valid"] == 1
    with pytest.raises(ValueError, match=message):
        evaluate(**{**GOOD, **change})


def test_regdb_reads_no_cameras():
    assert evaluate([[0.1]], [1], [1], [99], [99], rule="regdb")["mAP"] == 1.0


@pytest.mark.parametrize(
    ("query", "gallery", "message"),
    [
        (torch.ones(2), torch.ones(1, 2), "`query` must have shape"),
        (torch.ones(1, 2), torch.ones(0, 2), "`gallery` must have shape .* at least one row"),
        (torch.ones(1, 2), torch.tensor([[1.0, float("nan")]]), "`gallery` must be finite, but 1 of 1 rows"),
        (torch.full((1, 2), 1e19), torch.full((1, 2), -1e19), "`distances` must be finite"),
    ],
)
def test_refused_embeddings(query, gallery, message):
    with pytest.raises(ValueError, match=message):
        evaluate_embeddings(query, gallery, [1], [1], rule="regdb", normalise=False)


@pytest.mark.gpu
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("levels", [5, 2**20])
def test_cuda_equals_cpu(rule, levels):
    generator = torch.Generator().manual_seed(0)
    draw = lambda high, *shape: torch.randint(1, high, shape, generator=generator)  # noqa: E731  # used five times
    arguments = (draw(levels, 200, 500).float(), draw(30, 200), draw(30, 500), draw(7, 200), draw(7, 500))
    same(evaluate(*(x.cuda() for x in arguments), rule=rule), evaluate(*arguments, rule=rule))
