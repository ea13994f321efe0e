"""Retrieval scores as pure functions."""

from vireid.metrics.functional.distances import cosine_distances, pairwise_distances
from vireid.metrics.functional.evaluation import RetrievalScores, evaluate, evaluate_embeddings

__all__ = ["RetrievalScores", "cosine_distances", "evaluate", "evaluate_embeddings", "pairwise_distances"]
