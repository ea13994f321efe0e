"""NormChoice in collapsed form equals the naive sum of whole layers."""

from __future__ import annotations

import copy
import pickle
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from tests.nn.norm.reference import B, C, H, W, batch, check, naive_mixture, random_bn, site
from vireid.errors import SettingsError
from vireid.nn import NormChoice, SeparateBatchNorm2d, frozen_statistics

pair = partial(site, ("shared_bn", "separate_bn"))


def mixed(*values: float, grad: bool = True) -> Tensor:
    return torch.tensor(values, dtype=torch.float64, requires_grad=grad)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, B])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("grad", [True, False])
def test_equals_naive_sum(n: int, training: bool, grad: bool) -> None:
    check(pair(n).train(training), batch(), mixed(0.3, 0.7, grad=grad))


def test_weights_need_not_sum_to_one() -> None:
    check(pair(), batch(), mixed(0.9, -0.4))
    check(pair(), batch(), mixed(0.5, 0.25, grad=False))


def test_one_row_per_modality() -> None:
    check(pair(1), batch(size=(2, C, H, W)), mixed(0.3, 0.7))


@pytest.mark.parametrize("options", [{"momentum": None}, {"track_running_stats": False}, {"eps": 1e-2, "momentum": 0.4}])
@pytest.mark.parametrize("training", [True, False])
def test_equals_naive_sum_with_any_settings(options: dict[str, object], training: bool) -> None:
    ours = pair(bn=options).train(training)
    check(ours, batch(), mixed(0.3, 0.7))
    check(ours, batch(5), mixed(0.6, 0.4))


def test_layers_frozen_one_by_one() -> None:
    ours = pair()
    ours.layers["shared_bn"].eval()
    check(ours, batch(), mixed(0.3, 0.7))
    ours = pair()
    ours.layers["separate_bn"].visible.eval()  # type: ignore[union-attr, operator]
    check(ours, batch(), mixed(0.3, 0.7))
    ours = pair()
    for parameter in ours.parameters():
        parameter.requires_grad_(False)
    check(ours, batch(), mixed(0.3, 0.7))
    check(ours, batch().detach(), mixed(0.3, 0.7))


@pytest.mark.parametrize("training", [True, False])
def test_statistics_can_be_frozen_at_run_time(training: bool) -> None:
    ours = pair().train(training)
    before = copy.deepcopy(ours.state_dict())
    with frozen_statistics(ours):
        check(ours, batch(), mixed(0.3, 0.7))
    assert all(torch.equal(value, before[name]) for name, value in ours.state_dict().items())


@pytest.mark.parametrize("training", [True, False])
def test_gradcheck(training: bool) -> None:
    ours = pair().train(training)

    def run(x: Tensor, weights: Tensor, *_: Tensor) -> Tensor:
        ours.set_mixture(weights)
        return ours(x)  # type: ignore[no-any-return]

    with frozen_statistics(ours):
        assert torch.autograd.gradcheck(run, (batch(), mixed(0.3, 0.7), *ours.parameters()))


@pytest.mark.parametrize("chosen", [0, 1])
def test_hard_weights_with_gradient_compute_all_but_update_the_active(chosen: int) -> None:
    ours = pair()
    weights = mixed(*(float(k == chosen) for k in range(2)))
    ours.set_mixture(weights)
    x = batch()
    theirs = copy.deepcopy(ours.layers)
    ours(x).sin().sum().backward()
    mine = weights.grad
    again = mixed(*weights.tolist())
    naive_mixture(theirs, x, 2, again).sin().sum().backward()
    torch.testing.assert_close(mine, again.grad, rtol=0, atol=1e-12)
    counts = [ours.layers["shared_bn"].num_batches_tracked, ours.layers["separate_bn"].visible.num_batches_tracked]  # type: ignore[union-attr]
    assert [int(count) for count in counts] == [int(k == chosen) for k in range(2)]  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["shared_bn", "separate_bn"])
def test_one_hot_runs_the_plain_layer_and_leaves_the_others_without_gradient(name: str) -> None:
    ours = pair()
    ours.set_mixture(mixed(*(float(c == name) for c in ours.candidates), grad=False))
    plain = ours.resolve(name)
    if isinstance(plain, SeparateBatchNorm2d):
        plain.n_visible = 2
    assert torch.equal(ours(batch()), plain(batch()))
    ours(batch()).sum().backward()
    for k, candidate in enumerate(ours.candidates):
        grads = [parameter.grad for parameter in ours.candidate_parameters(k)]
        assert all((grad is not None) == (candidate == name) for grad in grads)


def test_inactive_candidate_is_skipped_without_weight_gradient() -> None:
    ours = pair()
    ours.set_mixture(mixed(0.5, 0.0, grad=False))  # one candidate, but not with weight 1
    expected = 0.5 * ours.resolve("shared_bn")(batch())
    torch.testing.assert_close(ours(batch()), expected, rtol=0, atol=1e-12)
    assert ours.layers["separate_bn"].visible.num_batches_tracked == 0  # type: ignore[union-attr]


def test_memory_formats() -> None:
    channels_last = batch().detach().contiguous(memory_format=torch.channels_last).requires_grad_()
    strided = batch(size=(B, C, H, 2 * W)).detach()[..., ::2].requires_grad_()
    for x in (channels_last, strided):
        for training in (True, False):
            check(pair().train(training), x, mixed(0.3, 0.7))
    ours = pair()
    out = ours(channels_last)
    assert out.is_contiguous(memory_format=torch.channels_last)
    (grad,) = torch.autograd.grad(out.sum(), channels_last)
    assert grad.is_contiguous(memory_format=torch.channels_last)


def test_bfloat16_input_keeps_float32_statistics() -> None:
    x = batch(dtype=torch.bfloat16)
    narrow, wide = pair(dtype=torch.float32), pair()
    for ours in (narrow, wide):
        ours.set_mixture(torch.tensor([0.3, 0.7], requires_grad=True))
    out, expected = narrow(x), wide(x.detach().double())
    assert out.dtype == torch.bfloat16
    # one rounding of the output, one of scale and shift
    torch.testing.assert_close(out.double(), expected, rtol=0, atol=16 * torch.finfo(torch.bfloat16).eps)
    for mine, other in zip(narrow.buffers(), wide.buffers(), strict=True):
        torch.testing.assert_close(mine.double(), other.double(), rtol=0, atol=2e-5)
    out.float().sin().sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_large_means_are_safe_in_float32() -> None:
    x = (batch(dtype=torch.float32).detach() * 0.01 + 100).requires_grad_()
    narrow, wide = pair(dtype=torch.float32), pair()
    results = []
    for ours, images in ((narrow, x), (wide, x.detach().double().requires_grad_())):
        weights = torch.tensor([0.3, 0.7], dtype=images.dtype, requires_grad=True)
        ours.set_mixture(weights)
        out = ours(images)
        out.sin().sum().backward()
        results.append([out.detach().double(), weights.grad.double(), ours.layers["shared_bn"].weight.grad.double()])  # type: ignore[union-attr]
    # float32 itself resolves (x - mean) / std to about 100 / 0.015 * 6e-8 = 4e-4; gradients sum 72 of them
    for mine, other, atol in zip(*results, (4e-3, 3e-2, 3e-2), strict=True):
        torch.testing.assert_close(mine, other, rtol=0, atol=atol)


@pytest.mark.parametrize("training", [True, False])
def test_compiled_equals_eager(training: bool) -> None:
    ours = pair().train(training)
    ours.set_mixture(mixed(0.3, 0.7))
    other = copy.deepcopy(ours)
    other.set_mixture(ours.weights)
    compiled = torch.compile(other, fullgraph=True, backend="aot_eager")
    x = batch()
    results = []
    for module in (ours, compiled):
        out = module(x)
        results.append([out.detach(), *torch.autograd.grad(out.sin().sum(), [x, ours.weights])])
    for mine, theirs in zip(*results, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-12)
    for mine, theirs in zip(ours.buffers(), other.buffers(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-12)


def test_checkpointing_gives_equal_gradients() -> None:
    gradients = []
    for wrapped in (False, True):
        ours, x, weights = pair(), batch(), mixed(0.3, 0.7)
        ours.set_mixture(weights)
        out = checkpoint(ours, x, use_reentrant=False) if wrapped else ours(x)
        out.sin().sum().backward()
        gradients.append((x.grad, weights.grad, ours.layers["shared_bn"].weight.grad))
    for plain, recomputed in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, recomputed, rtol=0, atol=0)


def test_saves_only_its_input() -> None:
    """Memory: of activation size, the graph holds the input and nothing else."""
    ours, x = pair(), batch()
    ours.set_mixture(mixed(0.3, 0.7))
    saved: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t) or t, lambda t: t):  # type: ignore[func-returns-value]
        ours(x)
    assert {t.data_ptr() for t in saved if t.numel() >= x.numel()} == {x.data_ptr()}


def test_copy_and_pickle_in_the_middle_of_a_step() -> None:
    ours = pair()
    ours.set_mixture(mixed(0.0, 0.0).softmax(0))
    for other in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        assert not other.weights.requires_grad
        assert torch.equal(other(batch()), ours(batch()))


def test_order_of_candidates_is_fixed() -> None:
    ours = NormChoice(random_bn(), ("separate_bn", "shared_bn"))
    assert ours.candidates == ("shared_bn", "separate_bn")
    assert list(ours.layers) == list(ours.candidates)
    assert torch.equal(ours.weights, torch.tensor([0.5, 0.5]))
    assert ours.active == (True, True)


def test_resolve_gives_a_copy_of_the_plain_layer() -> None:
    ours = pair()
    shared, separate = ours.resolve("shared_bn"), ours.resolve("separate_bn")
    assert type(shared) is nn.BatchNorm2d
    assert type(separate) is SeparateBatchNorm2d
    shared.weight.data.zero_()
    assert ours.layers["shared_bn"].weight.min() > 0  # type: ignore[operator, union-attr]


def test_errors() -> None:
    with pytest.raises(SettingsError, match=r"no normalisation candidate 'bn'.*shared_bn, separate_bn"):
        NormChoice(random_bn(), ("bn",))
    for wrong in ((), ("shared_bn", "shared_bn")):
        with pytest.raises(SettingsError, match="each once"):
            NormChoice(random_bn(), wrong)
    with pytest.raises(SettingsError, match="affine=True"):
        NormChoice(nn.BatchNorm2d(3, affine=False))
    with pytest.raises(ValueError, match="one weight for each of shared_bn, separate_bn"):
        pair().set_mixture(torch.ones(3))
    with pytest.raises(SettingsError, match="has no candidate 'in'"):
        pair().resolve("in")
    with pytest.raises(SettingsError, match="NormChoice does not know which rows"):
        pair(None)(batch())
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        pair(1)(torch.zeros(3, C, 1, 1, dtype=torch.float64))
