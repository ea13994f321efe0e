"""Results of evaluations: records, files, tables, scoring, summaries and comparisons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vireid.lazy import lazy

if TYPE_CHECKING:
    from vireid.results.files import RunResults as RunResults, read_results as read_results
    from vireid.results.reranking import Reranking as Reranking
    from vireid.results.result import Result as Result
    from vireid.results.scoring import score as score
    from vireid.results.table import print_results as print_results, results_table as results_table, write_metrics as write_metrics
    from vireid.results.unlabelled import EmbeddedImages as EmbeddedImages, read_embeddings as read_embeddings

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        ".files": ["RunResults", "read_results"],
        ".reranking": ["Reranking"],
        ".result": ["Result"],
        ".scoring": ["score"],
        ".table": ["print_results", "results_table", "write_metrics"],
        ".unlabelled": ["EmbeddedImages", "read_embeddings"],
    },
)
