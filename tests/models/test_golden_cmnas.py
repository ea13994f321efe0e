"""The published CM-NAS network, stage by stage: discrete children and supernets give its features, logits and statistics."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.golden.cmnas import close, golden, r50_genotype, r50_images, r50_network, r50_state
from tests.golden.formula import checksum, rowstats
from vireid.models import Backbone, NetworkOutput, ReIDNetwork, to_cmnas_state
from vireid.search import BNSeparation
from vireid.structures import Genotype
from vireid.structures.resnet_sites import cmnas_order

SPACE = BNSeparation("resnet50")
CONFIGS = ("share", "split", "mixed")


def child(genotype: Genotype) -> Backbone:
    return SPACE.materialise(genotype)


def supernet_one_hot(genotype: Genotype) -> Backbone:
    supernet = SPACE.supernet()
    supernet.set_genotype(genotype)
    return supernet


def saturated(genotype: Genotype) -> Tensor:
    """Softmax of logits +-50: the other candidate has weight 3.7e-44, not 0, so that both are computed."""
    rows = [[50.0 if c == genotype.choices[s.name] else -50.0 for c in s.candidates] for s in SPACE.sites()]
    return torch.tensor(rows, dtype=torch.float64).softmax(1)


def supernet_saturated(genotype: Genotype) -> Backbone:
    supernet = SPACE.supernet()
    supernet.set_mixture(saturated(genotype).requires_grad_())
    return supernet


def batch(mode: int) -> tuple[Tensor, int]:
    visible, infrared = r50_images()
    return [(torch.cat((visible, infrared)), 4), (visible, 4), (infrared, 0)][mode]


def compare(output: NetworkOutput, config: str, stem: str) -> None:
    data = golden("cmnas_r50_features")
    for kind, tensor in (("global", output.features), ("feat", output.embeddings)):
        close(tensor[:, ::64], data[f"{config}_{stem}_{kind}"])
        close(rowstats(tensor), data[f"{config}_{stem}_{kind}_rowstats"])


def running_checks(network: ReIDNetwork) -> np.ndarray:
    """The file's three checksums x (thermal, visible, sharable)."""
    state = to_cmnas_state(network)
    entries = ("bn1.{}.running_mean", "layer2.0.downsample.bn.{}.running_var", "layer4.2.bn3.{}.running_mean")
    bns = ("thermal_bn", "visible_bn", "sharable_bn")
    return np.array([[checksum(state["backbone." + entry.format(bn)]).numpy() for bn in bns] for entry in entries])


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("build", [child, supernet_one_hot, supernet_saturated])
def test_evaluation_and_training_pass(build: Callable[[Genotype], Backbone], config: str) -> None:
    network = r50_network(build(r50_genotype(config)))
    network.eval()
    with torch.no_grad():
        for mode in range(3):
            compare(network(*batch(mode)), config, f"eval_mode{mode}")
    network.train()
    output = network(*batch(0))
    compare(output, config, "train")
    assert output.logits is not None
    close(output.logits, golden("cmnas_r50_features")[f"{config}_train_logits"])
    check_statistics(network, config, exact_inactive=build is not supernet_saturated)


def check_statistics(network: ReIDNetwork, config: str, exact_inactive: bool) -> None:
    expected = golden("cmnas_r50_features")[f"{config}_runstat"]
    found = running_checks(network)
    rows = ("bn1", "layer2.0.downsample.1", "layer4.2.bn3")
    owns_all = hasattr(network.backbone, "choices")
    for row, site in enumerate(rows):
        separate = r50_genotype(config).choices[site] == "separate_bn"
        used = (0, 1) if separate else (2,)  # a child holds these; a supernet also the others, which stay as filled
        columns = range(3) if owns_all and exact_inactive else used
        for column in columns:
            close(torch.from_numpy(found[row, column]), expected[row, column])


@pytest.mark.parametrize("config", ["share", "mixed"])
def test_gradients_of_saturated_supernet_equal_those_of_the_child(config: str) -> None:
    gradients = []
    for build in (child, supernet_saturated):
        network = r50_network(build(r50_genotype(config)))
        images = batch(0)[0].clone().requires_grad_()
        output = network(images, 4)
        (output.features.square().mean() + output.embeddings.sin().mean()).backward()
        state = {
            name: p.grad for name, p in network.named_parameters() if "conv" in name or "downsample.0" in name or "neck.norm.w" in name
        }
        gradients.append({"images": images.grad, **state})
    assert gradients[0].keys() == gradients[1].keys()
    for name, expected in gradients[0].items():
        if expected is not None:
            torch.testing.assert_close(gradients[1][name], expected, rtol=0, atol=1e-8 * float(expected.abs().max()), msg=name)


def test_list_order_is_the_files() -> None:
    data = golden("cmnas_r50_features")
    names = [str(name).removeprefix("backbone.").replace("downsample.bn", "downsample.1") for name in data["site_names"]]
    channels = {site.name: site.channels for site in SPACE.sites()}
    assert names == cmnas_order("resnet50")
    assert [channels[name] for name in names] == data["site_channels"].tolist()


def test_parameter_counts() -> None:
    data = golden("cmnas_r50_features")
    supernet = ReIDNetwork(SPACE.supernet(), 7)
    assert sum(p.numel() for p in supernet.parameters()) == data["n_params_total"]
    points = SPACE.baselines()
    baseline = ReIDNetwork(SPACE.materialise(points["all_shared"]), 7)
    assert sum(p.numel() for p in baseline.parameters()) == data["baseline_n_params"]
    for name in ("all_shared", "all_separate", "only_downsample"):
        built = sum(p.numel() for p in SPACE.materialise(points[name]).parameters())
        assert built == SPACE.cost(points[name])["parameters"]
    assert SPACE.cost(points["all_separate"])["extra_parameters"] == 53120


def test_child_of_supernet_gives_the_same_features() -> None:
    genotype = r50_genotype("mixed")
    network = r50_network(SPACE.supernet())
    derived = network.backbone.derive_child(genotype).eval()
    network.backbone.set_genotype(genotype)
    network.eval()
    with torch.no_grad():
        assert torch.equal(derived(*batch(0)), network.backbone(*batch(0)))


def test_reference_state_round_trip_through_supernet() -> None:
    state = to_cmnas_state(r50_network(SPACE.supernet()))
    assert state.keys() == r50_state().keys()
    assert all(torch.equal(value, state[name]) for name, value in r50_state().items())
