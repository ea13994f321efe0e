"""Figures: what they draw is the numbers of the files, and what they cannot draw they say."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle, StepPatch

from tests.results.tested import FinishedTest
from tests.results.written import result, write
from vireid import plots
from vireid.errors import MissingFileError, ResultsError, SettingsError
from vireid.metrics import Searches, fnir, fpir
from vireid.plots.genotypes import size_of
from vireid.plots.style import GREEN, LONGEST, MUTED, VERMILION, plain
from vireid.results import read_results
from vireid.results.details import PAIRS, CameraMatrix, Images
from vireid.results.training import Training
from vireid.search import BNSeparation, JointNorm
from vireid.structures import Genotype
from vireid.structures.looks import GLYPHS


@pytest.fixture
def axes() -> Axes:
    figure = Figure(figsize=(3.4, 2.4), layout="constrained")  # one column
    FigureCanvasAgg(figure)
    return figure.subplots()


def test_long_names_are_shortened() -> None:
    assert plain("a$b") == r"a\$b"
    assert plain("x" * LONGEST) == "x" * LONGEST
    assert plain("x" * 1_000_000) == "x" * (LONGEST - 1) + "…"


def lines(axes: Axes) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for line in axes.lines:
        yield np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)


def test_cmc_points_are_those_of_the_table(tested: FinishedTest, axes: Axes) -> None:
    row = read_results(tested.folder).results[0]
    plots.cmc(tested.folder, axes, label="a $ b")
    ((ranks, values),) = lines(axes)
    for k in (1, 5, 10, 20):
        assert values[ranks == k] / 100 == pytest.approx(row.mean[f"rank{k}"], abs=1e-12)
    band = axes.collections[0].get_paths()[0].vertices
    at_one = np.asarray(band)[np.asarray(band)[:, 0] == 1, 1]
    assert (at_one.min() / 100, at_one.max() / 100) == pytest.approx((min(row.values["rank1"]), max(row.values["rank1"])))
    assert axes.get_legend_handles_labels()[1] == [r"a \$ b"]


def test_cmc_of_an_older_file_has_the_ranks_of_the_table_and_arrays_are_drawn_as_they_are(tmp_path: Path, axes: Axes) -> None:
    write(tmp_path, result(with_queries=False))
    plots.cmc(tmp_path, axes)
    plots.cmc(np.array([[0.5, 0.75], [0.7, 0.85]]), axes)
    (older, _), (given, values) = lines(axes)
    assert older.tolist() == [1, 5, 10, 20]
    assert (given.tolist(), values.tolist()) == ([1, 2], [60, 80])


def test_det_points_are_error_rates_at_a_threshold(axes: Axes) -> None:
    """Searches 0.9, 0.6, 0.3 of the own person, the best others 0.2, 0.7, 0.4: ranks 1, 2, 2."""
    mated, others = np.array([0.9, 0.6, 0.3]), np.array([0.2, 0.7, 0.4])
    plots.det(Searches(np.arange(3), mated, others, np.array([1.0, 2.0, 2.0]), 2), axes)
    ((rates, missed),) = lines(axes)
    for threshold in (0.1, 0.35, 0.5, 0.8):
        place = np.flatnonzero(np.isclose(rates, max(fpir(others, threshold), 1 / 3)))
        assert 100 * fnir(mated, [1, 2, 2], threshold) in [pytest.approx(value) for value in missed[place]]


def test_the_operating_points_of_the_test_are_on_its_det_curve(tested: FinishedTest, axes: Axes) -> None:
    plots.det(tested.folder, axes)
    assert len(axes.lines) == 1 + sum(read_results(tested.folder).results[0].fnir(target) is not None for target in (0.1, 0.01))


@pytest.mark.parametrize("pair", PAIRS)
def test_histograms_are_the_counts(tested: FinishedTest, axes: Axes, pair: Any) -> None:
    counts = read_results(tested.folder).details.scores
    assert counts is not None
    plots.distances(tested.folder, axes, pair)
    drawn = [patch.get_data() for patch in axes.patches if isinstance(patch, StepPatch)][::2]
    for kind, (values, edges, _) in enumerate(drawn):
        of_pair = counts.counts[PAIRS.index(pair), kind]
        np.testing.assert_allclose(values * np.diff(edges) * of_pair.sum(), of_pair, rtol=0, atol=1e-6)
    modalities = [int(record.modality) for record in tested.evaluation.records]
    n, m = modalities.count(0), modalities.count(1)
    assert counts.counts.sum((1, 2)).tolist() == [n * (n - 1) // 2, n * m, m * (m - 1) // 2]


def test_cells_of_cameras_show_their_numbers(axes: Axes) -> None:
    plots.cameras(CameraMatrix(np.array([3, 6]), np.array([1, 2]), np.array([[0.5, np.nan], [1.0, 0.0]]), np.ones((2, 2), int)), axes)
    assert [text.get_text() for text in axes.texts] == ["50", "\N{EN DASH}", "100", "0"]
    faces = [to_hex(patch.get_facecolor(), keep_alpha=True) for patch in axes.patches]
    assert faces[1].endswith("00")  # empty
    assert len(set(faces)) == 4


def people(modalities: list[int]) -> Images:
    number = len(modalities)
    rows = np.random.default_rng(0).normal(size=(number, 5))
    pids = np.arange(number) % 3
    return Images(rows, pids.astype(str), pids, pids, np.array(modalities), pids.astype(str))


@pytest.mark.parametrize("by", ["modality", "person"])
def test_every_image_is_a_point_of_the_map(axes: Axes, by: Any) -> None:
    plots.embedding_map(people([0] * 7 + [1] * 5), axes, by=by)
    assert sum(len(points.get_offsets()) for points in axes.collections) == 12
    assert len(axes.get_legend_handles_labels()[1]) == {"modality": 2, "person": 3}[by]


def test_of_many_images_some_are_drawn_and_one_modality_is_no_error(axes: Axes) -> None:
    plots.embedding_map(people([0] * 30), axes, most=10)
    assert sum(len(points.get_offsets()) for points in axes.collections) == 10


def test_without_scikit_learn_the_command_is_named(axes: Axes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    with pytest.raises(SettingsError, match="`method` tsne needs scikit-learn: pip install scikit-learn"):
        plots.embedding_map(people([0, 1, 0]), axes, method="tsne")


def cells(axes: Axes) -> list[str]:
    return [to_hex(patch.get_facecolor()) for patch in axes.patches if isinstance(patch, Rectangle)]


def test_an_architecture_has_one_cell_per_site_in_the_colour_of_its_candidate(axes: Axes, tmp_path: Path) -> None:
    baselines = BNSeparation("resnet10").baselines()
    baselines["stem_separate"].save(tmp_path / "genotype.json")
    plots.architecture({"a": baselines["all_shared"], "b": tmp_path / "genotype.json"}, axes, {"a": "mAP 1.0"})
    shared, separate = GLYPHS["shared_bn"][1], GLYPHS["separate_bn"][1]
    assert cells(axes) == [shared] * 12 + [separate] + [shared] * 11 + [shared, separate]  # and the key
    assert "mAP 1.0" in [text.get_text() for text in axes.texts]


@pytest.mark.parametrize("backbone", ["resnet10", "resnet50"])
def test_no_two_texts_of_an_architecture_run_into_one_another(backbone: str) -> None:
    sites = JointNorm(backbone).baselines()["all_shared"].choices
    mixed = Genotype({"class_path": "x"}, {site: list(GLYPHS)[number % 5] for number, site in enumerate(sites)})
    figure = Figure(figsize=size_of({"a long name": mixed}), layout="constrained")
    canvas, axes = FigureCanvasAgg(figure), figure.subplots()
    plots.architecture({"a long name": mixed}, axes)
    canvas.draw()
    boxes = [text.get_window_extent() for text in axes.texts if len(text.get_text()) > 1]
    assert len(boxes) > 9
    assert not [1 for number, one in enumerate(boxes) for other in boxes[:number] if one.overlaps(other)]


def test_curves_show_what_was_logged(axes: Axes) -> None:
    plots.curves(Training({"train/loss": {0: 3.0, 2: 1.0}}), axes, label="a")
    ((epochs, values),) = lines(axes)
    assert (epochs.tolist(), values.tolist()) == ([1, 3], [3, 1])


def test_ranked_lists_have_the_frames_of_the_evaluator(tested: FinishedTest, axes: Axes) -> None:
    run = read_results(tested.folder)
    ranks, images = run.details.ranks[run.results[0].protocol][0], run.images
    assert images is not None
    plots.ranked_lists(run, axes, queries=[0, 5], count=6)
    frames = [to_hex(patch.get_edgecolor()) for patch in axes.patches]
    expected = []
    for query in (0, 5):
        own = images.pids[ranks.entries[query]] == images.pids[ranks.query[query]]
        expected += [MUTED if ranks.ignored[query, rank] else GREEN if own[rank] else VERMILION for rank in range(6)]
    assert frames == expected
    assert len(axes.images) == 2 * 7


def test_attention_lies_over_both_images(tested: FinishedTest, axes: Axes) -> None:
    plots.attention(tested.folder, axes, pairs=[0, 1])
    assert len(axes.images) == 2 * 2 * 2
    kept = read_results(tested.folder).details.attention
    assert kept is not None
    heat = np.asarray(axes.images[1].get_array())
    np.testing.assert_allclose(heat[..., 3], 0.75 * kept.maps[0, 0].astype(float))


REFUSED: list[tuple[Callable[[Path, Axes], object], type[Exception], str]] = [
    (lambda folder, axes: plots.cmc(folder, axes, "x"), ResultsError, "has no row 'x'; it has: sysu/all/single-shot/seeded"),
    (lambda folder, axes: plots.det(folder, axes), ResultsError, "holds no scores of strangers: it was tested by an older vireid"),
    (lambda folder, axes: plots.distances(folder, axes), ResultsError, "holds no counts of scores"),
    (lambda folder, axes: plots.distances(folder, axes, "x-y"), SettingsError, "`pair` must be visible-visible, visible-infrared"),  # type: ignore[arg-type]
    (lambda folder, axes: plots.cameras(folder, axes), ResultsError, "holds no camera matrix"),
    (lambda folder, axes: plots.embedding_map(folder, axes), ResultsError, "holds no embeddings"),
    (lambda folder, axes: plots.ranked_lists(folder, axes), ResultsError, "holds no ranked lists"),
    (lambda folder, axes: plots.attention(folder, axes), ResultsError, "holds no attention maps"),
    (lambda folder, axes: plots.curves(folder, axes), MissingFileError, "There is no metrics.csv in"),
    (lambda _, axes: plots.curves(Training({"a": {0: 1.0}}), axes, "b"), MissingFileError, "Nothing is logged as 'b'; there are: a"),
    (lambda folder, axes: plots.probabilities(folder, axes, "in"), MissingFileError, "There is no course of a search in"),
    (lambda folder, axes: plots.certainty(folder, axes), MissingFileError, "There is no course of a search in"),
]


@pytest.mark.parametrize(("draw", "kind", "message"), REFUSED)
def test_what_a_folder_does_not_hold_is_named(
    draw: Callable[[Path, Axes], object], kind: type[Exception], message: str, tmp_path: Path, axes: Axes
) -> None:
    write(tmp_path)
    with pytest.raises(kind, match=message):
        draw(tmp_path, axes)


def test_numbers_of_queries_are_checked(tested: FinishedTest, axes: Axes) -> None:
    with pytest.raises(SettingsError, match="`queries` must be 0 to 23, got 99"):
        plots.ranked_lists(tested.folder, axes, queries=[99])
    with pytest.raises(SettingsError, match=r"`pairs` must be 0 to .*, got -1"):
        plots.attention(tested.folder, axes, pairs=[-1])


@pytest.mark.parametrize("kind", ["pdf", "svg"])
def test_figures_are_saved_as_vectors(tested: FinishedTest, axes: Axes, kind: str) -> None:
    plots.cmc(tested.folder, axes)
    file = io.BytesIO()
    axes.get_figure().savefig(file, format=kind)  # type: ignore[union-attr]
    assert {"pdf": b"%PDF", "svg": b"<svg"}[kind] in file.getvalue()
