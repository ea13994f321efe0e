"""Trunks, necks, counts and weights of CNet and CDNet against the published code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.golden.cdnet import entry, error, fill, golden, tensor
from vireid.errors import CheckpointError, SettingsError
from vireid.models import Backbone, CDNetTrunk, load_cdnet_state, to_cdnet_state
from vireid.models.branches import BranchNeck, BranchNetwork
from vireid.models.heads.cdnet_necks import BalanceNeck, FineGrainedNeck, StandardNeck
from vireid.models.trunks.cdnet import places, scaled_planes

MAPS, NECKS, SIZES = golden("backbone"), golden("necks"), golden("complexity")
NAMES_OF_GLOBAL = {"fcs": "global_fcs", "classifier": "global_classifier"}


def trunk(tag: str) -> CDNetTrunk:
    layers = MAPS["cnet_layers" if tag == "cnet" else "cdnet_layers"]
    return CDNetTrunk(layers.tolist(), MAPS["planes"].tolist(), small=tag == "cdnet_cifar")


# --- trunk ------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", ["cdnet", "cnet", "cdnet_cifar"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-6), (torch.float32, 1e-3)])
def test_maps(tag: str, dtype: torch.dtype, tolerance: float) -> None:
    net = fill(trunk(tag), "base.", int(MAPS["seed"])).to(dtype)
    assert isinstance(net, CDNetTrunk)
    images = tensor(MAPS["img_cifar" if tag == "cdnet_cifar" else "img"]).to(dtype)
    for mode in ("eval", "train"):
        net.train(mode == "train")
        maps = net.maps(images)
        assert len(maps) == 3
        for number, found in enumerate(maps, start=1):
            assert error(found, MAPS[f"{tag}/{mode}_map{number}"]) < tolerance
    net.eval()
    assert torch.equal(net(images), net.maps(images)[-1])
    assert torch.equal(Backbone(net).maps(images, 1)[0], net.maps(images)[0])
    assert net.channels == tuple(maps[i].shape[1] for i in range(3))


@pytest.mark.parametrize("tag", ["cdnet", "cnet", "cdnet_cifar"])
def test_names_and_shapes_are_the_published_ones(tag: str) -> None:
    state = {name: value for name, value in trunk(tag).state_dict().items() if not name.endswith("num_batches_tracked")}
    assert list(state) == MAPS[f"{tag}/param_names"].tolist()
    assert ["x".join(map(str, value.shape)) for value in state.values()] == MAPS[f"{tag}/param_shapes"].tolist()
    assert sum(p.numel() for p in trunk(tag).parameters()) == int(MAPS[f"{tag}/num_params"])


def test_other_numbers_of_blocks_are_cut_by_the_running_sum() -> None:
    plan = places((16, 32, 48, 64), (1, 3, 2))
    assert [place.name for place in plan] == ["cells.0", "cells.2", "cells.3", "cells.4", "cells.6", "cells.7"]
    assert [place.out_channels for place in plan] == [32, 48, 48, 48, 64, 64]
    net = CDNetTrunk([(3, 5, 1), (3, 7, 2), (5, 7, 1), (3, 9, 1), (5, 9, 2), (7, 9, 1)], (16, 32, 48, 64), (1, 3, 2))
    assert [len(net.get_submodule(place.name).ops) for place in plan] == [1, 2, 1, 1, 2, 1]  # type: ignore[arg-type]
    assert [tuple(m.shape[1:]) for m in net.maps(torch.zeros(2, 3, 64, 32))] == [(32, 8, 4), (48, 4, 2), (64, 4, 2)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layers": [(3, 5)] * 5}, "`layers` must hold one entry for each of the 6 blocks, got 5"),
        ({"layers": [(3, 5)] * 6, "planes": (64, 256, 384)}, "`planes` must hold the channels of the stem and of each of the 3 `stages`"),
        ({"layers": [(3, 5)] * 4, "stages": (2, 0, 2)}, r"a stage at least one block; .*stages \[2, 0, 2\]"),
        ({"layers": [(4, 5)] * 6}, "`kernels` must be two of"),
    ],
)
def test_trunk_errors(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        CDNetTrunk(**arguments)


# --- necks ------------------------------------------------------------------------------------------------------------------------------

CLASSES, FC, PLANES = int(NECKS["num_class"]), (int(NECKS["fc_dim"]),), NECKS["planes"].tolist()
NECK: dict[str, Callable[[float], BranchNeck]] = {
    "fblneck": lambda dropout: FineGrainedNeck((PLANES[-2], PLANES[-1]), CLASSES, FC, dropout),
    "imagenet_neck": lambda dropout: BalanceNeck(PLANES[-1], CLASSES, FC, dropout),
    "blneck": lambda dropout: BalanceNeck(PLANES[-1], CLASSES, FC, dropout),
    "stdneck": lambda dropout: StandardNeck(PLANES[-1], CLASSES, (), dropout, norm=False),
    "stdneck_fc_bn": lambda dropout: StandardNeck(PLANES[-1], CLASSES, FC, dropout),
}


def published(name: str, tag: str) -> str:
    first, _, rest = name.partition(".")
    return f"{NAMES_OF_GLOBAL[first]}.{rest}" if tag.startswith("imagenet") else name


def filled_neck(tag: str, dtype: torch.dtype) -> BranchNeck:
    neck = NECK[tag](0.0).double()
    neck.load_state_dict({n: entry(f"neck.{published(n, tag)}", v.shape, int(NECKS["seed"])) for n, v in neck.state_dict().items()})
    return neck.to(dtype)


@pytest.mark.parametrize(
    ("tag", "case"),
    [
        ("fblneck", "fblneck"),
        ("fblneck", "fblneck_cls"),
        ("fblneck", "fblneck_oddheight"),
        ("imagenet_neck", "imagenet_neck"),
        ("imagenet_neck", "imagenet_neck_cls"),
        ("blneck", "blneck"),
        ("blneck", "blneck_cls"),
        ("stdneck", "stdneck"),
        ("stdneck_fc_bn", "stdneck_fc_bn"),
    ],
)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-6), (torch.float32, 1e-4)])
def test_necks(tag: str, case: str, dtype: torch.dtype, tolerance: float) -> None:
    maps = [tensor(NECKS["map2_odd" if case.endswith("oddheight") else "map2"]).to(dtype), tensor(NECKS["map3"]).to(dtype)]
    out = filled_neck(tag, dtype).train()(maps)
    for number, branch in enumerate(out.branches):
        assert error(branch.logits, NECKS[f"{case}/train_scores{number}"]) < tolerance
        assert error(branch.embeddings, NECKS[f"{case}/train_feat{number}"]) < tolerance
    neck = filled_neck(tag, dtype).eval()
    out = neck(maps)
    assert torch.equal(out.embeddings, neck.embed(maps))
    evaluated = out.logits if case.endswith("_cls") else neck.embed(maps)
    assert error(evaluated, NECKS[f"{case}/eval_out"]) < tolerance
    reported = int(NECKS[f"{case}/final_planes"])  # by a slip the width of the layer behind the features where there is one branch
    assert out.embeddings.shape[1] == (PLANES[-1] if isinstance(neck, BalanceNeck) else reported)


@pytest.mark.parametrize("tag", NECK)
def test_neck_names_are_the_published_ones(tag: str) -> None:
    names = [published(name, tag) for name in NECK[tag](0.0).state_dict() if not name.endswith("num_batches_tracked")]
    assert names == NECKS[f"{tag}/param_names"].tolist()


@pytest.mark.parametrize("tag", NECK)
def test_dropout_acts_on_what_losses_see_and_not_on_retrieval(tag: str) -> None:
    torch.manual_seed(0)
    neck, maps = NECK[tag](0.5), [tensor(NECKS["map2"]).float(), tensor(NECKS["map3"]).float()]
    features = neck.train()(maps).features
    assert 0.3 < float((features == 0).float().mean()) < 0.8
    assert torch.equal(neck.eval()(maps).embeddings, neck.embed(maps))
    with pytest.raises(SettingsError, match=r"`dropout` must lie in \[0, 1\), got 1.0"):
        NECK[tag](1.0)


@pytest.mark.parametrize("none", [0, None])
def test_necks_without_classes(none: int | None) -> None:
    maps = [torch.randn(4, 48, 6, 3), torch.randn(4, 64, 6, 3)]
    for neck in (FineGrainedNeck((48, 64), none), BalanceNeck(64, none), StandardNeck(64, none)):
        assert neck(maps).logits is None


def test_map_too_low_for_stripes() -> None:
    with pytest.raises(SettingsError, match="The map before the last has 1 rows, too few for 2 stripes"):
        FineGrainedNeck((4, 8), 2).embed([torch.zeros(2, 4, 1, 1), torch.zeros(2, 8, 1, 1)])


# --- counts -----------------------------------------------------------------------------------------------------------------------------


def work(network: BranchNetwork, image: Tensor, classify: bool) -> tuple[int, int]:
    """Multiply-adds of convolutions and linear layers, and one for every output of a layer with bias; a layer counts each time it runs."""
    multiply_adds, biases = 0, 0

    def look(module: nn.Module, _: Any, output: Tensor) -> None:
        nonlocal multiply_adds, biases
        assert isinstance(module, (nn.Conv2d, nn.Linear))
        multiply_adds += module.weight[0].numel() * output.numel()
        biases += output.numel() if module.bias is not None else 0

    for module in network.eval().modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            module.register_forward_hook(look)
    (network if classify else network.embed)(image, 1)
    return multiply_adds, biases


def full_network(key: str, layers: list[list[int]]) -> tuple[BranchNetwork, Tensor, bool]:
    _, dataset, size = key.split("|")
    classes = {"market1501": 751, "dukemtmc": 702, "msmt17": 1041, "sysu": 395, "cifar100": 100}.get(dataset.split(" ")[0], 1000)
    classes = 395 if size.startswith("288") else classes
    height, width = map(int, size.split("(")[0].split("x"))
    body = CDNetTrunk(layers, small=dataset == "cifar100")  # type: ignore[arg-type]
    neck = BalanceNeck(512, classes) if "global-only" in size else FineGrainedNeck((384, 512), classes)
    return BranchNetwork(Backbone(body), neck), torch.zeros(1, 3, height, width, device="meta"), classes in (100, 1000)


@pytest.mark.parametrize("row", range(15))
def test_counts_of_the_published_networks(row: int) -> None:
    rows = list(zip(SIZES["published/keys"].tolist(), SIZES["published/values"].tolist(), strict=True))
    rows += [(f"{system}|sysu|256x128", SIZES[f"{system}/complexity"].tolist()) for system in ("cdnet", "cnet")]
    key, values = rows[row]
    system = key.split("|")[0]
    layers = SIZES[f"{system}/{'published_layers' if row < 13 else 'layers'}"].tolist()
    with torch.device("meta"):
        network, image, classify = full_network(key, layers)
    total = sum(p.numel() for p in network.parameters())
    infer = sum(p.numel() for name, p in network.named_parameters() if "fcs" not in name and "classifier" not in name)
    trunk_alone = sum(p.numel() for p in network.backbone.parameters())
    multiply_adds, biases = work(network, image, classify)
    assert [total, infer, trunk_alone, multiply_adds, multiply_adds + biases] == values


@pytest.mark.parametrize(("width", "count"), [(0.25, 122_078), (0.5, 454_012), (0.75, 995_802), (1.5, 3_880_308), (2.0, 6_852_592)])
def test_width_multiplier(width: float, count: int) -> None:
    with torch.device("meta"):
        net = CDNetTrunk(SIZES["cdnet/published_layers"].tolist(), scaled_planes(width=width))
    assert sum(p.numel() for p in net.parameters()) == count


# --- weights ----------------------------------------------------------------------------------------------------------------------------


def network(neck: str = "fblneck") -> BranchNetwork:
    return BranchNetwork(Backbone(CDNetTrunk(MAPS["cdnet_layers"].tolist(), PLANES)), NECK[neck](0.0))


def test_a_published_checkpoint_gives_all_but_classifiers() -> None:
    state = {f"module.{name}": torch.full_like(value, 2) for name, value in to_cdnet_state(network()).items()}
    assert "module.base.cells.0.ops.0.squeeze.op.0.weight" in state
    assert "module.neck.local_fcs.0.weight" in state
    ours = network()
    report = load_cdnet_state(ours, state)
    names = [f"neck.{side}_classifier.{kind}" for side in ("local", "global") for kind in ("weight", "bias")]
    assert sorted(report.missing) == sorted(names)
    assert sorted(name.removeprefix("module.") for name in report.unused) == sorted(names)
    for name, value in ours.named_parameters():
        assert bool((value == 2).all()) != ("classifier" in name)
    assert load_cdnet_state(ours, state, classifiers=True)[:2] == ([], [])


def test_weights_of_the_global_neck_go_into_the_fine_grained_one() -> None:
    imagenet = network("imagenet_neck")
    for value in imagenet.parameters():
        nn.init.constant_(value, 3.0)
    state = {published_network(name): value for name, value in imagenet.state_dict().items()}
    ours = network()
    report = load_cdnet_state(ours, state)
    assert {name.split(".")[1] for name in report.missing} == {"squeeze", "local_fcs", "local_classifier", "global_classifier"}
    assert {name.split(".")[1] for name in report.unused} == {"global_classifier"}
    assert bool((ours.neck.global_fcs[0].weight == 3).all())  # type: ignore[union-attr, index]
    again = network("imagenet_neck")
    assert {name.split(".")[1] for name in load_cdnet_state(again, state).unused} == {"global_classifier"}
    assert load_cdnet_state(again, state, classifiers=True)[:2] == ([], [])


def published_network(name: str) -> str:
    first, _, rest = name.partition(".")
    return f"neck.{published(rest, 'imagenet')}" if first == "neck" else "base." + rest.removeprefix("trunk.")


def test_weights_of_another_trunk_are_refused() -> None:
    with pytest.raises(CheckpointError, match=r"No weight of the trunk fits: expected entries such as 'base.stem.*got 'conv1.weight'"):
        load_cdnet_state(network(), {"conv1.weight": torch.zeros(3)})


def test_other_shapes_are_reported_on_both_sides() -> None:
    state = to_cdnet_state(network())
    state["neck.squeeze.weight"] = torch.zeros(2, 2)
    report = load_cdnet_state(network(), state, classifiers=True)
    assert report[:2] == (["neck.squeeze.weight"], ["neck.squeeze.weight"])


# --- network ----------------------------------------------------------------------------------------------------------------------------


def test_network_output_and_parts() -> None:
    net, images = network().eval(), torch.randn(4, 3, 64, 32)
    out = net(images, 2)
    assert torch.equal(out.features, torch.cat([branch.features for branch in out.branches], dim=1))
    assert torch.equal(out.embeddings, net.embed(images, 2))
    assert torch.equal(out.logits, out.branches[0].logits + out.branches[1].logits)  # type: ignore[operator, arg-type]
    parts = net.named_parts()
    assert sorted(id(p) for part in parts.values() for p in part) == sorted(id(p) for p in net.parameters())
    assert len(parts["classifier"]) == 4
    with pytest.raises(ValueError, match="`n_visible` must be 0 to 4"):
        net(images, 5)
