"""Derivations at the end of a search: what they score, what they leave alone, what they write."""

import json
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from vireid import Genotype, SearchModule, SYSUDataModule
from vireid.cli import main
from vireid.errors import SettingsError
from vireid.losses import CrossEntropy, FourWayHardTriplet, SimilarityPreserving
from vireid.models import ReIDNetwork
from vireid.results import score
from vireid.search import BNSeparation, ChildScore, LossScore, RetrievalScore
from vireid.search.derivation import Argmax, Evolution, Perturbation, RandomSearch, SampledTop
from vireid.structures import generator_for
from vireid.tasks import LastCheckpoint, RandomPaths, SafeCheckpointIO, TwoLevels
from vireid.tasks.callbacks.recalibration import training_batches
from vireid.tasks.callbacks.running_statistics import recalibrate
from vireid.tasks.search.child_score import InheritedScore

SPACE: dict[str, Any] = {"backbone": "resnet10", "width": 8}


def data(root: Path, **arguments: Any) -> SYSUDataModule:
    sizes = {"height": 32, "width": 16, "identities_per_batch": 3, "images_per_identity": 2, "num_workers": 0}
    return SYSUDataModule(root, **{**sizes, "search_split": "identity", "validation": "heldout", **arguments})


def trainer(folder: Path, epochs: int = 1, **arguments: Any) -> pl.Trainer:
    quiet: dict[str, Any] = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    quiet |= {"accelerator": "cpu", "enable_checkpointing": False, "limit_train_batches": 2, "num_sanity_val_steps": 0}
    return pl.Trainer(max_epochs=epochs, default_root_dir=folder, **{**quiet, **arguments})


def module_for(datamodule: SYSUDataModule, **arguments: Any) -> SearchModule:
    settings = {"strategy": TwoLevels(warmup_epochs=0), **arguments}
    return SearchModule(datamodule.num_classes, BNSeparation(**SPACE), weights=None, **settings)


def state(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


@pytest.fixture(scope="module")
def searched(sysu_root: Path, tmp_path_factory: pytest.TempPathFactory) -> SearchModule:
    """A module that a search has just left, still attached to its Trainer."""
    datamodule = data(sysu_root)
    module = module_for(datamodule)
    trainer(tmp_path_factory.mktemp("searched")).fit(module, datamodule=datamodule)
    return module


def naive_child(module: SearchModule, genotype: Genotype, batches: int) -> SearchModule:
    """The plain child with copies of the weights, its statistics from the first training batches."""
    child = ReIDNetwork(module.supernet.derive_child(genotype), 0, neck=module.network.neck)
    rows = [module.trainer.datamodule.on_after_batch_transfer(pair.weights, 0) for pair in training_batches(module.trainer, batches)]
    recalibrate(child, rows)
    return child.eval()


def test_the_map_of_a_child_is_that_of_the_materialised_child(searched: SearchModule) -> None:
    genotype = searched.space.sample(generator_for((5,)))
    found = InheritedScore(searched, RetrievalScore(recalibration_batches=2))(genotype)
    before = state(searched)
    child = naive_child(searched, genotype, 2)
    datamodule, embeddings = searched.trainer.datamodule, []
    with torch.no_grad():
        for images in datamodule.val_dataloader()[0]:
            batch = datamodule.on_after_batch_transfer(images, 0)
            embeddings.append(child(batch.images, batch.n_visible).embeddings)
    searched.load_state_dict(before)  # the child borrowed the neck
    expected = score(datamodule.evaluation("validate"), torch.cat(embeddings))[0].mean["mAP"]
    assert found == pytest.approx(expected, abs=1e-6)
    assert 0 < found < 1


def test_the_loss_of_a_child_is_that_of_the_materialised_child(searched: SearchModule) -> None:
    genotype = searched.space.sample(generator_for((6,)))
    found = InheritedScore(searched, LossScore(3, recalibration_batches=2))(genotype)
    before = state(searched)
    child = naive_child(searched, genotype, 2)
    losses = []
    with torch.no_grad():
        for pair in training_batches(searched.trainer, 3):
            batch = searched.trainer.datamodule.on_after_batch_transfer(pair.architecture, 0)
            inputs = searched.loss_inputs(child(batch.images, batch.n_visible).branches[0], batch)
            losses.append(float(searched.losses(inputs, without_classes=True)[0]))
    searched.load_state_dict(before)
    assert found == pytest.approx(-sum(losses) / 3, rel=1e-4)


def test_the_loss_of_a_child_is_that_of_the_architecture_step(sysu_root: Path, tmp_path: Path) -> None:
    datamodule = data(sysu_root, validation="none")
    strategy = TwoLevels(architecture_losses=[SimilarityPreserving(7.0)], warmup_epochs=0)
    module = module_for(datamodule, losses=[CrossEntropy(), FourWayHardTriplet(0.3)], strategy=strategy)
    trainer(tmp_path).fit(module, datamodule=datamodule)
    genotype = module.space.sample(generator_for((6,)))
    found = InheritedScore(module, LossScore(1, recalibration_batches=2))(genotype)
    child = naive_child(module, genotype, 2)
    batch = datamodule.on_after_batch_transfer(training_batches(module.trainer, 1)[0].architecture, 0)
    with torch.no_grad():
        inputs = module.loss_inputs(child(batch.images, batch.n_visible).branches[0], batch)
        assert found == pytest.approx(-float(7.0 * SimilarityPreserving()(inputs)), rel=1e-4)


@pytest.mark.parametrize("asked", [RetrievalScore(recalibration_batches=2), LossScore(2, recalibration_batches=2)], ids=["mAP", "loss"])
def test_scoring_leaves_weights_statistics_modes_and_randomness_alone(searched: SearchModule, asked: ChildScore) -> None:
    searched.train()
    searched.network.neck.eval()
    modes = {name: part.training for name, part in searched.named_modules()}
    before, random = state(searched), torch.get_rng_state()
    inherited = InheritedScore(searched, asked)
    points = [searched.space.sample(generator_for((seed,))) for seed in (1, 2)]
    first = [inherited(point) for point in points]
    mixture = inherited.mixture(torch.full((len(searched.space.sites()), 2), 0.5))
    again = [inherited(point) for point in points]
    assert first == again, "the same point has the same score, whatever was scored in between"
    assert len({*first, mixture}) == 3
    assert all(torch.equal(value, before[name]) for name, value in state(searched).items())
    assert {name: part.training for name, part in searched.named_modules()} == modes
    assert torch.equal(torch.get_rng_state(), random)
    searched.eval()


def test_statistics_of_the_child_count(searched: SearchModule) -> None:
    genotype = searched.space.baselines()["all_separate"]
    one, two = (InheritedScore(searched, LossScore(1, recalibration_batches=batches))(genotype) for batches in (1, 2))
    assert one != two


def test_a_score_that_is_not_a_number_is_the_worst(searched: SearchModule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SearchModule, "architecture_loss", lambda *_: (torch.tensor(torch.nan), {}))
    assert InheritedScore(searched, LossScore(1, recalibration_batches=1))(searched.space.sample(generator_for((1,)))) == -torch.inf


def test_sampled_top_ends_a_search(sysu_root: Path, tmp_path: Path) -> None:
    datamodule = data(sysu_root, validation="none")
    derivation = SampledTop(3, score=LossScore(2, recalibration_batches=2))
    module = module_for(datamodule, derivation=derivation)
    kept: list[dict[str, torch.Tensor]] = []

    class Keep(pl.Callback):
        def on_train_batch_end(self, *_: Any) -> None:
            kept.append(state(module))

    checkpoints = LastCheckpoint(tmp_path)
    trainer(tmp_path, callbacks=[Keep(), checkpoints], enable_checkpointing=True, plugins=[SafeCheckpointIO()]).fit(
        module, datamodule=datamodule
    )
    assert all(torch.equal(value, kept[-1][name]) for name, value in state(module).items()), "the derivation moves nothing"
    genotype = Genotype.load(tmp_path / "genotype.json")
    about = genotype.provenance["derivation"]
    assert about["settings"] == derivation.settings()
    assert about["settings"]["init_args"]["score"] == LossScore(2, recalibration_batches=2).settings()
    assert 2 <= len(about["scores"]) <= 4
    inherited = InheritedScore(module, module.derivation.score)
    assert inherited(genotype) == max(about["scores"]), "the best of those that were scored"
    assert inherited(module.space.genotype(module.architecture.choices())) == about["scores"][0], "the argmax comes first"
    assert module.derive() == genotype

    loaded = SearchModule.load_from_checkpoint(tmp_path / "last.ckpt")
    assert loaded.derive() == genotype
    assert loaded.derive().provenance == genotype.provenance
    assert loaded.derivation.samples == 3


def test_evaluation_is_of_the_derived_child(sysu_root: Path, tmp_path: Path) -> None:
    datamodule = data(sysu_root)
    module = module_for(datamodule)
    module.derived = module.space.baselines()["all_separate"]
    trainer(tmp_path).validate(module, datamodule=datamodule, verbose=False)
    assert all(choice.candidates[choice.active.index(True)] == "separate_bn" for choice in module.supernet.choices.values())


ONE = RetrievalScore(recalibration_batches=1)


@pytest.mark.parametrize("derivation", [RandomSearch(3, score=ONE), Evolution(4, 2, 2, score=ONE)], ids=lambda d: type(d).__name__)
def test_single_path_one_shot_search_needs_no_architecture_step(sysu_root: Path, tmp_path: Path, derivation: Any) -> None:
    datamodule = data(sysu_root)
    module = module_for(datamodule, strategy=RandomPaths(), derivation=derivation)
    logits = module.architecture.logits.detach().clone()
    trainer(tmp_path, epochs=2).fit(module, datamodule=datamodule)
    assert torch.equal(module.architecture.logits, logits)
    scores = Genotype.load(tmp_path / "genotype.json").provenance["derivation"]["scores"]
    assert len(scores) == derivation.budget
    assert InheritedScore(module, module.derivation.score)(module.derive()) == max(scores)


def test_learned_logits_are_not_needed_where_they_are_not_used(sysu_root: Path, tmp_path: Path) -> None:
    datamodule = data(sysu_root)
    rest = TwoLevels(warmup_epochs=1)
    trainer(tmp_path).fit(module_for(datamodule, strategy=rest, derivation=RandomSearch(1, score=ONE)), datamodule=datamodule)
    with pytest.raises(SettingsError, match="derivation` that needs none: RandomSearch, Evolution or MainEffects"):
        trainer(tmp_path).fit(module_for(datamodule, strategy=rest, derivation=SampledTop(1, score=ONE)), datamodule=datamodule)


def test_perturbation_ends_a_search(sysu_root: Path, tmp_path: Path) -> None:
    datamodule = data(sysu_root, validation="none")
    derivation = Perturbation(score=LossScore(1, recalibration_batches=1))
    module = module_for(datamodule, derivation=derivation, losses=[FourWayHardTriplet(0.3)])
    trainer(tmp_path).fit(module, datamodule=datamodule)
    genotype = Genotype.load(tmp_path / "genotype.json")
    assert len(genotype.provenance["derivation"]["scores"]) == 2 * len(module.space.sites()) + 1
    assert InheritedScore(module, module.derivation.score)(genotype) == genotype.provenance["derivation"]["scores"][-1]


def test_until_the_last_epoch_the_genotype_is_the_argmax(sysu_root: Path, tmp_path: Path) -> None:
    datamodule = data(sysu_root, validation="none")
    derivation = RandomSearch(2, score=LossScore(1, recalibration_batches=1))
    module = module_for(datamodule, derivation=derivation)
    seen: list[tuple[Genotype, dict[str, str]]] = []

    class Keep(pl.Callback):
        def on_train_epoch_start(self, *_: Any) -> None:
            if (tmp_path / "genotype.json").exists():
                seen.append((Genotype.load(tmp_path / "genotype.json"), module.architecture.choices()))

    trainer(tmp_path, epochs=3, callbacks=[Keep()]).fit(module, datamodule=datamodule)
    assert len(seen) == 2
    for genotype, argmax in seen:
        assert genotype.choices == argmax
        assert genotype.provenance["derivation"] == {"settings": Argmax().settings()}
    assert Genotype.load(tmp_path / "genotype.json").provenance["derivation"]["settings"] == derivation.settings()


def test_a_run_that_dies_while_it_derives_derives_again(sysu_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(folder: Path, **fit: Any) -> SearchModule:
        datamodule = data(sysu_root, validation="none")
        derivation = Evolution(6, 3, 2, score=LossScore(1, recalibration_batches=1))
        module = module_for(datamodule, derivation=derivation, seed=3)
        runner = trainer(folder, epochs=2, callbacks=[LastCheckpoint(folder)], enable_checkpointing=True, plugins=[SafeCheckpointIO()])
        runner.fit(module, datamodule=datamodule, **fit)
        return module

    whole = run(tmp_path / "whole")
    calls = 0
    original = InheritedScore.__call__

    def dying(self: InheritedScore, genotype: Genotype) -> float:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise RuntimeError("the power is gone")
        return original(self, genotype)

    with monkeypatch.context() as patched:
        patched.setattr(InheritedScore, "__call__", dying)
        with pytest.raises(RuntimeError, match="the power is gone"):
            run(tmp_path / "killed")
    again = run(tmp_path / "killed", ckpt_path=tmp_path / "killed" / "last.ckpt")
    assert again.derive() == whole.derive()
    assert again.derive().provenance["derivation"] == whole.derive().provenance["derivation"]
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in whole.state_dict().items())
    finished = run(tmp_path / "killed", ckpt_path=tmp_path / "killed" / "last.ckpt")
    assert finished.derive() == whole.derive(), "a finished run comes back with its genotype"


def test_from_the_command_line(sysu_root: Path, tmp_path: Path) -> None:
    """The single-path one-shot baseline as a configuration; a test of its checkpoint evaluates the derived child."""
    sizes = {"height": 32, "width": 16, "identities_per_batch": 3, "images_per_identity": 2, "num_workers": 0}
    evolution = {"budget": 4, "population": 2, "tournament": 2}
    score = {"class_path": "vireid.search.RetrievalScore", "init_args": {"recalibration_batches": 1}}
    settings = {
        "data": {
            "class_path": "vireid.SYSUDataModule",
            "init_args": {"root": str(sysu_root), "search_split": "identity", "validation": "heldout", **sizes},
        },
        "model": {
            "class_path": "vireid.SearchModule",
            "init_args": {
                "space": BNSeparation(**SPACE).settings(),
                "weights": None,
                "strategy": "vireid.tasks.RandomPaths",
                "derivation": {"class_path": "vireid.search.Evolution", "init_args": {**evolution, "score": score}},
            },
        },
        "trainer": {
            "max_epochs": 1,
            "limit_train_batches": 1,
            "accelerator": "cpu",
            "enable_progress_bar": False,
            "callbacks": [{"class_path": "vireid.tasks.Recalibration", "init_args": {"batches": 1}}],
        },
    }
    config, folder = tmp_path / "one_shot.json", tmp_path / "run"
    config.write_text(json.dumps(settings))
    main(["fit", "-c", str(config), "--run_dir", str(folder)])
    genotype = Genotype.load(folder / "genotype.json")
    about = genotype.provenance["derivation"]
    assert about["settings"] == Evolution(4, 2, 2, score=ONE).settings()
    assert len(about["scores"]) == 4
    words = ["validate", "--ckpt", str(folder / "checkpoints" / "last.ckpt"), "--run_dir", str(tmp_path / "check")]
    quiet = ["--trainer.accelerator=cpu", "--trainer.enable_progress_bar=false"]
    main([*words, *quiet, "--trainer.callbacks+=vireid.tasks.Recalibration", "--trainer.callbacks.batches=1"])
    rows = json.loads((tmp_path / "check" / "metrics.json").read_text())["results"]
    assert rows[0]["mean"]["mAP"] == pytest.approx(max(about["scores"]), abs=1e-6), "the score was that of this child with these statistics"


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_scores_on_a_gpu(sysu_root: Path, tmp_path: Path, precision: str) -> None:
    datamodule = data(sysu_root)
    module = module_for(datamodule, derivation=SampledTop(2, score=ONE))
    trainer(tmp_path, accelerator="gpu", devices=1, precision=precision).fit(module, datamodule=datamodule)
    scores = Genotype.load(tmp_path / "genotype.json").provenance["derivation"]["scores"]
    assert all(0 < value <= 1 for value in scores)


@pytest.mark.parametrize(
    ("score", "arguments", "message"),
    [
        (RetrievalScore(), {"validation": "none"}, "validation` to `heldout`"),
        (RetrievalScore(), {"validation": "faithful_test_set"}, "the test set must not choose an architecture"),
        (LossScore(), {"search_split": "none"}, "search_split` to `identity` or `image`"),
    ],
)
def test_data_that_cannot_score_are_refused_before_the_search(
    sysu_root: Path, tmp_path: Path, score: ChildScore, arguments: dict[str, Any], message: str
) -> None:
    datamodule = data(sysu_root, **arguments)
    module = module_for(datamodule, strategy=RandomPaths(), derivation=RandomSearch(2, score=score))
    with pytest.raises(SettingsError, match=message):
        trainer(tmp_path).fit(module, datamodule=datamodule)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"recalibration_batches": 0}, "`recalibration_batches` must be at least 1, got 0"),
        ({"batches": 0}, "`batches` of LossScore must be at least 1, got 0"),
    ],
)
def test_senseless_scores_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        LossScore(**settings)
