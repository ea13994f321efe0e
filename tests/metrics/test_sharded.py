"""Scores of shards are those of the whole, whatever the number of shards."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from tests.metrics.naive import naive_evaluate
from vireid.metrics import evaluate
from vireid.metrics.functional.evaluation import means
from vireid.metrics.functional.exact_scores import NotFiniteError, exact_scores, products_in_pieces, uncertainty, unit_rows
from vireid.metrics.functional.scoring import QueryScores
from vireid.metrics.functional.sharded import GalleryPart, Labels, ShardedSearch

RULES = ["sysu", "regdb", "llcm", "market"]


def in_shards(query, gallery, q, g, rule, shards: int) -> QueryScores:
    """Scores of a gallery whose rows are dealt out to shards."""
    search, queries = ShardedSearch(q, g, rule), unit_rows(query)
    parts = [np.arange(len(gallery))[number::shards] for number in range(shards)]
    for take in (search.find_matches, search.count):
        for part in parts:
            take(queries, GalleryPart(unit_rows(gallery[part]), np.arange(len(part)), part))
    return search.scores()


def labels(generator: np.random.Generator, rows: int, people: int) -> Labels:
    return Labels(generator.integers(0, people, rows), generator.integers(1, 7, rows))


def corners(generator: np.random.Generator, rows: int) -> np.ndarray:
    """Rows of which many are equal, and whose cosines are exact in float32."""
    return np.where(generator.random((rows, 4)) < 0.5, -1.0, 1.0).astype(np.float32)


@pytest.mark.parametrize("rule", RULES)
@given(seed=st.integers(0, 2**32 - 1), shards=st.sampled_from([1, 2, 3, 7, 40]))
@settings(max_examples=25, deadline=None)
def test_shards_with_ties_are_the_definition(rule: str, seed: int, shards: int) -> None:
    generator = np.random.default_rng(seed)
    query, gallery = corners(generator, 9), corners(generator, 30)  # with 40 shards, ten are empty
    q, g = labels(generator, 9, 6), labels(generator, 30, 5)
    expected = naive_evaluate(-(query @ gallery.T), q.pids, g.pids, q.camids, g.camids, rule)
    found = in_shards(query, gallery, q, g, rule, shards)
    if expected is None:
        assert np.isnan(found.ap).all()
        return
    mean = means(found, np.array([1, 5, 10, 20]))
    np.testing.assert_array_equal(mean["cmc"], expected["cmc"])
    np.testing.assert_allclose([mean["mAP"], mean["mINP"]], [expected["mAP"], expected["mINP"]], rtol=0, atol=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_any_number_of_shards_gives_equal_numbers_and_those_of_the_whole(rule: str) -> None:
    """A shard of 5000 rows is more than a tile, and a tenth of the rows are copies, which lie in all shards."""
    generator = np.random.default_rng(0)
    centres = generator.standard_normal((300, 32))
    q, g = labels(generator, 200, 310), labels(generator, 5000, 300)
    query = centres[q.pids % 300] + 2 * generator.standard_normal((200, 32))
    gallery = centres[g.pids] + 2 * generator.standard_normal((5000, 32))
    gallery[::10] = gallery[5]
    rows, columns = (numbers.ravel() for numbers in np.meshgrid(np.arange(200), np.arange(5000), indexing="ij"))
    scores = exact_scores(unit_rows(query), unit_rows(gallery), rows, columns).reshape(200, 5000)
    expected = evaluate(-scores, q.pids, g.pids, q.camids, g.camids, rule)
    for shards in (1, 3, 7):
        found = in_shards(query, gallery, q, g, rule, shards)
        for name, numbers in zip(("ap", "inp", "hit"), (expected["ap"], expected["inp"], expected["first"]), strict=True):
            np.testing.assert_array_equal(getattr(found, name), numbers)


def test_nobody_of_the_queries_is_in_the_gallery() -> None:
    rows = np.eye(3)
    found = in_shards(rows, rows, Labels(np.array([1, 2, 3]), np.ones(3, int)), Labels(np.array([4, 5, 6]), np.ones(3, int)), "regdb", 2)
    assert np.isnan(found.ap).all()


def test_rows_must_be_finite() -> None:
    for value in (np.nan, np.inf):
        with pytest.raises(NotFiniteError, match="must be finite, but hold NaN or infinity; has training diverged"):
            unit_rows(np.array([[1.0, 0.0], [value, 1.0]]))


def test_a_cosine_is_that_of_the_pair_alone() -> None:
    rows = unit_rows(np.random.default_rng(1).standard_normal((700, 515)))
    pairs = np.meshgrid(np.arange(7), np.arange(700), indexing="ij")
    found = exact_scores(rows[:7], rows, *(numbers.ravel() for numbers in pairs)).reshape(7, 700)
    alone = [exact_scores(rows[i : i + 1], rows[j : j + 1], np.zeros(1, int), np.zeros(1, int))[0] for i, j in ((0, 0), (3, 600), (6, 699))]
    assert alone == [found[0, 0], found[3, 600], found[6, 699]]


@pytest.mark.parametrize("dimension", [1, 3, 64, 65, 515, 2048, 8191])
def test_products_in_pieces_stay_within_the_bound(dimension: int) -> None:
    """Numbers of one sign, whose errors do not cancel, of falling size, and of any sign."""
    generator = np.random.default_rng(dimension)
    kinds = generator.standard_normal((20, dimension)), generator.random((20, dimension)) + 1, generator.random((20, dimension)) ** 20
    rows = unit_rows(np.concatenate([*kinds, np.full((1, dimension), 1 / 3)]))
    query, out = torch.from_numpy(rows), torch.empty(61, 64)[:, :61]
    products_in_pieces(query, query, out, torch.empty(61 * 64))
    pairs = np.meshgrid(np.arange(61), np.arange(61), indexing="ij")
    expected = exact_scores(rows, rows, *(numbers.ravel() for numbers in pairs)).reshape(61, 61)
    assert np.abs(out.numpy() - expected).max() < uncertainty(dimension)
    assert uncertainty(dimension) < (dimension + 4) * 2.0**-24
