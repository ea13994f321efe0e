"""People seen by visible cameras only: uniform draws, and training on everybody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import TEST, TRAIN
from tests.data.test_resume import fit
from vireid.data import DukeMTMCDataModule, Market1501DataModule, MSMT17DataModule, ReIDDataModule
from vireid.errors import SettingsError
from vireid.settings import instantiate, settings_of
from vireid.structures import Batch, SearchBatch

SMALL: dict[str, Any] = {"height": 16, "width": 8, "num_workers": 0}
MODULES = {"market": Market1501DataModule, "duke": DukeMTMCDataModule, "msmt17": MSMT17DataModule}


@pytest.fixture(params=MODULES)
def kind(request: pytest.FixtureRequest) -> tuple[type[ReIDDataModule], Path]:
    return MODULES[request.param], request.getfixturevalue(f"{request.param}_root")


def test_uniform_batches(kind: tuple[Any, Path]) -> None:
    data = kind[0](kind[1], images_per_batch=5, **SMALL)
    batches = list(data.train_dataloader())
    assert len(batches) == len(data.parts.weights) // 5
    positions = torch.cat([batch.positions for batch in batches]).tolist()
    assert len(set(positions)) == len(positions)
    for batch in batches:
        assert isinstance(batch, Batch)
        assert (len(batch), batch.n_visible, batch.images_per_identity) == (5, 5, 1)
        assert batch.labels.tolist() == [data.parts.labels[pid] for pid in batch.pids.tolist()]
    assert settings_of(instantiate(settings_of(data))) == settings_of(data)


def test_uniform_batches_of_a_search(market_root: Path) -> None:
    batches = list(Market1501DataModule(market_root, images_per_batch=4, search_split="image", **SMALL).train_dataloader())
    assert all(isinstance(batch, SearchBatch) and len(batch.weights) == len(batch.architecture) == 4 for batch in batches)
    assert len(batches) == 12 // 4


@pytest.mark.filterwarnings("ignore::UserWarning:pytorch_lightning")
@pytest.mark.filterwarnings("ignore:The '.*_dataloader' does not have many workers")
def test_a_killed_run_with_uniform_batches_goes_on_exactly(market_root: Path, tmp_path: Path) -> None:
    def make() -> Market1501DataModule:
        return Market1501DataModule(market_root, images_per_batch=6, **SMALL)

    whole = fit(tmp_path / "whole", make)
    assert [key[2:4] for key, _ in whole] == [(epoch, batch) for epoch in range(3) for batch in range(4)]
    for stop in (2, 4, 11):  # in the first epoch, at its end, in the last
        folder = tmp_path / f"stop{stop}"
        assert fit(folder, make, stop) == whole[:stop]
        assert fit(folder / "on", make, ckpt=folder / f"step={stop}.ckpt") == whole[stop:]


@pytest.mark.parametrize(("name", "people", "images"), [("market", 7, 7 * 6 + 9), ("duke", 8, 7 * 6 + 9 + 2), ("msmt17", 7, 7 * 6)])
def test_everybody(name: str, people: int, images: int, request: pytest.FixtureRequest) -> None:
    """Train, query and gallery, without junk and distractors; Duke's people of the gallery alone count."""
    data = MODULES[name](request.getfixturevalue(f"{name}_root"), train_on="all", **SMALL)
    assert (data.num_classes, len(data.parts.weights)) == (people, images)
    assert data.test_pids() == []
    assert data.provenance()["train_on"] == "all"
    assert data.provenance()["search_pids"] == data.training_pids()
    assert settings_of(data)["init_args"]["train_on"] == "all"
    with pytest.raises(SettingsError, match=r"`train_on: all` trains on the images of the test.*--data.train_on train"):
        data.test_dataloader()
    with pytest.raises(SettingsError, match="`train_on: all`"):
        MODULES[name](data.dataset.root, train_on="all", validation="faithful_test_set", **SMALL).val_dataloader()


def test_everybody_by_name(market_root: Path) -> None:
    assert Market1501DataModule(market_root, train_on="all", **SMALL).training_pids() == sorted((*TRAIN, *TEST))
    held = Market1501DataModule(market_root, train_on="all", validation="heldout", **SMALL)
    assert {record.pid for record in held.parts.heldout}.isdisjoint({record.pid for record in held.parts.weights})


def test_what_is_refused(market_root: Path, msmt17_root: Path) -> None:
    with pytest.raises(SettingsError, match="`train_on` must be train or all, got 'trainval'"):
        Market1501DataModule(market_root, train_on="trainval", **SMALL)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="`train_on` must be train, trainval or all, got 'test'"):
        MSMT17DataModule(msmt17_root, train_on="test", **SMALL)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="`images_per_batch` must be at least 1, or null for P x K images; got 0"):
        Market1501DataModule(market_root, images_per_batch=0, **SMALL)
