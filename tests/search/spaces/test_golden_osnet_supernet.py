"""The published search network: logits, gradients of architecture weights, a trajectory of six steps, and derived children."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.golden.osnet_checks import close, fill, golden, network_input
from vireid.losses import CrossEntropy, LossInputs
from vireid.models import ReIDNetwork, count, load_osnet_state
from vireid.nn import FullyConnectedNeck
from vireid.search import ArchitectureParameters, OSNetAIN, RectifiedGumbel, Supernet
from vireid.search.relaxations.rectified_gumbel import rectified_gumbel
from vireid.structures import Genotype

DATA = golden("osnet_nas_supernet")
SPACE = OSNetAIN("x0_25")
PLACEMENTS = ["none", "in", "out", "inout"]
LABELS = torch.from_numpy(DATA["y"])
# Tolerances of the trajectory, step by step. Every step multiplies rounding errors by 10 to 300, in the published numbers too, and in the
# last one a ReLU can be on the other side of zero. These are ten times the largest differences between the course and 60 others whose
# images differ by a relative 1e-15, and at least 1e-9. All is float64, apart from the targets of `loss_of`, which are as published.
ROUNDING = {
    "loss": (1e-9, 1e-9, 2e-8, 5e-7, 1e-5, 5e-4),
    "w": (1e-9, 1e-9, 2e-8, 3e-6, 1e-5, 3e-2),
    "bias": (1e-9, 1e-9, 6e-9, 1e-7, 2e-6, 3e-5),
}


def published_name(name: str) -> str:
    """Written apart from the package's own translation."""
    name = re.sub(r"^(backbone\.trunk|neck)\.", "", name)
    return re.sub(r"^(conv\d\.\d)\.layers\.(\w+)\.", lambda found: f"{found[1]}.os_block.{PLACEMENTS.index(found[2])}.", name)


def network() -> ReIDNetwork:
    return copy.deepcopy(filled_network())


@cache
def filled_network() -> ReIDNetwork:
    made = ReIDNetwork(SPACE.supernet(), 7, neck=FullyConnectedNeck(128, 32, affine=False))
    filled = fill(made, published_name)
    assert isinstance(filled, ReIDNetwork)
    return filled


def supernet(net: ReIDNetwork) -> Supernet:
    assert isinstance(net.backbone, Supernet)
    return net.backbone


def images() -> Tensor:
    return network_input("super.x", 4, 3, 64, 32)


def architecture() -> Tensor:
    return torch.from_numpy(DATA["w0"]).clone().requires_grad_()


def weights_of(w: Tensor, u: np.ndarray, temperature: float) -> Tensor:
    return rectified_gumbel(w, torch.from_numpy(u), temperature)


def loss_of(logits: Tensor) -> Tensor:
    """Label-smoothed cross-entropy as the published code writes it: its targets are float32 even among float64 numbers."""
    targets = 0.9 * nn.functional.one_hot(LABELS, 7).float() + 0.1 / 7
    loss = (-targets * logits.log_softmax(1)).mean(0).sum()
    ours = CrossEntropy(label_smoothing=0.1)(LossInputs(logits, logits, logits, LABELS, 4))
    torch.testing.assert_close(ours, loss, rtol=3e-8, atol=0)  # half a unit of float32 in each target
    return loss


@pytest.mark.parametrize("k", range(3))
def test_one_forward_pass_in_both_modes(k: int) -> None:
    net, w = network().train(), architecture()
    temperature = float(DATA["lmda_forward"][k])
    supernet(net).set_mixture(weights_of(w, DATA["u_forward"][k], temperature))
    output = net(images(), 4)
    close(output.logits, DATA[f"logits_train_l{k}"])
    loss = loss_of(output.logits)
    close(loss, DATA[f"loss_l{k}"])
    loss.backward()
    assert w.grad is not None
    close(w.grad, DATA[f"dw_l{k}"])
    net = network().eval()
    supernet(net).set_mixture(weights_of(w.detach(), DATA["u_forward"][k], temperature))
    close(net(images(), 4).embeddings, DATA[f"feat_eval_l{k}"])


@dataclass(frozen=True)
class Course:
    """What a search goes through: losses before the steps, architecture weights and the classifier's biases after them."""

    loss: list[Tensor] = field(default_factory=list)
    w: list[Tensor] = field(default_factory=list)
    bias: list[Tensor] = field(default_factory=list)


def course(x: Tensor) -> Course:
    """Six steps of one optimiser over everything, on one batch."""
    net, w, seen = network().train(), torch.ones(6, 4, dtype=torch.float64, requires_grad=True), Course()
    optimiser = torch.optim.SGD([*net.parameters(), w], lr=0.1, momentum=0.9, weight_decay=5e-4)
    assert net.classifier is not None
    for step in range(6):
        supernet(net).set_mixture(weights_of(w, DATA["traj_u"][step], float(DATA["traj_lmda"][step])))
        loss = loss_of(net(x, 4).logits)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        for values, value in zip((seen.loss, seen.w, seen.bias), (loss, w, net.classifier.bias), strict=True):
            values.append(value.detach().clone())
    return seen


def check_course(found: Course) -> None:
    """Compare with the published course, each step and quantity by its own tolerance."""
    for step in range(len(found.w)):
        close(found.w[step], DATA["traj_w"][step + 1], ROUNDING["w"][step])
        close(found.bias[step], DATA["traj_cls_bias"][step], ROUNDING["bias"][step])
    for step, loss in enumerate(found.loss):
        close(loss, DATA["traj_loss"][step], ROUNDING["loss"][step])


@pytest.mark.parametrize("seed", [None, 0, 1, 2])
def test_trajectory_of_one_optimiser_over_everything(seed: int | None) -> None:
    """With a seed, on images that differ by rounding: another processor does as much."""
    noise = 0.0 if seed is None else 1e-15 * torch.randn(images().shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    check_course(course(images() * (1 + noise)))


def derived(w: np.ndarray) -> Genotype:
    parameters = ArchitectureParameters(SPACE.sites(), RectifiedGumbel()).double()
    with torch.no_grad():
        parameters.logits.copy_(torch.from_numpy(w))
    return SPACE.genotype(parameters.choices())


@pytest.mark.parametrize("row", range(4))
def test_derived_genotypes(row: int) -> None:
    """Raw values count: ties go to the first candidate, and rows without a positive weight have a largest one too."""
    assert SPACE.encode(derived(DATA["derive_w"][row])) == DATA["derive_idx"][row].tolist()


def test_derived_child() -> None:
    net = network()
    child = supernet(net).derive_child(derived(DATA["derive_w"][0]))
    net.backbone = child
    close(net.eval()(images(), 4).embeddings, DATA["child_feat_eval"])
    close(net.train()(images(), 4).logits, DATA["child_logits_train"])


def test_search_checkpoints_have_a_place() -> None:
    net = network()
    state = {published_name(name): value for name, value in network().state_dict().items()}
    state["conv2.0.weights"] = torch.ones(4)  # the architecture's, which a SearchModule keeps apart
    assert load_osnet_state(net, state)[:2] == ([], ["conv2.0.weights"])


def test_published_counts() -> None:
    counts, architecture_weights = golden("osnet_counts"), 24
    row = counts["values"][counts["names"].tolist().index("osnet_nas")].tolist()
    net = ReIDNetwork(OSNetAIN().supernet(), None, neck=FullyConnectedNeck(512, affine=False))
    for (height, width), multiply_adds in zip(counts["inputs"].tolist(), row[2:], strict=True):
        found = count(net, torch.zeros(1, 3, height, width), 1)
        assert [found.parameters + architecture_weights, found.parameters_per_call, found.multiply_adds] == [*row[:2], multiply_adds]
