"""A map of the embeddings, by modality or by person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from vireid.errors import SettingsError
from vireid.plots.sources import Source, kept, results_of
from vireid.plots.style import CYCLE, INDIGO, MUTED, ORANGE, dress, legend, plain
from vireid.results.details import Images
from vireid.results.embedding_space import MOST, principal_axes, sampled, unit_rows
from vireid.settings.choices import check_choices

if TYPE_CHECKING:
    from matplotlib.axes import Axes

By = Literal["modality", "person"]
Method = Literal["pca", "tsne"]
VISIBLE, INFRARED = ORANGE, INDIGO
MARKERS = ("o", "^")
SHOWN_PEOPLE = 6


def embedding_map(source: Source | Images, axes: Axes, by: By = "modality", method: Method = "pca", most: int = MOST) -> Axes:
    """Draw every image as a point: circles are visible, triangles infrared images.

    Args:
        source: a folder or results; or images.
        axes: of matplotlib.
        by: what colours mean: the modality, or the person, for the six people with the most images. A line then joins the centres of a
            person's visible and infrared images.
        method: ``pca``: the first two principal axes. ``tsne``: t-SNE, which needs scikit-learn.
        most: largest number of points; of more images, some are drawn by a fixed seed.

    Raises:
        ResultsError: the results are of an older vireid.
        SettingsError: scikit-learn is not installed.

    Example::

        axes = Figure().subplots()
        embedding_map("runs/child", axes, by="person")
    """
    check_choices({"by": By, "method": Method}, {"by": by, "method": method})
    if not isinstance(source, Images):
        run = results_of(source)
        source = kept(run.images, run, "embeddings")
    rows = sampled(source, most)
    places, names = _placed(source.embeddings[rows], method)
    groups = _by_modality(source, rows) if by == "modality" else _by_person(source, rows)
    for label, chosen, color in groups:
        ends = []
        for side, marker in enumerate(MARKERS):
            at = places[chosen & (source.modalities[rows] == side)]
            size, faint = ((9 if by == "modality" else 16), 0.75) if label else (5, 0.3)
            if len(at):
                axes.scatter(at[:, 0], at[:, 1], size, marker=marker, alpha=faint, linewidths=0, facecolors=color, zorder=2 + bool(label))
                ends.append(at.mean(0))
        if label:
            axes.plot([], [], "s", color=color, markersize=4, label=plain(label))
        if label and by == "person" and len(ends) == 2:
            axes.plot(*np.transpose(ends), color=color, linewidth=1.0, zorder=2.5)
    dress(axes, xlabel=names[0], ylabel=names[1], grid="")
    axes.set_xticks([])
    axes.set_yticks([])
    legend(axes)
    return axes


def _placed(embeddings: NDArray[np.floating], method: Method) -> tuple[NDArray[np.floating], tuple[str, str]]:
    if method == "tsne":
        try:
            from sklearn.manifold import TSNE
        except ModuleNotFoundError:
            raise SettingsError("`method` tsne needs scikit-learn: pip install scikit-learn. Or take pca.") from None
        perplexity = min(30.0, max(1.0, (len(embeddings) - 1) / 3))
        return TSNE(init="pca", perplexity=perplexity, random_state=0).fit_transform(unit_rows(embeddings)), ("t-SNE", "")
    places, shares = principal_axes(embeddings)
    return places, (f"first axis, {100 * shares[0]:.0f} % of the variance", f"second axis, {100 * shares[1]:.0f} %")


Group = tuple[str, NDArray[np.bool_], str]


def _by_modality(images: Images, rows: NDArray[np.int64]) -> list[Group]:
    sides = images.modalities[rows]
    return [(name, sides == side, color) for side, (name, color) in enumerate((("visible", VISIBLE), ("infrared", INFRARED)))]


def _by_person(images: Images, rows: NDArray[np.int64]) -> list[Group]:
    """Everybody else, without a name, then six people."""
    pids = images.pids[rows]
    people, counts = np.unique(pids, return_counts=True)
    shown = sorted(people[np.argsort(-counts, kind="stable")][:SHOWN_PEOPLE].tolist())
    names = {pid: str(images.people[rows][pids == pid][0]) for pid in shown}
    return [("", ~np.isin(pids, shown), MUTED), *((names[pid], pids == pid, color) for pid, color in zip(shown, CYCLE, strict=False))]
