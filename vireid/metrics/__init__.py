"""Retrieval metrics: pure functions in :mod:`vireid.metrics.functional`, and a stateful one for evaluation loops.

The metrics are our own. torchmetrics' retrieval AP counts every item with a score of at most 0 as not relevant, which is wrong for
negated distances and for cosines. It also knows neither cameras nor mINP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vireid.lazy import lazy

if TYPE_CHECKING:
    from vireid.metrics.correlation import (
        RankCorrelation as RankCorrelation,
        kendall_tau_b as kendall_tau_b,
        rank_correlation as rank_correlation,
        spearman_rho as spearman_rho,
        tau_deviation as tau_deviation,
        top_overlap as top_overlap,
    )
    from vireid.metrics.functional import (
        RetrievalScores as RetrievalScores,
        cosine_distances as cosine_distances,
        evaluate as evaluate,
        evaluate_embeddings as evaluate_embeddings,
        k_reciprocal_rerank as k_reciprocal_rerank,
        pairwise_distances as pairwise_distances,
        rerank_embeddings as rerank_embeddings,
    )
    from vireid.metrics.intervals import clopper_pearson as clopper_pearson, design_effect as design_effect
    from vireid.metrics.open_set import (
        OperatingPoint as OperatingPoint,
        Searches as Searches,
        Threshold as Threshold,
        TooFewSearchesError as TooFewSearchesError,
        det_curve as det_curve,
        fnir as fnir,
        fpir as fpir,
        operating_points as operating_points,
        threshold_at as threshold_at,
    )
    from vireid.metrics.permutation import GroupTest as GroupTest, permutation_test as permutation_test
    from vireid.metrics.retrieval import CrossModalRetrieval as CrossModalRetrieval
    from vireid.metrics.searching import cosine_scores as cosine_scores, search_people as search_people
    from vireid.metrics.statistics import (
        PairedTest as PairedTest,
        bootstrap_interval as bootstrap_interval,
        paired_test as paired_test,
        paired_tests as paired_tests,
    )
    from vireid.metrics.verification import PairCounts as PairCounts, tar_at_far as tar_at_far

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        ".correlation": ["RankCorrelation", "kendall_tau_b", "rank_correlation", "spearman_rho", "tau_deviation", "top_overlap"],
        ".functional": [
            "RetrievalScores",
            "cosine_distances",
            "evaluate",
            "evaluate_embeddings",
            "k_reciprocal_rerank",
            "pairwise_distances",
            "rerank_embeddings",
        ],
        ".intervals": ["clopper_pearson", "design_effect"],
        ".open_set": [
            "OperatingPoint",
            "Searches",
            "Threshold",
            "TooFewSearchesError",
            "det_curve",
            "fnir",
            "fpir",
            "operating_points",
            "threshold_at",
        ],
        ".permutation": ["GroupTest", "permutation_test"],
        ".retrieval": ["CrossModalRetrieval"],
        ".searching": ["cosine_scores", "search_people"],
        ".statistics": ["PairedTest", "bootstrap_interval", "paired_test", "paired_tests"],
        ".verification": ["PairCounts", "tar_at_far"],
    },
)
