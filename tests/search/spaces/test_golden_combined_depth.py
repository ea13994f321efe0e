"""Searches of the published CNet and CDNet code: mixtures, gradients, derived genotypes."""

from __future__ import annotations

import pytest
import torch

from tests.golden.cdnet import error, golden, tensor
from tests.golden.cdnet_search import FILES, logits, loss, network, space_of_file
from vireid.nn.block_choice import KernelChoice
from vireid.search import ArchitectureParameters, GumbelHard, Relaxation, Softmax, TopK
from vireid.search.relaxations import gumbel as gumbel_module

NOISE = torch.Generator()


def relaxation(name: str) -> Relaxation:
    return TopK(2) if name.endswith("topk") else Softmax()


@pytest.mark.parametrize("name", FILES)
def test_size_and_derived_genotype(name: str) -> None:
    data, space = golden(f"search_{name}"), space_of_file(name)
    assert sum(p.numel() for p in network(name).parameters()) == int(data["num_params"])
    architecture = ArchitectureParameters(space.sites(), relaxation(name))
    architecture.logits.data = tensor(data["alphas"])
    point = space.genotype(architecture.choices())
    assert [list(space.layers[choice]) for choice in point.choices.values()] == data["derived_layers"].tolist()


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("name", ["cdnet_topk", "cnet_topk"])
def test_top_k(name: str, k: int) -> None:
    data, net, alphas = golden(f"search_{name}"), network(name), logits(golden(f"search_{name}"))
    weights = TopK(k)(alphas, 1.0, NOISE)
    assert error(weights, data[f"k{k}/weights"]) < 1e-6
    chosen = [sorted(row) for row in data[f"k{k}/indices_sorted_by_prob"].tolist()]
    assert [row.nonzero().flatten().tolist() for row in weights.detach()] == chosen
    net.backbone.set_mixture(weights)  # type: ignore[operator]
    cell = net.backbone.trunk.get_submodule("cells.1")
    assert isinstance(cell, KernelChoice)
    mixed = cell.train()(tensor(data["x_block"]))
    assert error(mixed, data[f"k{k}/mixture_train_out"]) < 1e-6
    (gradient,) = torch.autograd.grad(mixed.square().mean(), alphas)
    assert error(gradient[1], data[f"k{k}/mixture_grad_alpha_row1"]) < 1e-5
    fresh = network(name).eval()
    fresh.backbone.set_mixture(weights.detach())  # type: ignore[operator]
    assert error(fresh.embed(tensor(data["train_img"]), 4), data[f"k{k}/eval_feature"]) < 1e-5


@pytest.mark.parametrize("name", FILES)
def test_one_training_batch(name: str) -> None:
    data, net = golden(f"search_{name}"), network(name).train()
    alphas = logits(data)
    net.backbone.set_mixture(relaxation(name)(alphas, 1.0, NOISE))  # type: ignore[operator]
    out = net(tensor(data["train_img"]), 4)
    assert error(out.logits, data["train_scores"]) < 1e-5  # type: ignore[arg-type]
    assert error(out.features, data["train_feat"]) < 1e-5
    total = loss(net, data, "train")
    assert error(total, data["train_loss"]) < 1e-5
    (gradient,) = torch.autograd.grad(total, alphas)
    assert error(gradient, data["grad_alpha_of_train_loss"]) < 1e-5


@pytest.mark.parametrize("temperature", [10, 1, 0.1])
def test_hard_gumbel_of_the_gdas_folder(temperature: float, monkeypatch: pytest.MonkeyPatch) -> None:
    data = golden("gdas_weights")
    monkeypatch.setattr(gumbel_module, "gumbel_noise", lambda *_: -tensor(data["exp_noise"]).log())
    alphas = logits(data)
    weights = GumbelHard()(alphas, float(temperature), NOISE)
    prefix = f"tau{temperature}"
    assert error(weights, data[f"{prefix}/weights"]) < 1e-6
    assert weights.argmax(1).tolist() == data[f"{prefix}/index"].tolist()
    assert error(torch.softmax((alphas - tensor(data["exp_noise"]).log()) / temperature, 1), data[f"{prefix}/probs"]) < 1e-6
    (weights * torch.cos(torch.arange(weights.numel(), dtype=torch.float64).view_as(weights))).sum().backward()
    assert alphas.grad is not None
    assert error(alphas.grad, data[f"{prefix}/grad_alpha_of_sum_w_cos"]) < 1e-6
