"""Retrieval metrics: pure functions in :mod:`vireid.metrics.functional`, and a stateful one for evaluation loops.

They are our own because torchmetrics' retrieval AP takes every score of at most 0 for not relevant, which is wrong for negated
distances and for cosines, and knows neither cameras nor mINP.
"""

from vireid.metrics.correlation import RankCorrelation, kendall_tau_b, rank_correlation, spearman_rho, tau_deviation, top_overlap
from vireid.metrics.functional import (
    RetrievalScores,
    cosine_distances,
    evaluate,
    evaluate_embeddings,
    k_reciprocal_rerank,
    pairwise_distances,
    rerank_embeddings,
)
from vireid.metrics.permutation import GroupTest, permutation_test
from vireid.metrics.retrieval import CrossModalRetrieval
from vireid.metrics.statistics import PairedTest, bootstrap_interval, paired_test

__all__ = [
    "CrossModalRetrieval",
    "GroupTest",
    "PairedTest",
    "RankCorrelation",
    "RetrievalScores",
    "bootstrap_interval",
    "cosine_distances",
    "evaluate",
    "evaluate_embeddings",
    "k_reciprocal_rerank",
    "kendall_tau_b",
    "paired_test",
    "pairwise_distances",
    "permutation_test",
    "rank_correlation",
    "rerank_embeddings",
    "spearman_rho",
    "tau_deviation",
    "top_overlap",
]
