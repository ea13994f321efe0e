"""k-reciprocal re-ranking step by step from its specification, with sets and dense float64 matrices. Shares no code with the package."""

import math

import numpy as np


def naive_lists(query_gallery, query_query, gallery_gallery, own_first=False):
    """(scaled squared distances, neighbour lists) of queries and gallery together."""
    whole = np.block([[query_query, query_gallery], [query_gallery.T, gallery_gallery]])
    squares = (whole**2).astype(np.float32)
    scaled = (squares / squares.max(axis=0)).T
    lists = []
    for i, row in enumerate(scaled):
        lists.append(sorted(range(len(row)), key=lambda j: (not (own_first and j == i), row[j], j)))
    return scaled, lists


def half_to_even(k):
    """Half of k, rounded to the even integer if it lies between two."""
    low = math.floor(k / 2)
    return low if k % 2 == 0 or low % 2 == 0 else low + 1


def naive_rerank(query_gallery, query_query, gallery_gallery, k1=20, k2=6, lambda_value=0.3, own_first=False):
    """(Q, G) re-ranked distances."""
    scaled, lists = naive_lists(query_gallery, query_query, gallery_gallery, own_first)
    count, queries = len(lists), len(query_gallery)

    def reciprocal(i, k):
        return {j for j in lists[i][: k + 1] if i in lists[j][: k + 1]}

    weights = np.zeros((count, count))
    for i in range(count):
        start = reciprocal(i, k1)
        grown = set(start)
        for j in start:
            half = reciprocal(j, half_to_even(k1))
            if len(half & start) * 3 > 2 * len(half):
                grown |= half
        total = sum(math.exp(-scaled[i, j]) for j in grown)
        for j in grown:
            weights[i, j] = math.exp(-scaled[i, j]) / total
    if k2 != 1:
        weights = np.array([weights[lists[i][:k2]].mean(axis=0) for i in range(count)])
    result = np.zeros(query_gallery.shape)
    for i in range(queries):
        for j in range(query_gallery.shape[1]):
            common = np.minimum(weights[i], weights[queries + j]).sum()
            result[i, j] = (1 - lambda_value) * (1 - common / (2 - common)) + lambda_value * scaled[i, queries + j]
    return result
