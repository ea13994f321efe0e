"""Children that are trained for a few steps before they are scored."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.tasks.search.test_child_score import data, module_for, searched, state, trainer
from vireid.errors import SettingsError
from vireid.models import Backbone, Branch, BranchNeck, BranchNetwork, Head, NetworkOutput
from vireid.search import Fork, InitialWeights, LossScore, RetrievalScore, ShortTraining
from vireid.search.derivation import MainEffects
from vireid.structures import SearchBatch, generator_for
from vireid.tasks import SGD, RandomPaths, SearchModule
from vireid.tasks.callbacks.recalibration import training_rows
from vireid.tasks.search.child_score import InheritedScore
from vireid.tasks.search.child_training import kept_state, train_child

__all__ = ["searched"]  # a fixture


def test_rows_follow_the_training_order_over_epochs(searched: SearchModule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searched.trainer, "limit_train_batches", 1.0)
    loader = searched.trainer.datamodule.train_dataloader()  # type: ignore[attr-defined]
    expected = []
    for epoch in range(2):
        loader.batch_sampler.set_epoch(epoch)
        loader.batch_sampler.start_at(0)
        expected += [batch.weights.labels if isinstance(batch, SearchBatch) else batch.labels for batch in loader]
    found = [batch.labels for batch in training_rows(searched.trainer, len(expected))]
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(found, expected, strict=True))


@pytest.mark.parametrize("share", [False, True])
def test_epochs_are_as_long_as_those_of_the_training(searched: SearchModule, share: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = len(searched.trainer.datamodule.train_dataloader())  # type: ignore[attr-defined]
    assert batches > 2
    monkeypatch.setattr(searched.trainer, "limit_train_batches", 2.5 / batches if share else 2)
    keys = [batch.key for batch in training_rows(searched.trainer, 5)]
    assert [key[2:4] for key in keys] == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)]


def test_one_step_is_a_plain_step_of_the_optimiser(searched: SearchModule) -> None:
    genotype = searched.space.baselines()["all_separate"]
    searched.supernet.set_genotype(genotype)
    reference = copy.deepcopy(searched)
    with kept_state(searched.network):
        train_child(searched, 1)
        found = state(searched.network)
    (rows,) = training_rows(searched.trainer, 1)
    reference.train()
    optimizer = reference.optimizer.build(reference.network.named_parts())
    loss, _ = reference.summed_loss(reference.losses, reference(rows), rows)
    loss.backward()
    optimizer.step()
    for name, value in state(reference.network).items():
        assert torch.equal(value, found[name]), name
    assert any(not torch.equal(value, found[name]) for name, value in state(searched.network).items())


@pytest.mark.parametrize("from_start", [False, True])
def test_training_changes_the_score_and_leaves_nothing_behind(searched: SearchModule, from_start: bool) -> None:
    before, random = state(searched), torch.get_rng_state()
    point, other = (searched.space.sample(generator_for((seed,))) for seed in (1, 2))
    inherited, trained = InheritedScore(searched, LossScore(2, recalibration_batches=2)), None
    asked = LossScore(2, recalibration_batches=2, training=ShortTraining(3, from_start))
    trained = InheritedScore(searched, asked)
    scores = [trained(point), trained(other), trained(point)]
    assert scores[0] == scores[2] != scores[1]
    assert scores[0] != inherited(point)
    assert all(torch.equal(value, before[name]) for name, value in state(searched).items())
    assert torch.equal(torch.get_rng_state(), random)


class TwoBranches(BranchNeck):
    """The same features twice, with dropout before the classifier."""

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.classifier = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Linear(channels, num_classes))

    def forward(self, maps: Sequence[Tensor]) -> NetworkOutput:
        features = self.embed(maps)
        return NetworkOutput(tuple(Branch(features, features, self.classifier(features)) for _ in range(2)))

    def embed(self, maps: Sequence[Tensor]) -> Tensor:
        return maps[-1].mean((2, 3))


class OwnHead(Head):
    """A class outside the package."""

    def build(self, backbone: Backbone, num_classes: int | None) -> BranchNetwork:
        return BranchNetwork(backbone, TwoBranches(backbone.out_channels, num_classes or 0))


def test_a_head_of_ones_own_with_branches_and_dropout(sysu_root: Path, tmp_path: Path) -> None:
    datamodule = data(sysu_root)
    module = module_for(datamodule, head=OwnHead(), optimizer=SGD(0.01, 0.0, False, 0.0))
    trainer(tmp_path).fit(module, datamodule=datamodule)
    module.supernet.set_genotype(module.space.baselines()["all_shared"])
    reference = copy.deepcopy(module).train()
    (rows,) = training_rows(module.trainer, 1)
    torch.manual_seed(generator_for((module.seed, *rows.key)).initial_seed())
    reference.summed_loss(reference.losses, reference(rows), rows)[0].backward()
    random = torch.get_rng_state()
    weight, expected = (part.network.neck.classifier[1].weight for part in (module, reference))
    with kept_state(module.network):
        before = weight.detach().clone()
        train_child(module, 1)
        torch.testing.assert_close(weight - before, -0.01 * expected.grad, rtol=1e-4, atol=1e-7)
    assert torch.equal(torch.get_rng_state(), random)
    score = InheritedScore(module, LossScore(1, recalibration_batches=1, training=ShortTraining(1, from_start=True)))
    assert score(module.space.baselines()["all_separate"]) == score(module.space.baselines()["all_separate"])


def test_gradients_are_clipped_as_in_the_search(searched: SearchModule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searched, "optimizer", SGD(1.0, 0.0, False, 0.0, gradient_clip_val=0.01))
    searched.supernet.set_genotype(searched.space.baselines()["all_shared"])
    with kept_state(searched.network):
        before = [parameter.detach().clone() for parameter in searched.network.parameters()]
        train_child(searched, 1)
        moved = sum(float((p.detach() - old).square().sum()) for p, old in zip(searched.network.parameters(), before, strict=True))
    assert moved**0.5 == pytest.approx(0.01, rel=0.02)


def test_from_the_start_is_the_same_after_any_search(sysu_root: Path, tmp_path: Path) -> None:
    scores = []
    for epochs in (1, 2):
        datamodule = data(sysu_root)
        module = module_for(datamodule)
        trainer(tmp_path, epochs).fit(module, datamodule=datamodule)
        settings = [LossScore(2, recalibration_batches=2, training=ShortTraining(2, start)) for start in (True, False)]
        scores.append([InheritedScore(module, setting)(module.space.baselines()["all_shared"]) for setting in settings])
    assert scores[0][0] == scores[1][0]
    assert scores[0][1] != scores[1][1]


def test_main_effects_of_short_trainings_end_a_search(sysu_root: Path, tmp_path: Path) -> None:
    datamodule = data(sysu_root, search_split="none")
    score = RetrievalScore(recalibration_batches=1, training=ShortTraining(1, from_start=True))
    module = module_for(datamodule, strategy=RandomPaths(), derivation=MainEffects(4, score=score))
    module.run_dir = tmp_path
    trainer(tmp_path).fit(module, datamodule=datamodule)
    assert module.derived is not None
    about = module.derived.provenance["derivation"]
    assert len(about["scores"]) == 5
    assert about["settings"]["init_args"]["score"]["init_args"]["training"]["init_args"]["steps"] == 1


def test_a_training_without_steps_is_refused() -> None:
    with pytest.raises(SettingsError, match="`steps` of ShortTraining must be at least 1, got 0"):
        ShortTraining(0)


def test_trainings_without_a_loss_scale_are_refused() -> None:
    class Half:
        validation = "heldout"
        trainer = type("Trainer", (), {"precision": "16-mixed"})()

    for training in (ShortTraining(5), Fork()):
        with pytest.raises(SettingsError, match="use `bf16-mixed` or `32-true`, not `16-mixed`"):
            RetrievalScore(training=training).check(Half())
    RetrievalScore(training=InitialWeights()).check(Half())  # takes no step
