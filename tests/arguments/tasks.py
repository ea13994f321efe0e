"""Arguments of tasks and strategies: one training step, what it logs, the weights after it, the genotype, and an embedding."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from tests.arguments.table import Change, Refused, Table
from vireid.losses import CrossEntropy
from vireid.models import NetworkOutput, ResNet, StandardHead, TwoStreams
from vireid.search import BNSeparation, Derivation, Softmax, SupernetNorms
from vireid.search.derivation.base import DerivationResult
from vireid.structures import Batch, SearchBatch
from vireid.tasks import (
    EMA,
    SGD,
    Accuracy,
    ClassificationModule,
    ExpectedCost,
    Fixed,
    OneLevel,
    RandomPaths,
    ReIDModule,
    RetrainModule,
    Retrieval,
    SearchModule,
    Strategy,
    TwoLevels,
    Unrolled,
    Untrained,
)

TRUNK = ResNet("resnet10", width=8)
SPACE, OTHER_SPACE = BNSeparation(TRUNK, sites=["layer1.*"]), BNSeparation(ResNet("resnet10", width=16), sites=["layer1.*"])
PLAIN = SGD(0.1, nesterov=False)


class Least(Derivation):
    """The least probable candidate of every site."""

    def __call__(self, space: Any, probabilities: Any, scorer: Any, generator: Any) -> DerivationResult:
        least = {site.name: min(zip(probabilities[site.name], site.candidates, strict=True))[1] for site in space.sites()}
        return DerivationResult(space.genotype(least))

    def evaluations(self, sites: Any) -> int:
        return 0


class Mirrored(Accuracy):
    """An evaluation that compares something else."""

    def compared(self, output: NetworkOutput) -> Tensor:
        return -output.embeddings


def batch(seed: int) -> Batch:
    """Two visible and two infrared images of each of two people."""
    images = torch.randn(8, 3, 32, 16, generator=torch.Generator().manual_seed(seed))
    rows, labels = torch.arange(8), torch.tensor([0, 0, 1, 1] * 2)
    return Batch(images, labels, labels, rows, rows, rows, n_visible=4, key=(0, seed), images_per_identity=2)


def fit_loop(ready: int, batches: int) -> Any:
    """Lightning's loop after ``ready`` batches of an epoch."""
    progress = SimpleNamespace(is_last_batch=ready == batches, current=SimpleNamespace(ready=ready))
    return SimpleNamespace(epoch_loop=SimpleNamespace(batch_progress=progress))


def trainer() -> Any:
    """In the last of four epochs, before the first of two batches."""
    return SimpleNamespace(
        current_epoch=3,
        max_epochs=4,
        max_steps=-1,
        num_training_batches=2,
        world_size=1,
        precision="32-true",
        gradient_clip_val=None,
        sanity_checking=False,
        should_stop=False,
        is_global_zero=False,
        progress_bar_callback=None,
        log_dir=".",
        datamodule=SimpleNamespace(search_split="image"),
        fit_loop=fit_loop(2, 2),
    )


def attached(cls: type[ReIDModule], logged: dict[str, Any], optimizers: list[Any]) -> Any:
    """A patch that stands for Lightning: a Trainer, a log, and optimisers."""
    return mock.patch.multiple(
        cls,
        trainer=trainer(),
        current_epoch=3,
        log=lambda _, name, value, **__: logged.update({name: torch.as_tensor(value).detach().clone()}),
        log_dict=lambda _, values, **__: logged.update({name: torch.as_tensor(value).detach().clone() for name, value in values.items()}),
        manual_backward=lambda _, loss, **inputs: loss.backward(**inputs),
        optimizers=lambda _: optimizers,
        lr_schedulers=lambda _: None,
    )


def after(module: ReIDModule, logged: dict[str, Any], optimizers: list[Any]) -> list[Any]:
    rates = [(group["name"], group["lr"]) for optimizer in optimizers for group in optimizer.param_groups]
    state = {name: value.detach().clone() for name, value in module.state_dict().items()}
    with torch.no_grad(), module.evaluated_network():
        module.network.eval()
        return [logged, rates, state, module.embed(batch(2))]


def memory(module: ReIDModule) -> list[Any]:
    """How weights lie in it under a Trainer, and what a training step keeps there."""
    kept: list[tuple[int, ...]] = []
    network = module.network.train()
    module.running.begin(network)
    with torch.autograd.graph.saved_tensors_hooks(lambda value: kept.append(tuple(value.shape)), lambda _: None):
        module(batch(0))
    found = [len(kept), [weight.stride() for weight in network.parameters()]]
    module.running.end(network)
    return found


def observe_search(module: SearchModule) -> list[Any]:
    logged: dict[str, Any] = {}
    optimizers: list[Any] = []
    with attached(SearchModule, logged, optimizers):
        built, _ = module.configure_optimizers()
        optimizers += [mock.Mock(optimizer=one, step=one.step, zero_grad=one.zero_grad, param_groups=one.param_groups) for one in built]
        module.training_step(SearchBatch(batch(0), batch(1)), 0)
        module.on_train_epoch_end()
        return [*after(module, logged, optimizers), module.derive().choices, memory(module)]


def observe_strategy(strategy: Strategy) -> list[Any]:
    return observe_search(SearchModule(2, SPACE, None, optimizer=PLAIN, strategy=strategy))


def observe_training(module: RetrainModule) -> list[Any]:
    logged: dict[str, Any] = {}
    optimizers: list[Any] = []
    with attached(type(module), logged, optimizers):
        module.trainer.datamodule.search_split = "none"
        optimizers += module.configure_optimizers()[0]
        module.on_fit_start()
        module.on_train_batch_start(batch(0), 0)
        module.training_step(batch(0), 0).backward()
        module.optimizer_step(3, 0, optimizers[0], None)
        module.on_train_epoch_end()
        return [*after(module, logged, optimizers), module.genotype.choices, memory(module)]


def levels(cls: type[Strategy], **others: Any) -> Table:
    """A table with what every strategy with logits takes."""
    rows = {
        "relaxation": Softmax(),
        "architecture_optimizer": SGD(0.5),
        "temperature": Fixed(2.0),
        "penalties": [ExpectedCost(1.0)],
        "warmup_epochs": 4,
        **others,
    }
    return Table(cls, observe_strategy, {name: Change(value) for name, value in rows.items()}, {"warmup_epochs": 0})


STEPS = {
    "weight_relaxation": Softmax(),
    "architecture_losses": [CrossEntropy()],
    "order": "weights_first",
    "architecture_statistics": True,
}
SHARED = {
    "num_classes": Change(3),
    "space": Change(OTHER_SPACE),
    "weights": Refused("absent.pth", match="torchvision has weights for width 64 alone"),
    "losses": Change([CrossEntropy(label_smoothing=0.1)]),
    "optimizer": Change(SGD(0.5)),
    "head": Change(StandardHead(dropout=0.0)),
    "seed": Change(1),
    "compile": Refused("fastest", match="`compile` must be of type bool or max-autotune-no-cudagraphs, got 'fastest'"),
    "channels_last": Change(True),
    "activation_checkpointing": Change(True),
}
RETRAIN = {**SHARED, "genotype": Change("all_separate"), "ema": Change(EMA(0.5, "average"))}
GIVEN = {"num_classes": 2, "genotype": "all_shared", "space": SPACE}
TABLES = [
    levels(OneLevel),
    levels(TwoLevels, **STEPS),
    levels(Unrolled, **STEPS),
    Table(RandomPaths, observe_strategy, {}),
    Table(Untrained, observe_strategy, {}),
    Table(
        SearchModule,
        observe_search,
        {
            **SHARED,
            "strategy": Change(OneLevel(warmup_epochs=0)),
            "derivation": Change(Least()),
            "evaluation": Change(Retrieval("features")),
            "norms": Change(SupernetNorms("common")),
            "accumulate_grad_batches": Change(2),
        },
        {"num_classes": 2, "space": SPACE, "weights": None},
    ),
    Table(
        RetrainModule,
        observe_training,
        {**RETRAIN, "trunk_parts": Change([TwoStreams()]), "evaluation": Change(Retrieval("features"))},
        {**GIVEN, "weights": None},
    ),
    Table(ClassificationModule, observe_training, {**RETRAIN, "evaluation": Change(Mirrored())}, GIVEN),
]
