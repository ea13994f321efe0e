"""Retrieval scores as pure functions."""

from vireid.metrics.functional.distances import cosine_distances, pairwise_distances
from vireid.metrics.functional.evaluation import RetrievalScores, evaluate, evaluate_embeddings
from vireid.metrics.functional.rerank import Neighbours, k_reciprocal_rerank, rerank_embeddings

__all__ = [
    "Neighbours",
    "RetrievalScores",
    "cosine_distances",
    "evaluate",
    "evaluate_embeddings",
    "k_reciprocal_rerank",
    "pairwise_distances",
    "rerank_embeddings",
]
