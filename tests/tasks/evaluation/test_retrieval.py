"""Evaluation by retrieval: what is compared, and rows beyond the protocol on top of the plain ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
import torch.nn.functional as F

from vireid import RegDBDataModule, RetrainModule, SearchModule
from vireid.models import Branch, NetworkOutput
from vireid.results import Reranking
from vireid.search import BNSeparation
from vireid.settings import instantiate
from vireid.tasks import Accuracy, Retrieval
from vireid.tasks.evaluation.embeddings import flip_mean

pytestmark = pytest.mark.filterwarnings("ignore:.*hold fewer than 10 images:UserWarning")


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
    module = kind(6, **arguments, evaluation=Retrieval(flip=True, reranking=Reranking(k1=4, k2=2)))
    trainer.test(module, datamodule=data, verbose=False)
    ranked = "re-ranked (k1=4, k2=2, lambda=0.3)"
    variants = ["", ranked, "flip", f"flip, {ranked}"]
    protocols = [result.protocol for result in plain.results]
    assert [(r.protocol, r.variant) for r in module.results] == [(protocol, variant) for protocol in protocols for variant in variants]
    assert [result for result in module.results if not result.variant] == plain.results
    assert len({result.mean["mAP"] for result in module.results[:4]}) > 1
    assert {f"test/{result.name}/mAP" for result in module.results} <= set(trainer.callback_metrics)


def test_flip_embeds_the_mirror_image(data: RegDBDataModule, trainer: pl.Trainer, tmp_path: Path) -> None:
    module = RetrainModule(6, space=BNSeparation("resnet10", width=8), weights=None, evaluation=Retrieval(flip=True))
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
        data.num_classes, space=BNSeparation("resnet10", width=8), weights=None, evaluation=Retrieval(flip=True, reranking=Reranking(4, 2))
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


@pytest.mark.parametrize(("feature", "value"), [("embeddings", 2.0), ("features", 1.0)])
def test_what_is_compared(feature: Any, value: float) -> None:
    output = NetworkOutput((Branch(torch.full((3, 4), 1.0), torch.full((3, 4), 2.0), None),))
    assert torch.equal(Retrieval(feature).compared(output), torch.full((3, 4), value))


@pytest.mark.parametrize("kind", [RetrainModule, SearchModule])
def test_a_task_is_rebuilt_with_its_evaluation(kind: type[RetrainModule | SearchModule]) -> None:
    space = BNSeparation("resnet10", width=8)
    settings = kind(4, space=space, weights=None, evaluation=Retrieval("features", reranking=Reranking(5))).settings()
    rebuilt = instantiate(settings).evaluation
    assert (rebuilt.feature, rebuilt.flip, rebuilt.reranking.k1) == ("features", False, 5)
    del settings["init_args"]["evaluation"]
    default = instantiate(settings).evaluation
    assert (default.feature, default.flip, default.reranking) == ("embeddings", False, None)
    assert Accuracy().settings() == {"class_path": "vireid.tasks.Accuracy", "init_args": {}}
