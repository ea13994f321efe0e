"""Thresholds of a network and a gallery hold for people that neither has seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
from numpy.typing import NDArray

from vireid import Embedder, Gallery, RegDBDataModule, RetrainModule
from vireid.data.synthetic import write_dataset
from vireid.deploy import Where
from vireid.search import BNSeparation
from vireid.structures import Modality

pytestmark = pytest.mark.slow
SIZE = {"height": 64, "width": 32}
ENROLLED, OTHERS = 500, 500
FOLDERS = {Modality.VISIBLE: "Visible", Modality.INFRARED: "Thermal"}


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    """Of a small network that was trained on people of its own."""
    folder = tmp_path_factory.mktemp("trained")
    root = write_dataset(folder / "people", "regdb", identities=200, seed=1, **SIZE)  # type: ignore[arg-type]
    pl.seed_everything(0)
    data = RegDBDataModule(root, identities_per_batch=8, images_per_identity=4, num_workers=0, **SIZE)
    child = RetrainModule(data.num_classes, "all_separate", BNSeparation("resnet10", width=16), weights=None)
    runner = pl.Trainer(max_epochs=12, accelerator="cpu", logger=False, enable_progress_bar=False, default_root_dir=folder)
    runner.fit(child, datamodule=data)
    runner.save_checkpoint(folder / "child.ckpt")
    return Embedder.load(folder / "child.ckpt")


@pytest.mark.filterwarnings("ignore:.*infrared images are in colour")
def test_strangers_pass_as_often_as_was_asked_for(embedder: Embedder, tmp_path: Path) -> None:
    """Both directions and a gallery of both modalities: within 30 % of a rate of .1, and within a factor of 2 of .01."""
    root = write_dataset(tmp_path / "people", "regdb", identities=ENROLLED + OTHERS, seed=2, **SIZE)  # type: ignore[arg-type]
    people = np.array([f"{person}" for person in range(1, ENROLLED + OTHERS + 1)])
    strangers: dict[Modality, NDArray[np.float32]] = {}
    with Gallery(tmp_path / "people.gallery", embedder) as gallery:
        for modality, name in FOLDERS.items():
            paths = [sorted((root / name / person).iterdir()) for person in people]
            assert {len(inside) for inside in paths} == {10}
            rows = embedder.embed([path for inside in paths for path in inside], modality)
            gallery.add_embeddings(rows[: 10 * ENROLLED], modality, people[:ENROLLED].repeat(10).tolist())
            strangers[modality] = rows[10 * ENROLLED :]
        calibration = gallery.calibrate()
        achieved: dict[tuple[str, float], float] = {}
        for query, rows in strangers.items():
            for inside in (query.VISIBLE, query.INFRARED, None):
                name = f"{query.name.lower()}-{'both' if inside is None else inside.name.lower()}"
                tops = np.array(
                    [gallery.search_embedding(row, query, 1, Where(modality=inside)).candidates[0] for row in rows], dtype=object
                )
                scores = np.array([top.calibrated if inside is None else top.score for top in tops])
                for target in (0.1, 0.01):
                    threshold = calibration.pairs[name].at(target)
                    achieved[name, target] = float((scores > threshold.value).mean())
                    fnir = next(point.fnir for point in calibration.pairs[name].points if point.target == target)
                    print(
                        f"{name:18} FPIR {target:<4} achieved {achieved[name, target]:.4f}, interval {threshold.low:.4f} .. "
                        f"{threshold.high:.4f} of {threshold.searches} searches of {threshold.people} people, FNIR {fnir:.3f}"
                    )
                    decided = [gallery.search_embedding(row, query, 1, Where(modality=inside), target) for row in rows[:50]]
                    assert [not answer.unknown for answer in decided] == (scores[:50] > threshold.value).tolist()
    for (name, target), rate in achieved.items():
        low, high = (0.07, 0.13) if target == 0.1 else (0.005, 0.02)
        assert low <= rate <= high, name
