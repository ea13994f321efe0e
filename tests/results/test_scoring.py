"""Rows beyond the protocol: mirror images and re-ranking, marked as such, on top of the plain rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
import torch.nn.functional as F

from vireid import RegDBDataModule, RetrainModule, SearchModule
from vireid.errors import SettingsError
from vireid.metrics import evaluate, k_reciprocal_rerank
from vireid.results import Reranking, score
from vireid.search import BNSeparation
from vireid.settings import instantiate
from vireid.structures import Evaluation, Modality, Record, Setting, Trial
from vireid.tasks.embeddings import flip_mean

pytestmark = pytest.mark.filterwarnings("ignore:.*hold fewer than 10 images:UserWarning")


def problem() -> tuple[Evaluation, torch.Tensor]:
    """Two trials over clustered embeddings of 8 people, 6 images each."""
    rng = np.random.default_rng(3)
    records = tuple(Record(f"{i}.jpg", i % 8, 1 + i // 24, Modality.VISIBLE if i < 24 else Modality.INFRARED) for i in range(48))
    centres = rng.normal(size=(8, 5))
    embeddings = torch.tensor(centres[[r.pid for r in records]] + 0.8 * rng.normal(size=(48, 5)), dtype=torch.float32)
    trials = tuple(Trial(np.arange(24, 48), gallery) for gallery in (np.arange(24), np.arange(23, 7, -1)))
    return Evaluation(records, (Setting("toy/first", "regdb", trials), Setting("toy/second", "regdb", trials[:1]))), embeddings


@pytest.mark.parametrize("neighbours", ["faithful", "corrected"])
def test_every_trial_is_reranked_by_itself(neighbours: Any) -> None:
    evaluation, embeddings = problem()
    reranking = Reranking(4, 2, 0.1, neighbours)
    result = score(evaluation, embeddings, "a remark", reranking=reranking)[0]
    unit = F.normalize(embeddings)
    pids = np.array([record.pid for record in evaluation.records])
    for number, trial in enumerate(evaluation.settings[0].trials):
        q, g = unit[trial.query], unit[trial.gallery.copy()]
        matrices = ((a[:, None] - b).norm(dim=2) for a, b in ((q, g), (q, q), (g, g)))
        distances = k_reciprocal_rerank(*matrices, 4, 2, 0.1, neighbours)
        expected = evaluate(distances, pids[trial.query], pids[trial.gallery], rule="regdb")
        assert result.values["mAP"][number] == pytest.approx(expected["mAP"], abs=1e-6)
    plain = score(evaluation, embeddings)[0]
    assert plain.values["mAP"] != result.values["mAP"]
    assert plain.images_sha256 == result.images_sha256  # comparable query by query
    assert (plain.variant, result.remark) == ("", "a remark")


def test_variants_are_named() -> None:
    evaluation, embeddings = problem()
    names = [
        score(evaluation, embeddings, variant=variant, reranking=reranking)[1].name
        for variant in ("", "flip")
        for reranking in (None, Reranking(), Reranking(5, 1, 0.25, "corrected"))
    ]
    assert names == [
        "toy/second",
        "toy/second + re-ranked (k1=20, k2=6, lambda=0.3)",
        "toy/second + re-ranked (k1=5, k2=1, lambda=0.25, corrected neighbours)",
        "toy/second + flip",
        "toy/second + flip, re-ranked (k1=20, k2=6, lambda=0.3)",
        "toy/second + flip, re-ranked (k1=5, k2=1, lambda=0.25, corrected neighbours)",
    ]


BAD: list[tuple[dict[str, Any], str]] = [
    ({"k1": 0}, "`k1` and `k2` must be at least 1, got 0 and 6"),
    ({"k2": -1}, "`k1` and `k2` must be at least 1, got 20 and -1"),
    ({"lambda_value": 1.5}, r"`lambda_value` must lie in \[0, 1\], got 1.5"),
    ({"neighbours": "best"}, "`neighbours` must be faithful or corrected, got 'best'"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
def test_bad_settings(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Reranking(**arguments)


def test_the_mean_of_image_and_mirror_image_by_hand() -> None:
    """(3, 4) and (0, 2) have unit lengths (0.6, 0.8) and (0, 1); their sum (0.6, 1.8) has length 0.6 * sqrt(10)."""
    found = flip_mean(torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 2.0]]))
    torch.testing.assert_close(found, torch.tensor([[1.0, 3.0]]) / 10**0.5)


@pytest.fixture(scope="module")
def data(regdb_root: Path) -> RegDBDataModule:
    return RegDBDataModule(regdb_root, height=32, width=16, num_workers=0)


@pytest.fixture
def trainer(tmp_path: Path) -> pl.Trainer:
    return pl.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False, default_root_dir=tmp_path)


@pytest.mark.parametrize("kind", [RetrainModule, SearchModule])
def test_options_add_rows_and_leave_the_plain_ones(
    kind: type[RetrainModule | SearchModule], data: RegDBDataModule, trainer: pl.Trainer
) -> None:
    arguments: dict[str, Any] = {"space": BNSeparation("resnet10", width=8), "weights": None}
    plain = kind(6, **arguments)
    trainer.test(plain, datamodule=data, verbose=False)
    assert [result.variant for result in plain.results] == ["", ""]
    module = kind(6, **arguments, flip_test=True, reranking=Reranking(k1=4, k2=2))
    trainer.test(module, datamodule=data, verbose=False)
    ranked = "re-ranked (k1=4, k2=2, lambda=0.3)"
    variants = ["", ranked, "flip", f"flip, {ranked}"]
    protocols = [result.protocol for result in plain.results]
    assert [(r.protocol, r.variant) for r in module.results] == [(protocol, variant) for protocol in protocols for variant in variants]
    assert [result for result in module.results if not result.variant] == plain.results
    assert len({result.mean["mAP"] for result in module.results[:4]}) > 1
    assert {f"test/{result.name}/mAP" for result in module.results} <= set(trainer.callback_metrics)


def test_flip_embeds_the_mirror_image(data: RegDBDataModule, trainer: pl.Trainer, tmp_path: Path) -> None:
    module = RetrainModule(6, space=BNSeparation("resnet10", width=8), weights=None, flip_test=True)
    trainer.predict(module, datamodule=data)
    written = np.load(tmp_path / "embeddings.npz")
    batch = data.on_after_batch_transfer(next(iter(data.test_dataloader())), 0)
    with torch.no_grad():
        both = [F.normalize(module.eval().embed(batch.with_images(images))) for images in (batch.images, torch.flip(batch.images, [3]))]
    expected = F.normalize((both[0] + both[1]) / 2)
    torch.testing.assert_close(torch.from_numpy(written["embeddings_flip"])[batch.positions], expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(F.normalize(torch.from_numpy(written["embeddings"])[batch.positions]), both[0], rtol=0, atol=1e-6)
    assert not torch.allclose(both[0], both[1], atol=1e-3)


def test_evaluations_within_a_fit_stay_plain(regdb_root: Path, trainer: pl.Trainer) -> None:
    data = RegDBDataModule(
        regdb_root, height=32, width=16, num_workers=0, identities_per_batch=2, images_per_identity=2, validation="heldout"
    )
    module = RetrainModule(
        data.num_classes, space=BNSeparation("resnet10", width=8), weights=None, flip_test=True, reranking=Reranking(4, 2)
    )
    runner = pl.Trainer(
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        max_epochs=1,
        limit_train_batches=1,
        default_root_dir=trainer.default_root_dir,
    )
    runner.fit(module, datamodule=data)
    assert {result.variant for result in module.results} == {""}
    runner.validate(module, datamodule=data, verbose=False)
    assert len({result.variant for result in module.results}) == 4


@pytest.mark.parametrize("kind", [RetrainModule, SearchModule])
def test_checkpoints_of_before_the_options_load(kind: type[RetrainModule | SearchModule]) -> None:
    settings = kind(4, space=BNSeparation("resnet10", width=8), weights=None, reranking=Reranking(5)).settings()
    rebuilt = instantiate(settings)
    assert (rebuilt.reranking.k1, rebuilt.flip_test) == (5, False)
    for name in ("flip_test", "reranking"):
        del settings["init_args"][name]
    old = instantiate(settings)
    assert (old.flip_test, old.reranking) == (False, None)
