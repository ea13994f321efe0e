"""Figures for papers and lectures, of the files that a test and a search write. They need matplotlib (extra ``report``), and no torch.

Every function draws on axes of matplotlib and returns them:

    from matplotlib.figure import Figure
    from vireid import plots

    figure = Figure(figsize=(3.4, 2.4), layout="constrained")
    plots.cmc("runs/child", figure.subplots(), label="searched")
    figure.savefig("cmc.pdf")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vireid.lazy import lazy

if TYPE_CHECKING:
    from vireid.plots.camera_map import cameras as cameras
    from vireid.plots.cmc_curve import cmc as cmc
    from vireid.plots.det_curve import det as det
    from vireid.plots.distance_histogram import distances as distances
    from vireid.plots.forks import shortlist as shortlist
    from vireid.plots.genotypes import architecture as architecture
    from vireid.plots.lists import attention as attention, ranked_lists as ranked_lists
    from vireid.plots.map_of_embeddings import embedding_map as embedding_map
    from vireid.plots.search_course import certainty as certainty, probabilities as probabilities
    from vireid.plots.training_curves import curves as curves

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        ".camera_map": ["cameras"],
        ".cmc_curve": ["cmc"],
        ".det_curve": ["det"],
        ".distance_histogram": ["distances"],
        ".forks": ["shortlist"],
        ".genotypes": ["architecture"],
        ".lists": ["attention", "ranked_lists"],
        ".map_of_embeddings": ["embedding_map"],
        ".search_course": ["certainty", "probabilities"],
        ".training_curves": ["curves"],
    },
)
