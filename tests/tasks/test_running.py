"""Options of how a network runs leave what it learns as it is."""

from __future__ import annotations

import copy
from functools import partial
from types import SimpleNamespace
from unittest import mock

import pytest
import torch
from torch import nn

from tests.benchmarks.systems import agw, batches
from vireid import RetrainModule, SearchModule
from vireid.errors import SettingsError
from vireid.models import CDNet, OSNet, ResNet, Torchvision, Trunk
from vireid.nn.recomputation import blocks
from vireid.search import BNSeparation, JointNorm
from vireid.tasks import SGD, Adam, AdamW, ReIDModule, TorchOptimizer
from vireid.tasks.progress import put_gradients


def child(trunk: Trunk) -> ReIDModule:
    return RetrainModule(8, "random-0", BNSeparation(trunk), None)


TASKS = {
    "resnet": lambda: child(ResNet("resnet10", width=8)),
    "osnet": lambda: child(OSNet("osnet_x0_25")),
    "cdnet": lambda: child(CDNet("cdnet_x0_25")),
    "mobilenet": lambda: child(Torchvision("mobilenet_v3_small")),
    "agw": agw,
    "supernet": lambda: SearchModule(8, JointNorm("resnet10", width=8), None),
}


@pytest.mark.parametrize("name", TASKS)
def test_activations_that_are_computed_again_change_no_gradient_and_no_statistics(name: str) -> None:
    """Bit by bit; and fewer tensors are kept."""
    (batch,), task = batches(1, 4, 2, 64, 32), TASKS[name]()
    twin, found, kept = copy.deepcopy(task), [], []
    twin.running.activation_checkpointing = True
    twin.running.begin(twin.network)
    twin = copy.deepcopy(twin)  # a copy computes its own activations again
    for one in (task, twin):
        sizes: list[int] = []
        torch.manual_seed(0)
        with torch.autograd.graph.saved_tensors_hooks(lambda x, sizes=sizes: sizes.append(x.numel()) or x, lambda x: x):  # type: ignore[misc]
            loss = one.summed_loss(one.losses, one.train()(batch), batch)[0]
        loss.backward()
        found.append((loss.detach(), {name: value.grad for name, value in one.named_parameters()}, one.state_dict()))
        kept.append(sum(sizes))
    assert kept[1] < 0.7 * kept[0]
    assert list(found[0][1]) == list(found[1][1]), "names stay"
    torch.testing.assert_close(found[1], found[0], rtol=0, atol=0)
    twin.running.end(twin.network)
    assert not any("forward" in vars(module) for module in twin.modules())


def test_a_block_whose_forward_pass_was_replaced_keeps_that_one() -> None:
    (batch,), task = batches(1, 4, 2, 64, 32), TASKS["resnet"]().train()
    block = task.network.backbone.trunk.get_submodule("layer1.0")
    own = block.forward = lambda x, run=block.forward: 2 * run(x)
    expected = task(batch).embeddings
    task.running.activation_checkpointing = True
    for _ in range(2):  # a run that failed did not end
        task.running.begin(task.network)
    assert block.forward is not own
    assert torch.equal(task(batch).embeddings, expected)
    task.running.end(task.network)
    assert block.forward is own


def test_a_trunk_without_blocks_is_refused() -> None:
    class Plain(Trunk):
        def build(self, weights: str | None = None) -> nn.Module:
            return nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU())

    task = child(Plain())
    task.running.activation_checkpointing = True
    assert not blocks(task.network.backbone.trunk)
    with pytest.raises(SettingsError, match="computes blocks of layers again, and this trunk has none"):
        task.running.begin(task.network)
    with pytest.raises(SettingsError, match="both decide what is computed again"):
        RetrainModule(8, "random-0", BNSeparation(ResNet("resnet10", width=8)), None, compile=True, activation_checkpointing=True)


def test_channels_last_changes_the_last_digits_alone() -> None:
    (batch,), task = batches(1, 4, 2, 64, 32), TASKS["supernet"]()
    twin = copy.deepcopy(task)
    twin.running.channels_last = True
    twin.running.begin(twin.network)
    assert twin.network.get_parameter("backbone.trunk.layer1.0.conv1.weight").is_contiguous(memory_format=torch.channels_last)
    for one in (task, twin):
        one.double().train()
    torch.testing.assert_close(twin(batch).features, task(batch).features, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(twin.state_dict(), task.state_dict(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", [Adam, AdamW, SGD, lambda fused: TorchOptimizer(partial(torch.optim.Adagrad, fused=fused))])
def test_a_fused_step_is_the_same_step(kind: type[Adam]) -> None:
    weights = []
    for fused in (False, True):
        weight = nn.Parameter(torch.linspace(-1, 1, 50, dtype=torch.float64))
        optimizer = kind(fused=fused).build({"trunk": [weight]})
        for factor in (3.0, -1.0):
            weight.grad = factor * torch.ones_like(weight)
            optimizer.step()
        weights.append(weight.detach())
        assert bool(optimizer.defaults["fused"]) == fused
    torch.testing.assert_close(*weights, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", [Adam, AdamW, SGD, lambda fused: TorchOptimizer(partial(torch.optim.Adagrad, fused=fused))])
def test_a_fused_step_goes_on_with_weights_that_lie_otherwise_in_memory(kind: type[Adam]) -> None:
    """A run may go on with another ``channels_last``: what its checkpoint holds then lies otherwise, too."""
    numbers = torch.linspace(-1, 1, 2 * 3 * 4 * 5, dtype=torch.float64).sin().view(2, 3, 4, 5)
    weights = []
    for fused in (False, True):
        module = nn.Conv2d(3, 2, (4, 5), bias=False, dtype=torch.float64)
        module.weight.data.copy_(numbers)
        before = kind(fused=fused).build({"trunk": list(module.parameters())})
        put_gradients({"weight": numbers.square()}, module)
        before.step()
        after = copy.deepcopy(module).to(memory_format=torch.channels_last)
        optimizer = kind(fused=fused).build({"trunk": list(after.parameters())})
        optimizer.load_state_dict(before.state_dict())
        put_gradients({"weight": numbers.exp()}, after)
        optimizer.step()
        weights.append(after.weight.detach())
    torch.testing.assert_close(*weights, rtol=1e-12, atol=1e-12)


def test_a_fused_step_that_a_device_does_not_have_is_refused_before_the_first_step() -> None:
    with pytest.raises(SettingsError, match=r"`fused` does not work on meta: .*Leave `fused` out"):
        SGD(fused=True).build({"trunk": [nn.Parameter(torch.zeros(1, device="meta"))]})


def test_lightning_cannot_clip_what_a_fused_step_unscales() -> None:
    space, trainer = BNSeparation("resnet10", width=8), SimpleNamespace(gradient_clip_val=1.0, precision="16-mixed", max_epochs=1)
    task = RetrainModule(8, "random-0", space, None, optimizer=SGD(fused=True))
    with mock.patch.object(RetrainModule, "trainer", trainer):
        with pytest.raises(SettingsError, match=r"`trainer.gradient_clip_val` cannot clip them"):
            task.configure_optimizers()
        trainer.precision = "bf16-mixed"
        task.configure_optimizers()
