"""All five candidates in collapsed form: any subset, any batch, any mode equals the naive sum of whole layers."""

from __future__ import annotations

import copy
import itertools
from pathlib import Path

import pytest
import torch
from torch import Tensor, multiprocessing as mp, nn
from torch.utils.checkpoint import checkpoint

from tests.nn.norm.reference import B, C, batch, check, naive_mixture, random_bn, simplex, site
from vireid.errors import SettingsError
from vireid.nn import CANDIDATES, NORM_CANDIDATES, InstanceBatchNorm2d, NormChoice, SeparateBatchNorm2d, frozen_statistics
from vireid.nn.norm.norm_candidates import norm_parts

SUBSETS = [subset for size in range(1, 6) for subset in itertools.combinations(CANDIDATES, size)]


def test_every_candidate_can_be_built() -> None:
    assert tuple(NORM_CANDIDATES) == CANDIDATES


@pytest.mark.parametrize("subset", SUBSETS, ids="+".join)
@pytest.mark.parametrize("n", [0, 1, 2, B])
def test_equals_naive_sum(subset: tuple[str, ...], n: int) -> None:
    for training, grad in ((True, True), (True, False), (False, True)):
        check(site(subset, n).train(training), batch(), simplex(len(subset), grad))


@pytest.mark.parametrize("n", [0, 1])
def test_batch_of_one(n: int) -> None:
    check(site(n=n), batch(size=(1, C, 4, 3)), simplex(5))


def test_frozen_one_by_one_and_all() -> None:
    ours = site()
    ours.layers["ibn"].eval()
    ours.layers["separate_bn"].infrared.eval()  # type: ignore[union-attr, operator]
    check(ours, batch(), simplex(5))
    before = copy.deepcopy(ours.state_dict())
    with frozen_statistics(ours):
        check(ours.train(), batch(), simplex(5))
    assert all(torch.equal(value, before[name]) for name, value in ours.state_dict().items())


@pytest.mark.parametrize("training", [True, False])
def test_gradcheck(training: bool) -> None:
    ours = site().train(training)

    def run(x: Tensor, weights: Tensor, *_: Tensor) -> Tensor:
        ours.set_mixture(weights)
        return ours(x)  # type: ignore[no-any-return]

    with frozen_statistics(ours):
        assert torch.autograd.gradcheck(run, (batch(size=(3, C, 2, 2)), simplex(5), *ours.parameters()))


def test_memory_formats() -> None:
    channels_last = batch().detach().contiguous(memory_format=torch.channels_last).requires_grad_()
    strided = batch(size=(B, C, 4, 6)).detach()[..., ::2].requires_grad_()
    for x in (channels_last, strided):
        check(site(), x, simplex(5))
    ours = site()
    ours.set_mixture(simplex(5))
    out = ours(channels_last)
    assert out.is_contiguous(memory_format=torch.channels_last)
    (grad,) = torch.autograd.grad(out.sin().sum(), channels_last)
    assert grad.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 2e-5), (torch.bfloat16, 0.15), (torch.float16, 0.02)])
def test_input_dtypes_keep_float32_statistics(dtype: torch.dtype, bound: float, layout: torch.memory_format, device: str) -> None:
    """Bounds: a few roundings of values and gradients up to about 5."""
    narrow, wide = site(dtype=torch.float32).to(device), site()
    x = batch(dtype=dtype).detach().contiguous(memory_format=layout)
    grad = torch.randn(x.shape, generator=torch.Generator().manual_seed(1)).to(dtype)
    results = []
    for ours, images in ((narrow, x.to(device)), (wide, x.double())):
        weights = simplex(5).detach().to(images.device, torch.float64).requires_grad_()
        ours.set_mixture(weights)
        images = images.requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16 and device == "cpu"):
            out = ours(images)
        assert out.dtype == images.dtype
        results.append([out, *torch.autograd.grad(out, [images, weights, *ours.parameters()], grad.to(out))])
    for mine, exact in zip(*results, strict=True):
        scale = max(1.0, float(exact.detach().abs().max()) / 5)
        torch.testing.assert_close(mine.detach().cpu().double(), exact.detach(), rtol=0, atol=bound * scale)
    for mine, exact in zip(narrow.buffers(), wide.buffers(), strict=True):
        torch.testing.assert_close(mine.cpu().double(), exact.double(), rtol=0, atol=2e-5)


@pytest.mark.parametrize("training", [True, False])
def test_compiled_equals_eager_with_one_graph_for_every_sample(training: bool) -> None:
    ours = site().train(training)
    other = copy.deepcopy(ours)
    graphs: list[object] = []

    def backend(graph: torch.fx.GraphModule, _: object) -> torch.fx.GraphModule:
        graphs.append(graph)
        return graph

    compiled = torch.compile(other, fullgraph=True, backend=backend)
    x = batch()
    samples = [torch.eye(5, dtype=torch.float64)[k] for k in (0, 2, 4)] + [simplex(5, grad=False)]
    for weights in samples:
        ours.set_mixture(weights)
        other.set_mixture(weights)
        torch.testing.assert_close(compiled(x), ours(x), rtol=0, atol=1e-12)
    for mine, theirs in zip(ours.buffers(), other.buffers(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-12)
    assert len(graphs) == 1


def test_compiled_gradients() -> None:
    ours = site()
    other = copy.deepcopy(ours)
    x, weights = batch(), simplex(5)
    results = []
    for module, run in ((ours, ours), (other, torch.compile(other, fullgraph=True, backend="aot_eager"))):
        module.set_mixture(weights)
        out = run(x)
        wanted = [x, weights, *module.parameters()]
        results.append([out.detach(), *torch.autograd.grad(out.sin().sum(), wanted)])
    for mine, theirs in zip(*results, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-12)


def test_checkpointing_gives_equal_gradients() -> None:
    gradients = []
    for wrapped in (False, True):
        ours, x, weights = site(), batch(), simplex(5)
        ours.set_mixture(weights)
        out = checkpoint(ours, x, use_reentrant=False) if wrapped else ours(x)
        out.sin().sum().backward()
        gradients.append((x.grad, weights.grad, *(parameter.grad for parameter in ours.parameters())))
    for plain, recomputed in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, recomputed, rtol=0, atol=0)


def test_saves_its_input_and_two_numbers_per_row_and_channel() -> None:
    ours, x = site(dtype=torch.float32), batch(dtype=torch.float32, size=(B, C, 40, 30))
    ours.set_mixture(simplex(5).detach().requires_grad_())
    saved: dict[int, int] = {}
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.update({t.data_ptr(): t.numel()}) or t, lambda t: t):  # type: ignore[func-returns-value]
        ours(x)
    assert saved.pop(x.data_ptr()) == x.numel()
    assert max(saved.values()) < x.numel() // 100
    assert sum(saved.values()) < 2 * B * C + 60 * C  # mean and deviation of every row; the rest are vectors of the site


@pytest.mark.parametrize("affine", ["common", "none"])
@pytest.mark.parametrize("training", [True, False])
def test_affine_of_the_site(affine: str, training: bool) -> None:
    """Candidates without parameters, then one weight and bias (or none) for all; a resolved layer gets copies."""
    ours = site(affine=affine).train(training)
    bare = copy.deepcopy(ours.layers)
    x, weights = batch(), simplex(5)
    ours.set_mixture(weights)
    out = ours(x)
    common = naive_mixture(bare, x, 2, weights)
    if ours.weight is not None and ours.bias is not None:
        common = common * ours.weight.view(1, -1, 1, 1) + ours.bias.view(1, -1, 1, 1)
    torch.testing.assert_close(out, common, rtol=0, atol=1e-12)
    wanted = [weights, *ours.parameters()]
    assert len(wanted) == (3 if affine == "common" else 1)
    pairs = zip(torch.autograd.grad(out.sin().sum(), wanted), torch.autograd.grad(common.sin().sum(), wanted), strict=True)
    for mine, theirs in pairs:
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-11)
    for k, name in enumerate(CANDIDATES):
        ours.set_mixture(torch.eye(5, dtype=torch.float64)[k])
        layer = ours.resolve(name)
        for module in layer.modules():
            if isinstance(module, SeparateBatchNorm2d):
                module.n_visible = 2
        assert all(parameter.requires_grad for parameter in layer.parameters())
        torch.testing.assert_close(layer(x), ours(x), rtol=0, atol=1e-12)


def test_skipped_candidates_follow_the_batch_if_asked() -> None:
    x = batch()
    asked, plain = site(update_skipped=True), site()
    for ours in (asked, plain):
        ours.set_mixture(torch.tensor([0.5, 0.0, 0.5, 0.0, 0.0], dtype=torch.float64))
        ours(x)
    assert plain.layers["separate_bn"].visible.num_batches_tracked == 0  # type: ignore[union-attr]
    one_hot = site(update_skipped=True)
    one_hot.set_mixture(torch.eye(5, dtype=torch.float64)[0])
    one_hot(x)
    full = site()
    full.set_mixture(simplex(5))
    full(x)
    for mine, theirs in zip(one_hot.buffers(), full.buffers(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-12)
    for mine, theirs in zip(asked.buffers(), full.buffers(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-12)


def test_plain_layers_start_from_the_pretrained_one() -> None:
    bn = random_bn(momentum=0.3, eps=1e-3)
    ours = NormChoice(bn, CANDIDATES)
    ibn, mibn = ours.resolve("ibn"), ours.resolve("separate_ibn")
    assert isinstance(ibn, InstanceBatchNorm2d)
    assert isinstance(ibn.BN, nn.BatchNorm2d)
    assert isinstance(mibn, InstanceBatchNorm2d)
    assert isinstance(mibn.BN, SeparateBatchNorm2d)
    assert (ibn.IN.num_features, ibn.BN.num_features) == (2, 3)  # odd: the larger half is batch-normalised
    assert torch.equal(torch.cat((ibn.IN.weight, ibn.BN.weight)), bn.weight)
    assert torch.equal(mibn.BN.infrared.running_var, bn.running_var[2:])  # type: ignore[index, arg-type]
    assert (ibn.BN.momentum, ibn.BN.eps, ibn.IN.eps) == (0.3, 1e-3, 1e-3)
    assert set(ibn.state_dict()) >= {"IN.weight", "IN.bias", "BN.weight", "BN.running_mean"}
    sizes = {name: sum(p.numel() for p in ours.layers[name].parameters()) for name in CANDIDATES}
    assert sizes == {"shared_bn": 10, "separate_bn": 20, "in": 10, "ibn": 10, "separate_ibn": 16}


def test_errors() -> None:
    with pytest.raises(ValueError, match="more than 1 pixel"):
        site()(torch.zeros(4, C, 1, 1, dtype=torch.float64))
    with pytest.raises(SettingsError, match="`affine` must be one of per_candidate, common, none, got 'both'"):
        site(affine="both")
    with pytest.raises(TypeError, match="layer of a normalisation candidate, got ReLU"):
        norm_parts(nn.ReLU())


def test_evaluation_exchanges_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes may evaluate different numbers of batches: one would wait for the other for ever."""

    def refuse() -> None:
        raise AssertionError("an exchange between processes")

    monkeypatch.setattr("vireid.nn.norm.norm_choice.across_processes", refuse)
    ours, x = site(synchronise=True), batch().detach()
    for weights in (torch.eye(5, dtype=torch.float64)[CANDIDATES.index("in")], simplex(5, grad=False)):
        ours.set_mixture(weights)
        with pytest.raises(AssertionError, match="an exchange between processes"):
            ours.train()(x)
        torch.testing.assert_close(ours.eval()(x), naive_mixture(ours.layers, x, 2, weights), rtol=0, atol=1e-12)


ROWS = [(3, 1), (0, 2)]  # visible and infrared rows of two processes


def _process(rank: int, folder: str, hard: bool) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    ours = site(synchronise=True, n=ROWS[rank][0])
    weights = _weights(hard)
    ours.set_mixture(weights)
    visible, infrared = _shared_rows()
    own = [visible[:3], infrared[:1]] if rank == 0 else [visible[3:], infrared[1:]]
    x = torch.cat(own).requires_grad_()
    out = ours(x)
    out.sin().sum().backward()
    gradients = [torch.zeros_like(t) if t.grad is None else t.grad for t in (weights, *ours.parameters())]
    for gradient in gradients:
        torch.distributed.all_reduce(gradient)
    torch.save([out.detach(), x.grad, gradients, list(ours.buffers())], f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


def _weights(hard: bool) -> Tensor:
    return torch.eye(5, dtype=torch.float64)[1] if hard else simplex(5)


def _shared_rows() -> tuple[Tensor, Tensor]:
    x = batch().detach()
    return x[:3], x[3:]


@pytest.mark.parametrize("hard", [False, True])
def test_synchronised_statistics_equal_one_process(tmp_path: Path, hard: bool) -> None:
    mp.spawn(_process, args=(str(tmp_path), hard), nprocs=2)  # type: ignore[attr-defined]
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    whole, weights = site(n=3), _weights(hard)
    whole.set_mixture(weights)
    x = batch()
    out = whole(x)
    out.sin().sum().backward()
    assert x.grad is not None

    def joined(k: int) -> Tensor:
        return torch.cat((first[k], second[k]))

    def close(mine: Tensor, theirs: Tensor) -> None:
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-12)

    close(joined(0), out.detach())
    close(joined(1), x.grad)
    for mine, theirs in zip(first[2], (weights, *whole.parameters()), strict=True):
        close(mine, torch.zeros_like(mine) if theirs.grad is None else theirs.grad)
    for buffers in (first[3], second[3]):
        for mine, theirs in zip(buffers, whole.buffers(), strict=True):
            close(mine, theirs)
