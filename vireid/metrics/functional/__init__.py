"""Retrieval scores as pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vireid.lazy import lazy

if TYPE_CHECKING:
    from vireid.metrics.functional.distances import cosine_distances as cosine_distances, pairwise_distances as pairwise_distances
    from vireid.metrics.functional.evaluation import (
        RetrievalScores as RetrievalScores,
        evaluate as evaluate,
        evaluate_embeddings as evaluate_embeddings,
    )
    from vireid.metrics.functional.rerank import (
        Neighbours as Neighbours,
        k_reciprocal_rerank as k_reciprocal_rerank,
        rerank_embeddings as rerank_embeddings,
    )

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        ".distances": ["cosine_distances", "pairwise_distances"],
        ".evaluation": ["RetrievalScores", "evaluate", "evaluate_embeddings"],
        ".rerank": ["Neighbours", "k_reciprocal_rerank", "rerank_embeddings"],
    },
)
