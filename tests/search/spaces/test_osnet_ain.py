"""OSNet-AIN's space: contract, both kinds of supernet, memory options, errors."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from tests.search.contract import SpaceContract, seeded
from vireid.errors import GenotypeError, SettingsError
from vireid.models import build_osnet, count
from vireid.models.trunks.osnet_blocks import OSBLOCKS
from vireid.nn import BlockChoice
from vireid.search import OSNetAIN, SharedBlockChoice, SupernetNorms

IMAGES = torch.rand(4, 3, 64, 32, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


class TestIndependentBlocks(SpaceContract):
    space = OSNetAIN("x0_25")


class TestSharedTrunk(SpaceContract):
    space = OSNetAIN("x0_25", shared_trunk=True)


def test_candidates_stand_in_the_order_of_the_published_weights() -> None:
    sites = OSNetAIN().sites()
    assert [site.name for site in sites] == ["conv2.0", "conv2.1", "conv3.0", "conv3.1", "conv4.0", "conv4.1"]
    assert {site.candidates for site in sites} == {("none", "in", "out", "inout")}
    assert [site.channels for site in sites] == [256, 256, 384, 384, 512, 512]


@pytest.mark.parametrize(
    ("baseline", "network"), [("osnet_ain", "osnet_ain_x0_25"), ("osnet_ain", "osnet_ain_x1_0"), ("osnet_ibn", "osnet_ibn_x1_0")]
)
def test_published_networks_are_points(baseline: str, network: str) -> None:
    space = OSNetAIN(network.rpartition("_x")[2].join(["x", ""]))  # type: ignore[arg-type]
    child = space.materialise(space.baseline(baseline)).trunk.state_dict()
    published = build_osnet(network).state_dict()
    assert {name: value.shape for name, value in child.items()} == {name: value.shape for name, value in published.items()}


def test_materialise_takes_a_checkpoint_file(tmp_path) -> None:
    space = OSNetAIN("x0_25")
    trunk = build_osnet("osnet_ain_x0_25")
    torch.save(trunk.state_dict(), tmp_path / "ain.pth")
    child = space.materialise(space.baseline("osnet_ain"), str(tmp_path / "ain.pth"))
    assert all(torch.equal(value, child.trunk.state_dict()[name]) for name, value in trunk.state_dict().items())


def test_cost_counts_multiply_adds_and_what_remains_to_normalise() -> None:
    space = OSNetAIN("x0_25")
    cost = space.cost(space.baseline("osnet_ain"))
    head = 128 * 512 + 512 + 2 * 512
    assert cost["parameters"] == 201864 - head
    assert cost["multiply_adds"] == 82316000 - 128 * 512 - 512
    assert cost["runtime_elements"] == 2 * 64 * 64 * 32 + 96 * 32 * 16 + 128 * 16 * 8
    assert space.cost(space.baseline("osnet_ibn"))["extra_parameters"] == 2 * 2 * 64


def test_search_norms_have_no_parameters() -> None:
    for space in (OSNetAIN("x0_25"), OSNetAIN("x0_25", shared_trunk=True)):
        norms = [m for m in space.supernet().modules() if isinstance(m, (nn.BatchNorm2d, nn.InstanceNorm2d))]
        assert norms
        assert not [m for m in norms if list(m.parameters())]


def mixture(requires_grad: bool = False) -> Tensor:
    return torch.rand(6, 4, generator=seeded(5), dtype=torch.float64).softmax(1).requires_grad_(requires_grad)


def copied(shared: SharedBlockChoice) -> BlockChoice:
    """Independent blocks that all hold the shared weights."""
    return BlockChoice({name: shared.resolve(name) for name in OSBLOCKS})


@pytest.mark.parametrize("training", [True, False])
def test_a_shared_trunk_equals_independent_blocks_of_equal_weights(training: bool) -> None:
    torch.manual_seed(0)
    shared = SharedBlockChoice(48, 64).double().train(training)
    apart = copied(shared).train(training)
    x, weights = torch.rand(3, 48, 6, 4, dtype=torch.float64), mixture(True)[0]
    outputs = []
    for choice in (shared, apart):
        choice.set_mixture(weights)
        outputs.append(choice(x))
    torch.testing.assert_close(*outputs, rtol=1e-12, atol=1e-12)
    probe = torch.rand(outputs[0].shape, generator=seeded(0), dtype=torch.float64)
    gradients = [torch.autograd.grad((y * probe).sum(), weights, retain_graph=True)[0] for y in outputs]
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("shared", [True, False])
def test_a_candidate_of_weight_zero_rests(shared: bool) -> None:
    torch.manual_seed(0)
    supernet = OSNetAIN("x0_25", shared_trunk=shared).supernet().double().train()
    supernet.set_mixture(torch.tensor([[0.0, 1.0, 0.0, 0.0]] * 6, dtype=torch.float64, requires_grad=True))
    before = {name: value.clone() for name, value in supernet.state_dict().items()}
    supernet(IMAGES, 4).sum().backward()
    skipped = {id(parameter) for parameter in supernet.skipped_parameters()}
    blocks = [name for name, _ in supernet.named_parameters() if ".layers.none." in name]
    assert bool(blocks) != shared
    for name, parameter in supernet.named_parameters():
        assert (parameter.grad is None) == (id(parameter) in skipped), name
    moved = {name for name, value in supernet.state_dict().items() if not torch.equal(value, before[name])}
    resting = ".block.conv3.bn" if shared else ".layers.none."
    assert moved
    assert not [name for name in moved if resting in name]


def test_hard_weights_carry_the_gradient_of_the_chosen_block_alone() -> None:
    supernet = OSNetAIN("x0_25").supernet().double()
    weights = torch.eye(4, dtype=torch.float64)[[0, 1, 2, 3, 0, 1]].requires_grad_()
    supernet.set_mixture(weights)
    (gradient,) = torch.autograd.grad(supernet(IMAGES, 4).square().sum(), weights)
    assert torch.equal(gradient != 0, weights.detach() != 0)


@pytest.mark.parametrize(("shared", "checkpointing"), [(False, "candidates"), (False, "sites"), (True, "sites")])
def test_checkpointing_changes_nothing(shared: bool, checkpointing: str) -> None:
    """Same outputs, gradients and running statistics, which move once."""
    torch.manual_seed(0)
    plain = OSNetAIN("x0_25", shared).supernet().double().train()
    spared = OSNetAIN("x0_25", shared, checkpointing).supernet().double().train()  # type: ignore[arg-type]
    spared.load_state_dict(plain.state_dict())
    results = []
    for supernet in (plain, spared):
        weights = mixture(True)
        supernet.set_mixture(weights)
        output = supernet(IMAGES, 4)
        output.square().sum().backward()
        results.append([output, weights.grad, *(p.grad for p in supernet.parameters()), *supernet.buffers()])
    for mine, theirs in zip(*results, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-12)


def saved_bytes(space: OSNetAIN, one_hot: bool = False) -> int:
    """Bytes that a forward pass of two images keeps for the backward pass, each storage once, parameters aside."""
    supernet = space.supernet().train()
    weights = torch.eye(4)[[0, 1, 2, 3, 0, 1]] if one_hot else mixture().float()
    supernet.set_mixture(weights.requires_grad_())
    own = {parameter.untyped_storage().data_ptr() for parameter in supernet.parameters()}
    storages: dict[int, int] = {}
    kept: list[Tensor] = []

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            storages[storage.data_ptr()] = storage.nbytes()
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = supernet(IMAGES[:2].float(), 2)
    assert output.requires_grad
    return sum(storages.values())


def test_memory_options_in_their_order() -> None:
    """Full mixture > shared trunk > single path > checkpointed candidates > checkpointed sites."""
    full = saved_bytes(OSNetAIN("x0_25"))
    sizes = [
        full,
        saved_bytes(OSNetAIN("x0_25", shared_trunk=True)),
        saved_bytes(OSNetAIN("x0_25"), one_hot=True),
        saved_bytes(OSNetAIN("x0_25", checkpointing="candidates")),
        saved_bytes(OSNetAIN("x0_25", checkpointing="sites")),
    ]
    assert all(larger > smaller for larger, smaller in pairwise(sizes)), sizes


def test_counts_of_the_shared_trunk() -> None:
    shared, apart = (OSNetAIN(shared_trunk=value).supernet() for value in (True, False))
    assert 2.5 < sum(p.numel() for p in apart.parameters()) / sum(p.numel() for p in shared.parameters()) < 3.5
    images = torch.zeros(1, 3, 64, 32)
    assert count(shared, images, 1).multiply_adds < 0.4 * count(apart, images, 1).multiply_adds


def test_a_point_is_the_same_point_however_it_was_found() -> None:
    found = OSNetAIN("x0_25", shared_trunk=True, checkpointing="sites").sample(seeded(0))
    assert found.space["init_args"] == {"width": "x0_25"}
    OSNetAIN("x0_25").validate(found)
    with pytest.raises(GenotypeError, match="its `width` is 'x0_25', not 'x0_5'"):
        OSNetAIN("x0_5").validate(found)


def test_what_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"`width` must be x1_0, .*got 'x2'"):
        OSNetAIN("x2")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match=r"`checkpointing` must be none, candidates or sites, got 'all'"):
        OSNetAIN(checkpointing="all")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="cannot be checkpointed one by one"):
        OSNetAIN(shared_trunk=True, checkpointing="candidates")
    with pytest.raises(SettingsError, match="cannot be checkpointed one by one"):
        SharedBlockChoice(64, 64, "candidates")
    with pytest.raises(SettingsError, match="starts from scratch"):
        OSNetAIN().supernet("IMAGENET1K_V1")
    with pytest.raises(SettingsError, match="has no normalisation sites"):
        OSNetAIN().supernet(norms=SupernetNorms())
    with pytest.raises(SettingsError, match="at least one candidate"):
        BlockChoice({})
    for choice in (SharedBlockChoice(64, 64), BlockChoice({"none": nn.Identity()})):
        with pytest.raises(SettingsError, match="no candidate 'ibn', only none"):
            choice.resolve("ibn")
