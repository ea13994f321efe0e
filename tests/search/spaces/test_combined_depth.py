"""The space of CNet and CDNet keeps the contract; its candidates, order and files are the published ones."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.golden.cdnet import golden
from tests.search.contract import SpaceContract, seeded
from vireid.errors import CheckpointError, MissingFileError, SettingsError
from vireid.models import count, to_cdnet_state
from vireid.nn.block_choice import KernelChoice
from vireid.search import CombinedDepth, SupernetNorms
from vireid.search.spaces.combined_depth_cost import frame_price

PLANES = (8, 16, 16, 16)


class Contract(SpaceContract):
    @pytest.mark.parametrize(
        ("kind", "name"),
        [
            ("modality_specific_sites", "modality_specific_sites"),
            ("unfoldable_sites", "unfoldable_sites"),
            ("parameters", "extra_parameters"),
            ("latency", "extra_multiply_adds"),
        ],
    )
    def test_expected_cost_of_a_point_is_its_cost(self, kind: str, name: str) -> None:
        super().test_expected_cost_of_a_point_is_its_cost(kind, name)


class TestCNet(Contract):
    space = CombinedDepth("cnet", planes=(8, 16, 32, 16), stages=(2, 1, 1))


class TestCDNet(Contract):
    space = CombinedDepth("cdnet", planes=PLANES[:3], stages=(1, 1))


class TestSmallWithoutGate(Contract):
    space = CombinedDepth("cnet_3", planes=PLANES[:3], stages=(1, 1), small=True, fuse=False, checkpointing="sites")


@pytest.mark.parametrize(
    ("operations", "file"), [("cdnet", "cdnet_topk"), ("cdnet_9", "cdnet_darts"), ("cnet", "cnet_topk"), ("cnet", "cnet_darts")]
)
def test_candidates_in_the_published_order(operations: Any, file: str) -> None:
    space = CombinedDepth(operations)
    assert [list(layer) for layer in space.layers.values()] == golden(f"search_{file}")["op_kernels"].tolist()
    assert all(site.candidates == tuple(space.layers) for site in space.sites())


def test_sizes_of_spaces_and_supernets() -> None:
    sizes = {"cnet": (46_656, 7_811_471), "cdnet": (2_985_984, 19_526_735), "cdnet_9": (9**6, 13_274_735), "cnet_3": (3**6, None)}
    for operations, (points, parameters) in sizes.items():
        space = CombinedDepth(operations)  # type: ignore[arg-type]
        assert len(space.layers) ** len(space.sites()) == points
        if parameters is not None:  # with the search head for 751 classes: 512 x 512 projection, linear layer and two norms, classifier
            rest = frame_price(space.planes, 256, 128, small=False).parameters
            found = rest + sum(price.parameters for row in space._prices() for price in row.values())
            assert found + (512 * 512 + 1024) + (512 * 512 + 512 + 1024) + (512 * 751 + 751) == parameters


def test_published_points() -> None:
    sizes = golden("complexity")
    for operations, parameters in (("cdnet", 1_747_448), ("cnet", 1_387_088)):
        space = CombinedDepth(operations)  # type: ignore[arg-type]
        point = space.baselines()["published"]
        assert [list(space.layers[name]) for name in point.choices.values()] == sizes[f"{operations}/published_layers"].tolist()
        assert space.cost(point)["parameters"] == parameters
    row = sizes["published/values"][0]
    fine_grained_gates_alone = CombinedDepth().cost(CombinedDepth().baselines()["published"])["multiply_adds"]
    assert row[4] - fine_grained_gates_alone == 384 * 128 * 16 * 8  # the neck's squeeze on the second map
    assert "published" not in CombinedDepth("cdnet", stages=(1, 2, 1)).baselines()
    assert "published" not in CombinedDepth("cdnet_9").baselines()


def test_skipped_candidates_learn_by_the_sum_of_the_gradient() -> None:
    torch.manual_seed(0)
    blocks = {str(k): nn.Conv2d(3, 3, 1).double() for k in range(4)}
    site, x, out_grad = KernelChoice(blocks), torch.randn(2, 3, 4, 4).double(), torch.randn(2, 3, 4, 4).double()
    weights = torch.tensor([0.0, 1.0, 0.0, 1.0], dtype=torch.float64, requires_grad=True)
    site.set_mixture(weights)
    out = site(x)
    torch.testing.assert_close(out, blocks["1"](x) + blocks["3"](x))
    out.backward(out_grad)
    expected = [out_grad.sum(), (out_grad * blocks["1"](x)).sum(), out_grad.sum(), (out_grad * blocks["3"](x)).sum()]
    torch.testing.assert_close(weights.grad, torch.stack(expected).detach())
    assert blocks["0"].weight.grad is None
    assert site.resolve("2") is not blocks["2"]


def test_checkpointing_changes_no_number() -> None:
    point_weights = torch.eye(6, dtype=torch.float64)[:, [1, 0, 2, 4, 5, 3]] + torch.eye(6, dtype=torch.float64)
    found = []
    for checkpointing in ("none", "candidates", "sites"):
        torch.manual_seed(0)
        supernet = CombinedDepth("cnet", planes=PLANES, checkpointing=checkpointing).supernet().double().train()  # type: ignore[arg-type]
        weights = point_weights.clone().requires_grad_()
        supernet.set_mixture(weights)
        supernet(torch.randn(4, 3, 48, 32, generator=seeded(0), dtype=torch.float64), 2).square().mean().backward()
        found.append([weights.grad, *(p.grad for p in supernet.parameters() if p.grad is not None)])
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


@pytest.mark.parametrize("small", [False, True])
def test_multiply_adds_are_those_of_the_child(small: bool) -> None:
    space = CombinedDepth("cdnet", planes=PLANES, small=small)
    point = space.sample(seeded(0))
    image = torch.zeros(1, 3, 32, 32) if small else torch.zeros(1, 3, 256, 128)
    assert space.cost(point)["multiply_adds"] == count(space.materialise(point), image, 1).multiply_adds


# --- weights ------------------------------------------------------------------------------------------------------------------------------


def test_weights_of_a_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    space = CombinedDepth("cnet", planes=PLANES)
    point = space.sample(seeded(0))
    source = space.materialise(point)
    state = {f"module.{name}": value for name, value in to_cdnet_state(source).items()}
    torch.save({**state, "module.neck.squeeze.weight": torch.zeros(1)}, tmp_path / "weights.pth")
    with caplog.at_level(logging.WARNING):
        child = space.materialise(point, str(tmp_path / "weights.pth"))
    assert all(torch.equal(a, b) for a, b in zip(child.state_dict().values(), source.state_dict().values(), strict=True))
    assert "1 entries of the file are not used: neck.squeeze.weight" in caplog.text
    with pytest.raises(MissingFileError, match="There is no file of weights"):
        space.materialise(point, str(tmp_path / "none.pth"))
    torch.save({"conv1.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match="No weight of the trunk fits"):
        space.materialise(point, str(tmp_path / "other.pth"))


# --- errors -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"operations": "cdnet_6"}, "`operations` must be cdnet, cdnet_9, cnet or cnet_3, got 'cdnet_6'"),
        ({"checkpointing": "all"}, "`checkpointing` must be none, candidates or sites, got 'all'"),
        ({"planes": (8, 16, 16)}, "`planes` must hold the channels of the stem and of each of the 3 `stages`"),
        ({"width": 0.05}, r"Blocks need at least 16 channels, got \[0, 12, 16, 24\]. Raise `width` or `planes`"),
    ],
)
def test_constructor_errors(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        CombinedDepth(**arguments)


def test_supernet_errors() -> None:
    space = CombinedDepth("cnet", planes=PLANES)
    with pytest.raises(SettingsError, match="starts from scratch, got weights 'IMAGENET1K_V1'"):
        space.supernet("IMAGENET1K_V1")
    with pytest.raises(SettingsError, match="has no normalisation sites, so `norms` does not apply"):
        space.supernet(norms=SupernetNorms())
