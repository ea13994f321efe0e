"""Re-estimated running statistics against naive averages of the inputs of every layer."""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from vireid.errors import SettingsError
from vireid.models import BNNeckHead, ReIDNetwork
from vireid.nn import NormChoice, SeparateBatchNorm2d
from vireid.search import BNSeparation
from vireid.structures import Batch, generator_for
from vireid.tasks.callbacks.running_statistics import kept_statistics, recalibrate

SPACE = BNSeparation("resnet10", width=8)


def batch(seed: int, visible: int = 4, infrared: int = 4) -> Batch:
    rows = visible + infrared
    images = torch.randn(rows, 3, 32, 16, dtype=torch.float64, generator=generator_for((seed,)))
    zeros = torch.zeros(rows, dtype=torch.int64)
    return Batch(images, zeros, zeros, zeros, zeros, zeros, visible)


def child(kind: str, dropout: float = 0.0) -> ReIDNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = BNNeckHead(dropout=dropout).build(SPACE.materialise(SPACE.baselines()[kind]), 3).double()
    for part in network.modules():  # statistics of another life
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.running_mean.fill_(3.0)
            part.running_var.fill_(7.0)
            part.num_batches_tracked.fill_(11)
    return network


def norms(network: nn.Module) -> dict[str, nn.Module]:
    return {name: part for name, part in network.named_modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)}


@contextmanager
def inputs_of_norms(network: nn.Module, seen: dict[str, list[Tensor]]) -> Iterator[None]:
    """Every batch norm's input while the network is in evaluation mode but its batch norms are in training mode."""
    network.eval()
    handles = []
    for name, part in network.named_modules():
        if isinstance(part, SeparateBatchNorm2d):

            def halves(layer: SeparateBatchNorm2d, args: tuple[Tensor], name: str = name) -> None:
                assert layer.n_visible is not None
                for half, rows in (("visible", args[0][: layer.n_visible]), ("infrared", args[0][layer.n_visible :])):
                    if len(rows):
                        seen.setdefault(f"{name}.{half}", []).append(rows)

            handles.append(part.register_forward_pre_hook(halves))
        elif isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.train()
            if not name.endswith(("visible", "infrared")):
                handles.append(part.register_forward_pre_hook(lambda _, args, name=name: seen.setdefault(name, []).append(args[0])))
    yield
    for handle in handles:
        handle.remove()


@pytest.mark.parametrize("kind", ["all_shared", "all_separate", "stem_separate"])
def test_statistics_are_the_averages_over_the_batches(kind: str) -> None:
    batches = [batch(seed) for seed in range(3)]
    seen: dict[str, list[Tensor]] = {}
    reference = child(kind)
    with torch.no_grad(), inputs_of_norms(reference, seen):
        for rows in batches:
            reference(rows.images, rows.n_visible)
    network = child(kind)
    recalibrate(network, iter(batches))
    assert set(seen) == set(norms(network))
    for name, norm in norms(network).items():
        values = [x.transpose(0, 1).flatten(1) for x in seen[name]]
        torch.testing.assert_close(norm.running_mean, torch.stack([v.mean(1) for v in values]).mean(0), rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(norm.running_var, torch.stack([v.var(1) for v in values]).mean(0), rtol=1e-12, atol=1e-12)
        assert int(norm.num_batches_tracked) == 3


def test_candidates_of_a_mixture_see_what_the_mixture_lets_through() -> None:
    network = ReIDNetwork(SPACE.supernet(), 3).double()
    supernet = network.backbone
    table = torch.full((len(SPACE.sites()), 2), 0.5, dtype=torch.float64)
    table[0] = torch.tensor([1.0, 0.0])
    supernet.set_mixture(table)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    first: list[Tensor] = []
    site = next(part for part in network.modules() if isinstance(part, NormChoice) and part is supernet.choices["layer1.0.bn1"])
    handle = site.register_forward_pre_hook(lambda _, args: first.append(args[0]))
    recalibrate(network, [batch(1), batch(2)])
    handle.remove()
    separate = site.layers["separate_bn"]
    for layer, rows in (
        (site.layers["shared_bn"], slice(None)),
        (separate.visible, slice(0, 4)),
        (separate.infrared, slice(4, None)),
    ):
        values = [x[rows].transpose(0, 1).flatten(1) for x in first]
        torch.testing.assert_close(layer.running_mean, torch.stack([v.mean(1) for v in values]).mean(0), rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(layer.running_var, torch.stack([v.var(1) for v in values]).mean(0), rtol=1e-9, atol=1e-9)
    stem = {name for name in before if name.startswith("backbone.trunk.bn1.layers.separate_bn")}
    assert len(stem) > 6
    assert all(torch.equal(network.state_dict()[name], before[name]) for name in stem), "a candidate with weight 0 keeps its own"


def test_an_absent_modality_keeps_its_statistics() -> None:
    network = child("all_separate")
    recalibrate(network, [batch(1, visible=6, infrared=0)])
    for name, norm in norms(network).items():
        if name.endswith("infrared"):
            assert (norm.running_mean == 3).all()
            assert (norm.running_var == 7).all()
            assert int(norm.num_batches_tracked) == 11
        else:
            assert int(norm.num_batches_tracked) == 1
            assert (norm.running_mean != 3).all()


def test_the_past_does_not_matter_and_nothing_but_statistics_changes() -> None:
    network, other = child("stem_separate", dropout=0.5), child("stem_separate", dropout=0.5)
    for norm in norms(other).values():
        norm.running_mean.normal_()
    network.train()
    network.backbone.trunk.layer1.eval()
    modes = {name: part.training for name, part in network.named_modules()}
    before = {name: value.clone() for name, value in network.state_dict().items()}
    state = torch.get_rng_state()
    recalibrate(network, [batch(1), batch(2)])
    assert torch.equal(torch.get_rng_state(), state), "dropout draws nothing"
    recalibrate(other, [batch(1), batch(2)])
    after = network.state_dict()
    assert {name: part.training for name, part in network.named_modules()} == modes
    assert {norm.momentum for norm in norms(network).values()} == {0.1}
    assert all(
        parameter.requires_grad == before_.requires_grad
        for parameter, before_ in zip(network.parameters(), other.parameters(), strict=True)
    )
    for name, value in before.items():
        is_statistic = name.endswith(("running_mean", "running_var", "num_batches_tracked"))
        assert torch.equal(after[name], value) != is_statistic
        assert torch.equal(after[name], other.state_dict()[name])


def test_no_batch_is_an_error_and_a_failure_leaves_the_statistics() -> None:
    network = child("all_shared")
    with pytest.raises(SettingsError, match="at least one batch of training rows"):
        recalibrate(network, [])
    bad = batch(1).with_images(torch.zeros(8, 5, 32, 16, dtype=torch.float64))
    with pytest.raises(RuntimeError, match="channels"):
        recalibrate(network, [batch(1), bad])
    for norm in norms(network).values():
        assert (norm.running_mean == 3).all()
        assert norm.momentum == 0.1
        assert int(norm.num_batches_tracked) == 11


def test_kept_statistics_are_bit_for_bit_those_from_before() -> None:
    network = child("all_separate")
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with kept_statistics(network):
        recalibrate(network, [batch(1)])
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    with contextlib.suppress(KeyError), kept_statistics(network):
        recalibrate(network, [batch(1)])
        raise KeyError
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def _on_one_of_two(rank: int, folder: str) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    network = child("all_separate")
    own = [[batch(1), batch(2)], [batch(3), batch(4, visible=6, infrared=0)]][rank]
    recalibrate(network, own)
    torch.save(network.state_dict(), Path(folder) / f"{rank}.pt")
    torch.distributed.destroy_process_group()


def test_two_processes_average_over_the_batches_of_both(tmp_path: Path) -> None:
    torch.multiprocessing.start_processes(_on_one_of_two, (str(tmp_path),), nprocs=2, start_method="spawn")
    states = [torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1)]
    network = child("all_separate")
    recalibrate(network, [batch(1), batch(2), batch(3), batch(4, visible=6, infrared=0)])
    for name, value in network.state_dict().items():
        assert torch.equal(states[0][name], states[1][name])
        torch.testing.assert_close(states[0][name], value, rtol=1e-12, atol=1e-12)
