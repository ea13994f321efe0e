"""The supernet runs, prices and hands down every child."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from vireid.errors import GenotypeError, SettingsError
from vireid.models import Backbone, build_resnet
from vireid.nn import NormChoice
from vireid.search import BNSeparation, Site, Supernet
from vireid.search.spaces.supernet_norms import NormSupernet
from vireid.structures import Genotype

SPACE = BNSeparation("resnet10", width=8)
SITES = SPACE.sites()


def supernet(dtype: torch.dtype = torch.float64) -> Supernet:
    torch.manual_seed(0)
    made = SPACE.supernet().to(dtype)
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.rand_like(parameter))
    return made


def images(rows: int = 6, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(rows, 3, 32, 16, generator=torch.Generator().manual_seed(1), dtype=dtype)


def point(seed: int = 0) -> Genotype:
    return SPACE.sample(torch.Generator().manual_seed(seed))


def test_choices_are_in_site_order() -> None:
    net = supernet()
    assert list(net.choices) == [site.name for site in SITES]
    assert [choice is net.trunk.get_submodule(name) for name, choice in net.choices.items()] == [True] * len(SITES)
    assert not [m for m in net.modules() if isinstance(m, nn.BatchNorm2d) and m in net.trunk.children()]


def test_all_candidates_start_from_the_pretrained_layer() -> None:
    torch.manual_seed(0)
    trunk = build_resnet("resnet10", width=8)
    nn.init.uniform_(trunk.bn1.weight)
    expected = copy.deepcopy(trunk.bn1.state_dict())
    net = NormSupernet(trunk, SITES)
    shared, separate = net.choices["bn1"].layers.values()
    for bn in (shared, separate.visible, separate.infrared):
        assert all(torch.equal(value, expected[name]) for name, value in bn.state_dict().items())  # type: ignore[union-attr,operator]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("n", [0, 2, 6])
def test_one_hot_equals_derived_child(training: bool, n: int) -> None:
    net = supernet()
    child = net.derive_child(point()).train(training)
    net.set_genotype(point())
    assert torch.equal(net.train(training)(images(), n), child(images(), n))
    if training:
        derived = net.derive_child(point())
        assert all(torch.equal(v, child.state_dict()[k]) for k, v in derived.state_dict().items())
    assert type(child) is Backbone
    assert not [m for m in child.modules() if isinstance(m, NormChoice)]


def test_child_is_independent() -> None:
    net = supernet()
    child = net.derive_child(point())
    before = copy.deepcopy(net.state_dict())
    for parameter in child.parameters():
        nn.init.zeros_(parameter)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_saturated_logits_equal_child_with_gradients() -> None:
    net = supernet()
    child = net.derive_child(point())
    rows = [[50.0 if c == point().choices[s.name] else -50.0 for c in s.candidates] for s in SITES]
    net.set_mixture(torch.tensor(rows, dtype=torch.float64, requires_grad=True).softmax(1))
    gradients = []
    for module in (net, child):
        module(images(), 2).sin().sum().backward()
        gradients.append(module.trunk.conv1.weight.grad)  # type: ignore[union-attr]
    torch.testing.assert_close(*gradients, rtol=1e-8, atol=1e-10)


def test_gradient_of_logits_by_finite_differences() -> None:
    net = supernet().eval()
    logits = torch.randn(len(SITES), 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)

    def loss(values: Tensor) -> Tensor:
        net.set_mixture(values.softmax(1))
        return net(images(), 2).sin().sum()

    leaf = logits.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(leaf), leaf)
    for site in (0, 4, len(SITES) - 1):
        step = torch.zeros_like(logits)
        step[site, 0] = 1e-6
        numeric = (loss(logits + step) - loss(logits - step)) / 2e-6
        torch.testing.assert_close(gradient[site, 0], numeric, rtol=1e-5, atol=1e-6)


def test_skipped_parameters_get_no_gradient() -> None:
    net = supernet()
    net.set_genotype(point())
    net(images(), 2).sum().backward()
    skipped = net.skipped_parameters()
    expected = sum(2 * (s.channels or 0) * (2 if point().choices[s.name] == "shared_bn" else 1) for s in SITES)
    assert sum(parameter.numel() for parameter in skipped) == expected
    without = [parameter for parameter in net.parameters() if parameter.grad is None]
    assert {id(p) for p in without} == {id(p) for p in skipped}
    net.set_mixture(torch.full((len(SITES), 2), 0.5))
    assert net.skipped_parameters() == []


def test_mixture_is_read_from_the_device_once(monkeypatch: pytest.MonkeyPatch) -> None:
    net = supernet()
    reads: list[int] = []
    original = Tensor.tolist
    monkeypatch.setattr(Tensor, "tolist", lambda self: reads.append(1) or original(self))  # type: ignore[func-returns-value]
    net.set_mixture(torch.full((len(SITES), 2), 0.5, requires_grad=True))
    net(images(), 2)
    assert len(reads) == 1


def test_checkpointed_stage_gives_equal_gradients() -> None:
    gradients = []
    for wrapped in (False, True):
        net = supernet()
        weights = torch.full((len(SITES), 2), 0.5, dtype=torch.float64, requires_grad=True)
        net.set_mixture(weights)
        if wrapped:
            stage = net.trunk.layer2
            stage.forward = lambda x, run=stage.forward: checkpoint(run, x, use_reentrant=False)  # type: ignore[union-attr,method-assign]
        net(images(), 2).sin().sum().backward()
        gradients.append((net.trunk.conv1.weight.grad, weights.grad))  # type: ignore[union-attr]
    for plain, recomputed in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, recomputed, rtol=0, atol=1e-12)


def test_child_compiles_whole_and_in_few_graphs() -> None:
    child = supernet().derive_child(point())
    graphs: list[int] = []

    def backend(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> object:
        graphs.append(1)
        return graph.forward

    torch._dynamo.reset()
    compiled = torch.compile(copy.deepcopy(child), fullgraph=True, backend=backend)
    for _ in range(2):
        for n in (3, 6, 0):  # a training batch, then one modality each
            torch.testing.assert_close(compiled(images(), n), child(images(), n), rtol=0, atol=1e-10)
    assert len(graphs) <= 3


def test_supernet_compiles_whole() -> None:
    torch.manual_seed(0)
    net = NormSupernet(build_resnet("resnet10", width=8), SITES[:3]).double()  # three sites compile in seconds
    other = copy.deepcopy(net)
    weights = torch.full((3, 2), 0.5, dtype=torch.float64, requires_grad=True)
    torch._dynamo.reset()
    compiled = torch.compile(other, fullgraph=True, backend="aot_eager")
    results = []
    for module, function in ((net, net), (other, compiled)):
        module.set_mixture(weights)
        out = function(images(), 2)
        results.append([out.detach(), *torch.autograd.grad(out.sin().sum(), [weights, module.trunk.conv1.weight])])  # type: ignore[union-attr,list-item]
    for mine, theirs in zip(*results, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-9)


@pytest.mark.parametrize("n", [6, 0])
def test_child_exports_once_per_modality(n: int) -> None:
    child = supernet().derive_child(point()).eval()
    program = torch.export.export(child, (images(), n))
    torch.testing.assert_close(program.module()(images(), n), child(images(), n), rtol=0, atol=1e-10)


def test_state_dict_round_trip() -> None:
    net, other = supernet(), SPACE.supernet().double()
    other.load_state_dict(net.state_dict())
    assert torch.equal(net.eval()(images(), 2), other.eval()(images(), 2))


def test_errors() -> None:
    net = supernet()
    with pytest.raises(ValueError, match=r"must have shape \(12, 2\) \(sites x candidates\), got \(3, 2\)"):
        net.set_mixture(torch.ones(3, 2))
    with pytest.raises(GenotypeError, match=r"does not fit this supernet: .*'bn9'"):
        net.set_genotype(Genotype({}, {**point().choices, "bn9": "shared_bn"}))
    with pytest.raises(GenotypeError, match="does not fit this supernet: no choice for bn1"):
        net.derive_child(Genotype({}, {k: v for k, v in point().choices.items() if k != "bn1"}))
    with pytest.raises(SettingsError, match="has no module 'bn9'"):
        NormSupernet(build_resnet("resnet10"), [Site("bn9", ("shared_bn",))])
    with pytest.raises(SettingsError, match="'conv1' must be a BatchNorm2d to become a choice, it is a Conv2d"):
        NormSupernet(build_resnet("resnet10"), [Site("conv1", ("shared_bn",))])
