"""What each step of a search may move, and what its arguments do."""

from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from vireid import Genotype, SearchModule, SYSUDataModule
from vireid.errors import SettingsError
from vireid.losses import CrossEntropy, FourWayHardTriplet
from vireid.search import BNSeparation, GumbelHard, JointNorm
from vireid.structures import generator_for
from vireid.tasks import SGD, Adam, Entropy, ExpectedCost, SearchRun, TwoLevels

SPACE: dict[str, Any] = {"backbone": "resnet10", "width": 8}


class Watch(pl.Callback):
    """State before and after every batch."""

    def __init__(self) -> None:
        self.before: list[dict[str, torch.Tensor]] = []
        self.after: list[dict[str, torch.Tensor]] = []

    def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, batch: Any, batch_idx: int) -> None:
        self.before.append({name: value.clone() for name, value in module.state_dict().items()})

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.after.append({name: value.clone() for name, value in module.state_dict().items()})

    def moved(self, batch: int) -> set[str]:
        return {name for name, value in self.after[batch].items() if not torch.equal(value, self.before[batch][name])}


def data(root: Path, **arguments: Any) -> SYSUDataModule:
    settings = {
        "height": 32,
        "width": 16,
        "identities_per_batch": 3,
        "images_per_identity": 2,
        "num_workers": 0,
        "search_split": "identity",
    }
    return SYSUDataModule(root, **{**settings, **arguments})


def search(
    root: Path, folder: Path, epochs: int = 2, batches: int = 2, split: str = "identity", warmup_epochs: int = 1, **arguments: Any
) -> tuple[SearchModule, Watch]:
    datamodule = data(root, search_split=split)
    settings = {"space": BNSeparation(**SPACE), "weights": None, "strategy": TwoLevels(warmup_epochs=warmup_epochs), **arguments}
    module = SearchModule(datamodule.num_classes, **settings)
    watch = Watch()
    trainer = pl.Trainer(
        max_epochs=epochs,
        limit_train_batches=batches,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        callbacks=[watch],
    )
    trainer.fit(module, datamodule=datamodule)
    return module, watch


def test_warm_up_moves_weights_only_and_afterwards_both_move(sysu_root: Path, tmp_path: Path) -> None:
    _, watch = search(sysu_root, tmp_path)
    for batch in (0, 1):
        assert "architecture.logits" not in watch.moved(batch)
        assert "network.backbone.trunk.conv1.weight" in watch.moved(batch)
    for batch in (2, 3):
        assert {"architecture.logits", "network.backbone.trunk.conv1.weight"} <= watch.moved(batch)
    assert (watch.after[2]["architecture.logits"] != watch.before[2]["architecture.logits"]).all(), "every logit gets a gradient"


def test_the_architecture_step_leaves_weights_and_statistics_alone(sysu_root: Path, tmp_path: Path) -> None:
    _, watch = search(sysu_root, tmp_path, epochs=1, warmup_epochs=0, optimizer=SGD(lr=0.0, momentum=0, nesterov=False, weight_decay=0))
    moved = watch.moved(0)
    counters = {name for name in moved if name.endswith("num_batches_tracked")}
    assert all(watch.after[0][name] == watch.before[0][name] + 1 for name in counters), "one forward pass counts, the weight step's"
    statistics = {name for name in moved if "running_" in name or name in counters}
    assert moved == statistics | {"architecture.logits"}


def test_a_skipped_candidate_keeps_parameters_and_statistics(sysu_root: Path, tmp_path: Path) -> None:
    module, watch = search(sysu_root, tmp_path, epochs=1, batches=1, warmup_epochs=0)
    module.supernet.set_mixture(
        GumbelHard()(watch.after[0]["architecture.logits"], 5.0, generator_for((0, 0, 0, 2)))  # the sample of that weight step
    )
    skipped = {id(parameter) for parameter in module.supernet.skipped_parameters()}
    names = {name for name, parameter in module.named_parameters() if id(parameter) in skipped}
    assert names
    assert not names & watch.moved(0), "no decay and no momentum either"
    used = {name for name, _ in module.supernet.named_parameters() if ".layers." in name} - {
        n.removeprefix("network.backbone.") for n in names
    }
    assert all(f"network.backbone.{name}" in watch.moved(0) for name in used if name.endswith("weight"))


@pytest.mark.parametrize("space", [BNSeparation(**SPACE), JointNorm(**SPACE)], ids=lambda space: type(space).__name__)
def test_same_seed_same_genotype_and_another_seed_differs(space: JointNorm, sysu_root: Path, tmp_path: Path) -> None:
    modules = [search(sysu_root, tmp_path / str(i), epochs=3, seed=seed, space=space)[0] for i, seed in enumerate((1, 1, 2))]
    logits = [module.architecture.logits.detach() for module in modules]
    assert torch.equal(logits[0], logits[1])
    assert not torch.equal(logits[0], logits[2])
    files = [Genotype.load(tmp_path / str(i) / "genotype.json") for i in range(2)]
    assert files[0] == files[1]
    assert files[0].provenance["probabilities"] == files[1].provenance["probabilities"]


def test_genotype_says_where_it_comes_from(sysu_root: Path, tmp_path: Path) -> None:
    module, _ = search(sysu_root, tmp_path)
    genotype = Genotype.load(tmp_path / "genotype.json")
    module.space.validate(genotype)
    assert genotype.provenance["epoch"] == 2
    assert genotype.provenance["data"]["dataset"] == "sysu"
    assert genotype.provenance["data"]["search_pids"] == list(range(1, 10))
    for site, choice in genotype.choices.items():
        shared, separate = genotype.provenance["probabilities"][site]
        assert shared + separate == pytest.approx(1)
        assert (choice == "separate_bn") == (separate > shared)


def test_image_split_uses_the_whole_loss_in_the_architecture_step(sysu_root: Path, tmp_path: Path) -> None:
    terms = {}
    for split in ("identity", "image"):
        module, _ = search(sysu_root, tmp_path / split, split=split, losses=[CrossEntropy(), FourWayHardTriplet()])
        terms[split] = {name for name in module.trainer.callback_metrics if name in ("search/ce", "search/triplet")}
    assert terms == {"identity": {"search/triplet"}, "image": {"search/ce", "search/triplet"}}


def test_cost_and_entropy_weights_do_what_they_say(sysu_root: Path, tmp_path: Path) -> None:
    found = []
    for name, penalties in (("plain", []), ("dear", [ExpectedCost(50.0)]), ("sharp", [Entropy(50.0)])):
        strategy = TwoLevels(architecture_optimizer=Adam(0.05, weight_decay=0), penalties=penalties, warmup_epochs=1)
        found.append(search(sysu_root, tmp_path / name, epochs=4, strategy=strategy)[0].architecture)
    plain, dear, sharp = found
    assert dear.probabilities()[:, 1].mean() < plain.probabilities()[:, 1].mean()
    assert set(dear.choices().values()) == {"shared_bn"}
    assert sharp.entropy().mean() < plain.entropy().mean()


def unit_steps(**shared: Any) -> SGD:
    return SGD(1.0, 0.0, False, 0.0, **shared)


def test_clipping_and_accumulation_are_ours(sysu_root: Path, tmp_path: Path) -> None:
    free, clipped = (
        search(sysu_root, tmp_path / str(largest), epochs=1, warmup_epochs=0, batches=1, optimizer=unit_steps(gradient_clip_val=largest))[1]
        for largest in (None, 1e-3)
    )

    def step(watch: Watch) -> float:
        names = [n for n in watch.moved(0) if n.endswith(("weight", "bias")) and "running" not in n]
        return float(sum(((watch.after[0][n] - watch.before[0][n]) ** 2).sum() for n in names) ** 0.5)

    assert step(free) > 1e-2
    assert step(clipped) <= 1.1e-3
    _, accumulated = search(sysu_root, tmp_path / "acc", epochs=1, batches=3, warmup_epochs=0, accumulate_grad_batches=2)
    moved = ["network.backbone.trunk.conv1.weight" in accumulated.moved(batch) for batch in range(3)]
    assert moved == [False, True, True], "after two batches, and at the end of the epoch"


def test_one_sample_of_the_architecture_per_optimiser_step(sysu_root: Path, tmp_path: Path) -> None:
    seen: list[list[str]] = []

    class Noted(TwoLevels):
        def weight_step(self, run: SearchRun, rows: Any, batch_idx: int) -> None:
            super().weight_step(run, rows, batch_idx)
            seen.append(["".join(str(int(active)) for active in choice.active) for choice in run.supernet.choices.values()])

    logits = Adam(lr=5.0, weight_decay=0.0)  # steps that would change any sample
    strategy = Noted(architecture_optimizer=logits, warmup_epochs=0)
    search(sysu_root, tmp_path, epochs=1, batches=4, strategy=strategy, accumulate_grad_batches=2)
    assert seen[0] == seen[1]
    assert seen[2] == seen[3]
    assert seen[0] != seen[2]


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["32-true", "16-mixed", "bf16-mixed"])
def test_mixed_precision_on_a_gpu(sysu_root: Path, tmp_path: Path, precision: str) -> None:
    datamodule = data(sysu_root)
    arguments: dict[str, Any] = {"optimizer": unit_steps(gradient_clip_val=1e-3)}
    module = SearchModule(datamodule.num_classes, BNSeparation(**SPACE), weights=None, strategy=TwoLevels(warmup_epochs=0), **arguments)
    watch = Watch()
    trainer = pl.Trainer(
        max_epochs=2,
        limit_train_batches=8,  # the first steps of a loss scale may be skipped
        accelerator="gpu",
        devices=1,
        precision=precision,  # type: ignore[arg-type]
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
        callbacks=[watch],
    )
    trainer.fit(module, datamodule=datamodule)
    assert all(torch.isfinite(trainer.callback_metrics[name]) for name in ("train/loss", "search/architecture_loss"))
    assert module.architecture.logits.abs().max() > 0
    names = [name for name, parameter in module.network.named_parameters(prefix="network") if parameter.requires_grad]
    steps = [
        sum(((after[n] - before[n]) ** 2).sum() for n in names) ** 0.5 for before, after in zip(watch.before, watch.after, strict=True)
    ]
    assert 0 < max(float(step) for step in steps) <= 1.1e-3, "clipped after unscaling"


@pytest.mark.parametrize("precision", ["bf16-mixed", "64-true"])
def test_other_precisions_give_finite_losses(sysu_root: Path, tmp_path: Path, precision: str) -> None:
    datamodule = data(sysu_root)
    module = SearchModule(datamodule.num_classes, BNSeparation(**SPACE), weights=None, strategy=TwoLevels(warmup_epochs=0))
    trainer = pl.Trainer(
        max_epochs=1,
        limit_train_batches=2,
        accelerator="cpu",
        precision=precision,  # type: ignore[arg-type]
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    trainer.fit(module, datamodule=datamodule)
    assert all(torch.isfinite(trainer.callback_metrics[name]) for name in ("train/loss", "search/architecture_loss"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"accumulate_grad_batches": 0}, "at least 1"),
    ],
)
def test_senseless_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        SearchModule(3, BNSeparation(**SPACE), weights=None, **arguments)
