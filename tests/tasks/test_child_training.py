"""Children that are trained for a few steps before they are scored."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.tasks.test_derivation import data, module_for, searched, state, trainer
from vireid.errors import SettingsError
from vireid.search import RandomOneHot
from vireid.search.derivation import MainEffects
from vireid.structures import SearchBatch, generator_for
from vireid.tasks import SearchModule
from vireid.tasks.child_training import kept_state, train_child
from vireid.tasks.derivation import InheritedScore, SupernetScore
from vireid.tasks.recalibration import training_rows

__all__ = ["searched"]  # a fixture


def test_rows_follow_the_training_order_over_epochs(searched: SearchModule) -> None:
    loader = searched.trainer.datamodule.train_dataloader()  # type: ignore[attr-defined]
    expected = []
    for epoch in range(2):
        loader.batch_sampler.set_epoch(epoch)
        loader.batch_sampler.start_at(0)
        expected += [batch.weights.labels if isinstance(batch, SearchBatch) else batch.labels for batch in loader]
    found = [batch.labels for batch in training_rows(searched.trainer, len(expected))]
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(found, expected, strict=True))


def test_one_step_is_a_plain_step_of_the_optimiser(searched: SearchModule) -> None:
    genotype = searched.space.baselines()["all_separate"]
    searched.supernet.set_genotype(genotype)
    reference = copy.deepcopy(searched)
    with kept_state(searched.network):
        train_child(searched, 1)
        found = state(searched.network)
    (rows,) = training_rows(searched.trainer, 1)
    reference.train()
    optimizer = reference.optimizer.build(reference.parameter_groups(reference.optimizer, reference.trunk_lr_factor))
    loss, _ = reference.losses(reference.loss_inputs(reference(rows), rows))
    loss.backward()
    optimizer.step()
    for name, value in state(reference.network).items():
        assert torch.equal(value, found[name]), name
    assert any(not torch.equal(value, found[name]) for name, value in state(searched.network).items())


@pytest.mark.parametrize("from_start", [False, True])
def test_training_changes_the_score_and_leaves_nothing_behind(searched: SearchModule, from_start: bool) -> None:
    before, random = state(searched), torch.get_rng_state()
    point, other = (searched.space.sample(generator_for((seed,))) for seed in (1, 2))
    inherited, trained = InheritedScore(searched, SupernetScore("loss", 2, 2)), None
    trained = InheritedScore(searched, SupernetScore("loss", 2, 2, training_steps=3, from_start=from_start))
    scores = [trained(point), trained(other), trained(point)]
    assert scores[0] == scores[2] != scores[1]
    assert scores[0] != inherited(point)
    assert all(torch.equal(value, before[name]) for name, value in state(searched).items())
    assert torch.equal(torch.get_rng_state(), random)


def test_from_the_start_is_the_same_after_any_search(sysu_root: Path, tmp_path: Path) -> None:
    scores = []
    for epochs in (1, 2):
        datamodule = data(sysu_root)
        module = module_for(datamodule)
        trainer(tmp_path, epochs).fit(module, datamodule=datamodule)
        settings = [SupernetScore("loss", 2, 2, training_steps=2, from_start=start) for start in (True, False)]
        scores.append([InheritedScore(module, setting)(module.space.baselines()["all_shared"]) for setting in settings])
    assert scores[0][0] == scores[1][0]
    assert scores[0][1] != scores[1][1]


def test_main_effects_of_short_trainings_end_a_search(sysu_root: Path, tmp_path: Path) -> None:
    datamodule = data(sysu_root, search_split="none")
    score = SupernetScore(recalibration_batches=1, training_steps=1, from_start=True)
    module = module_for(
        datamodule, architecture_relaxation=RandomOneHot(), derivation=MainEffects(4), derivation_score=score, warmup_epochs=1
    )
    module.run_dir = tmp_path
    trainer(tmp_path).fit(module, datamodule=datamodule)
    assert module.derived is not None
    about = module.derived.provenance["derivation"]
    assert len(about["scores"]) == 5
    assert about["score"]["init_args"]["training_steps"] == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"training_steps": -1}, "`training_steps` must be 0 or more, got -1"),
        ({"from_start": True}, "`from_start` begins a training of `training_steps`"),
    ],
)
def test_senseless_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        SupernetScore(**settings)


def test_trainings_without_a_loss_scale_are_refused() -> None:
    class Half:
        validation = "heldout"
        trainer = type("Trainer", (), {"precision": "16-mixed"})()

    with pytest.raises(SettingsError, match="use `bf16-mixed` or `32-true`, not `16-mixed`"):
        SupernetScore(training_steps=5).check(Half())
