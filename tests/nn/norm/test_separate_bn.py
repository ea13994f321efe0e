"""SeparateBatchNorm2d equals two BatchNorm2d on the halves of the batch."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.utils.checkpoint import checkpoint

from tests.nn.norm.reference import B, C, H, W, batch, compare, naive_separate, perturb, random_bn
from vireid.errors import SettingsError
from vireid.nn import SeparateBatchNorm2d, frozen_statistics


def layer(n: int | None = 2, dtype: torch.dtype = torch.float64, **options: object) -> SeparateBatchNorm2d:
    made = SeparateBatchNorm2d.from_batch_norm(random_bn(dtype=dtype, **options))
    perturb(made)
    made.n_visible = n
    return made


def check(ours: SeparateBatchNorm2d, x: torch.Tensor, atol: float = 1e-12) -> None:
    n = ours.n_visible
    assert n is not None
    compare(ours, lambda m, x: m(x), lambda m, x: naive_separate(m, x, n), x, atol=atol)  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, B])
@pytest.mark.parametrize("training", [True, False])
def test_equals_two_layers(n: int, training: bool) -> None:
    check(layer(n).train(training), batch())


@pytest.mark.parametrize("options", [{"momentum": None}, {"track_running_stats": False}, {"affine": False}, {"eps": 1e-2, "momentum": 0.3}])
@pytest.mark.parametrize("training", [True, False])
def test_equals_two_layers_with_any_settings(options: dict[str, object], training: bool) -> None:
    ours = layer(2, **options).train(training)
    check(ours, batch())
    check(ours, batch(5))  # a second step: cumulative averages count


def test_one_modality_may_be_frozen_by_eval_or_by_requires_grad() -> None:
    ours = layer(2)
    ours.visible.eval()
    check(ours, batch())
    ours = layer(2)
    for parameter in (ours.visible.weight, ours.infrared.bias):
        parameter.requires_grad_(False)
    check(ours, batch())
    for parameter in ours.parameters():
        parameter.requires_grad_(False)
    check(ours, batch())
    check(layer(2), batch().detach())  # images themselves need no gradient


@pytest.mark.parametrize("training", [True, False])
def test_statistics_can_be_frozen_at_run_time(training: bool) -> None:
    ours = layer(2).train(training)
    before = copy.deepcopy(ours.state_dict())
    with frozen_statistics(ours):
        check(ours, batch())
    assert all(torch.equal(value, before[name]) for name, value in ours.state_dict().items())
    assert ours.visible.track_running_stats


def test_modality_without_rows_keeps_its_statistics() -> None:
    ours = layer(B)
    ours(batch())
    assert ours.visible.num_batches_tracked == 1
    assert ours.infrared.num_batches_tracked == 0


@pytest.mark.parametrize("training", [True, False])
def test_gradcheck(training: bool) -> None:
    ours = layer(2).train(training)
    x = batch()
    with frozen_statistics(ours):
        assert torch.autograd.gradcheck(lambda x, *_: ours(x), (x, *ours.parameters()))


def test_memory_formats() -> None:
    channels_last = batch().detach().contiguous(memory_format=torch.channels_last).requires_grad_()
    strided = batch(size=(B, C, H, 2 * W)).detach()[..., ::2].requires_grad_()
    transposed = batch(size=(B, C, W, H)).detach().transpose(2, 3).requires_grad_()
    for x in (channels_last, strided, transposed):
        for training in (True, False):
            check(layer(2).train(training), x)
    ours = layer(2)
    out = ours(channels_last)
    assert out.is_contiguous(memory_format=torch.channels_last)
    (grad,) = torch.autograd.grad(out.sum(), channels_last)  # an expanded gradient
    assert grad.is_contiguous(memory_format=torch.channels_last)
    assert ours(batch()).is_contiguous()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_inputs_of_autocast_keep_float32_statistics(dtype: torch.dtype) -> None:
    ours = layer(2, torch.float32)
    x = batch(dtype=dtype)
    out = ours(x)
    assert out.dtype == dtype
    wide = copy.deepcopy(layer(2))
    expected = wide(x.detach().double())
    # one rounding of the output and one of scale and shift, for values up to 4
    torch.testing.assert_close(out.double(), expected, rtol=0, atol=16 * torch.finfo(dtype).eps)
    # statistics see no rounding but float32's
    torch.testing.assert_close(ours.visible.running_var.double(), wide.visible.running_var, rtol=0, atol=2e-5)
    torch.testing.assert_close(ours.visible.running_mean.double(), wide.visible.running_mean, rtol=0, atol=2e-5)
    out.float().sum().backward()
    assert x.grad is not None
    assert x.grad.dtype == dtype
    assert ours.visible.weight.grad is not None
    assert ours.visible.weight.grad.dtype == torch.float32


def test_whole_module_in_half_precision_takes_the_plain_way() -> None:
    ours = layer(2).bfloat16()
    assert ours(batch(dtype=torch.bfloat16)).dtype == torch.bfloat16


def test_checkpointing_gives_equal_gradients() -> None:
    gradients = []
    for wrapped in (False, True):
        ours, x = layer(2), batch()
        out = checkpoint(ours, x, use_reentrant=False) if wrapped else ours(x)
        out.sin().sum().backward()
        assert x.grad is not None
        gradients.append(x.grad)
    torch.testing.assert_close(*gradients, rtol=0, atol=0)


@pytest.mark.parametrize("training", [True, False])
def test_compiled_equals_eager(training: bool) -> None:
    ours = layer(2).train(training)
    other, x = copy.deepcopy(ours), batch()
    results = []
    for module in (ours, torch.compile(other, fullgraph=True, backend="aot_eager")):
        out = module(x)
        results.append([out.detach(), *torch.autograd.grad(out.sin().sum(), [x, *module.parameters()])])
    for mine, theirs in zip([*results[0], *ours.buffers()], [*results[1], *other.buffers()], strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-12)


def test_export() -> None:
    ours = layer(2).eval()
    x = batch().detach()
    program = torch.export.export(ours, (x,))
    torch.testing.assert_close(program.module()(x), ours(x), rtol=0, atol=1e-12)


def test_copies_are_independent() -> None:
    bn = random_bn()
    ours = SeparateBatchNorm2d.from_batch_norm(bn)
    for part in (ours.visible, ours.infrared):
        assert part is not bn
        assert all(torch.equal(value, bn.state_dict()[name]) for name, value in part.state_dict().items())
    ours.visible.weight.data.zero_()
    assert bn.weight.min() > 0
    assert ours.infrared.weight.min() > 0


def test_state_dict_round_trip() -> None:
    ours, other = layer(2), SeparateBatchNorm2d(C).double()
    other.load_state_dict(ours.state_dict())
    other.n_visible = 2
    assert torch.equal(other.eval()(batch()), ours.eval()(batch()))


def test_errors() -> None:
    with pytest.raises(SettingsError, match="set its `n_visible` first"):
        layer(None)(batch())
    with pytest.raises(SettingsError, match="must be 0 to 6"):
        layer(7)(batch())
    with pytest.raises(ValueError, match=r"expects \(B, C, H, W\)"):
        layer(1)(torch.zeros(2, C))
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        layer(1)(torch.zeros(3, C, 1, 1, dtype=torch.float64))
