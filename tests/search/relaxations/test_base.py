"""Weights of every relaxation: values by hand, golden files, missing candidates, gradients, order of the candidates."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from vireid.errors import SettingsError
from vireid.search import (
    DirichletSample,
    GumbelHard,
    GumbelSoft,
    RandomOneHot,
    RectifiedGumbel,
    Relaxation,
    Sigmoid,
    Softmax,
    TopK,
)
from vireid.search.relaxations import dirichlet, gumbel, rectified_gumbel
from vireid.settings import instantiate, settings_of
from vireid.structures import generator_for

GOLDEN = np.load(Path(__file__).parents[2] / "golden" / "osnet_nas_mixing.npz")
LEARNING = [
    Softmax(),
    GumbelSoft(),
    GumbelHard(),
    TopK(),
    TopK(1),
    TopK(2, average=True),
    RectifiedGumbel(),
    Sigmoid(),
    Sigmoid(normalise=True),
    DirichletSample(),
]
ALL = [*LEARNING, RandomOneHot()]
SUMS = {"TopK(2, False)": 2.0, "Sigmoid(False)": None}  # of a row, where not 1


def name(relaxation: Relaxation) -> str:
    return f"{type(relaxation).__name__}({', '.join(map(str, settings_of(relaxation)['init_args'].values()))})"


every = pytest.mark.parametrize("relaxation", ALL, ids=name)
learning = pytest.mark.parametrize("relaxation", LEARNING, ids=name)


def positive_logits(rows: int = 6, candidates: int = 3) -> Tensor:
    """Random, and above 0, where even rectified parameters have a gradient."""
    return torch.rand(rows, candidates, dtype=torch.float64, generator=generator_for((1,))) + 0.1


@every
def test_rows_are_weights_and_a_function_of_the_generator(relaxation: Relaxation) -> None:
    logits = positive_logits()
    weights = relaxation(logits, 0.7, generator_for((2,)))
    total = SUMS.get(name(relaxation), 1.0)
    if total is not None:
        torch.testing.assert_close(weights.sum(1), torch.full((6,), total, dtype=torch.float64))
    assert (weights >= 0).all()
    assert torch.equal(weights, relaxation(logits, 0.7, generator_for((2,))))
    random = isinstance(relaxation, (GumbelSoft, GumbelHard, RectifiedGumbel, DirichletSample, RandomOneHot))
    assert torch.equal(weights, relaxation(logits, 0.7, generator_for((3,)))) != random
    assert relaxation(logits.float(), 0.7, generator_for((2,))).dtype == torch.float32
    torch.testing.assert_close(relaxation(logits.float(), 0.7, generator_for((2,))).double(), weights, rtol=1e-4, atol=1e-5)


@learning
def test_every_logit_gets_a_gradient(relaxation: Relaxation) -> None:
    logits = positive_logits().requires_grad_()
    (relaxation(logits, 0.7, generator_for((2,))) * torch.arange(1, 19, dtype=torch.float64).reshape(6, 3) ** 2).sum().backward()
    assert (logits.grad != 0).all()


@every
def test_missing_candidates_weigh_nothing_and_move_nothing(relaxation: Relaxation) -> None:
    missing = torch.tensor([[False, False, True], [True, False, False], [False, True, True]])
    logits = positive_logits(3).masked_fill(missing, -math.inf).requires_grad_()
    weights = relaxation(logits, 0.7, generator_for((2,)))
    assert (weights[missing] == 0).all()
    assert (weights.sum(1) > 0).all()
    probabilities = relaxation.probabilities(logits)
    assert (probabilities[missing] == 0).all()
    torch.testing.assert_close(probabilities.sum(1), torch.ones(3, dtype=torch.float64))
    if relaxation.learns:
        for value in (weights, probabilities):
            (gradient,) = torch.autograd.grad((value * torch.tensor([1.0, -3.0, 7.0])).sum(), logits)
            assert (gradient[missing] == 0).all()
            assert torch.isfinite(gradient).all()
            assert (gradient[:2][~missing[:2]] != 0).all()
    else:
        assert not weights.requires_grad


@every
def test_order_of_candidates_does_not_matter(relaxation: Relaxation, monkeypatch: pytest.MonkeyPatch) -> None:
    order = torch.tensor([2, 0, 1])
    logits = positive_logits()
    uniform = torch.rand(6, 3, dtype=torch.float64, generator=generator_for((4,)))

    def weights(logits: Tensor, noise: Tensor) -> Tensor:
        for module in (gumbel, rectified_gumbel, dirichlet):
            monkeypatch.setattr(module, "uniform_noise", lambda like, generator: noise)
        monkeypatch.setattr(torch, "_standard_gamma", lambda shape, generator: shape * noise)
        return relaxation(logits, 0.7, generator_for((2,)))

    torch.testing.assert_close(weights(logits[:, order], uniform[:, order]), weights(logits, uniform)[:, order])
    torch.testing.assert_close(relaxation.probabilities(logits[:, order]), relaxation.probabilities(logits)[:, order])


@every
@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan, math.inf])
def test_senseless_temperatures_are_refused(relaxation: Relaxation, temperature: float) -> None:
    with pytest.raises(SettingsError, match="positive, finite temperature"):
        relaxation(positive_logits(), temperature, generator_for((2,)))


@every
def test_settings_rebuild_a_relaxation(relaxation: Relaxation) -> None:
    settings = settings_of(relaxation)
    assert settings["class_path"] == f"vireid.search.{type(relaxation).__name__}"
    again = instantiate(settings)
    assert torch.equal(*(r(positive_logits(), 0.7, generator_for((2,))) for r in (again, relaxation)))


@every
def test_start_values(relaxation: Relaxation) -> None:
    allowed = torch.ones(4, 3, dtype=torch.bool)
    start = relaxation.initial(allowed, generator_for((1,)))
    assert start.shape == (4, 3)
    if relaxation.learns:
        assert start.unique().tolist() == [1.0 if isinstance(relaxation, RectifiedGumbel) else 0.0]
        torch.testing.assert_close(relaxation.probabilities(start), torch.full((4, 3), 1 / 3))


@pytest.mark.parametrize("relaxation", [Softmax(), GumbelSoft(), RectifiedGumbel(), Sigmoid(), Sigmoid(True)], ids=name)
def test_gradients_are_those_of_finite_differences(relaxation: Relaxation) -> None:
    assert torch.autograd.gradcheck(lambda a: relaxation(a, 0.8, generator_for((2,))), positive_logits().requires_grad_())
    assert torch.autograd.gradcheck(relaxation.probabilities, positive_logits().requires_grad_())


def test_hand_values() -> None:
    logits = torch.tensor([[0.0, math.log(3.0), -math.inf]], dtype=torch.float64)
    none = generator_for((0,))
    assert Softmax()(logits, 1.0, none)[0].tolist() == pytest.approx([0.25, 0.75, 0.0])
    assert Softmax()(logits, 0.5, none)[0].tolist() == pytest.approx([0.1, 0.9, 0.0])
    assert Sigmoid()(logits, 1.0, none)[0].tolist() == pytest.approx([0.5, 0.75, 0.0])
    assert Sigmoid()(logits, 0.5, none)[0].tolist() == pytest.approx([0.5, 0.9, 0.0])
    assert Sigmoid(normalise=True)(logits, 1.0, none)[0].tolist() == pytest.approx([0.4, 0.6, 0.0])
    assert Sigmoid().probabilities(logits)[0].tolist() == pytest.approx([0.4, 0.6, 0.0])
    assert DirichletSample().probabilities(logits)[0].tolist() == pytest.approx([1 / (2 + math.log(3)), 1 - 1 / (2 + math.log(3)), 0.0])
    assert RandomOneHot().probabilities(logits)[0].tolist() == [0.5, 0.5, 0.0]
    w = torch.tensor([[1.0, 3.0, -2.0], [-1.0, -2.0, -math.inf]], dtype=torch.float64)
    torch.testing.assert_close(RectifiedGumbel().probabilities(w), torch.tensor([[0.25, 0.75, 0], [0.5, 0.5, 0]], dtype=torch.float64))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_normalised_sigmoids_of_very_negative_logits(dtype: torch.dtype) -> None:
    """``sigmoid(a)`` is ``exp(a)`` far below 0, so shares are those of the softmax, where every sigmoid rounds to 0."""
    logits = torch.tensor([[-1e4, -1e4 - math.log(3.0), -math.inf], [0.0, -1e4, -1e4]], dtype=dtype).requires_grad_()
    known = torch.tensor([[0.75, 0.25, 0.0], [1.0, 0.0, 0.0]], dtype=dtype)
    rtol = 1e-3 if dtype == torch.float32 else 1e-11  # logits near 1e4 are rounded to 1e-3, or to 2e-12
    for values in (Sigmoid(normalise=True)(logits, 1.0, generator_for((0,))), Sigmoid().probabilities(logits)):
        torch.testing.assert_close(values, known, rtol=rtol, atol=0)
        (gradient,) = torch.autograd.grad((values * torch.arange(3)).sum(), logits)
        slope = torch.tensor([[-0.1875, 0.1875, 0.0], [0.0, 0.0, 0.0]], dtype=dtype)
        torch.testing.assert_close(gradient, slope, rtol=3 * rtol, atol=0)


# --- Gumbel samples -----------------------------------------------------------------------------------------------------------------------


def test_gumbel_hard_is_one_hot_and_samples_by_the_softmax() -> None:
    logits = torch.tensor([[0.0, 1.0, -1.0]]).repeat(20_000, 1)
    weights = GumbelHard()(logits, 3.0, generator_for((5,)))
    assert set(weights.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(weights.mean(0), torch.softmax(logits[0], 0), atol=0.015, rtol=0)
    soft = GumbelSoft()(logits, 1e-3, generator_for((5,)))
    assert torch.equal(soft.argmax(1), weights.argmax(1))
    assert (soft - weights).abs().mean() < 1e-3


def test_gumbel_hard_has_the_gradient_of_the_soft_sample() -> None:
    gradients = []
    for relaxation in (GumbelHard(), GumbelSoft()):
        logits = positive_logits().requires_grad_()
        (relaxation(logits, 0.7, generator_for((2,))) * torch.arange(3)).sum().backward()
        gradients.append(logits.grad)
    assert torch.equal(*gradients)


# --- OSNet-AIN ----------------------------------------------------------------------------------------------------------------------------


def mix(dtype: torch.dtype, row: int) -> tuple[Tensor, Tensor]:
    w = torch.tensor(GOLDEN["w"][row : row + 1], dtype=dtype, requires_grad=True)
    return w, rectified_gumbel.rectified_gumbel(w, torch.tensor(GOLDEN["u"][row : row + 1]), float(GOLDEN["lmda"][row]))


@pytest.mark.parametrize("row", range(30))
def test_rectified_weights_and_gradients_equal_the_published_code(row: int) -> None:
    w, weights = mix(torch.float64, row)
    np.testing.assert_allclose(weights[0].detach(), GOLDEN["pi"][row], rtol=1e-9)
    (weights * torch.tensor(GOLDEN["probe"][row])).sum().backward()
    # 1e-6: sums of terms up to 1e4 times larger than the gradient, where one candidate takes nearly all
    np.testing.assert_allclose(w.grad[0], GOLDEN["dw"][row], rtol=1e-6, atol=1e-12)
    assert (w.grad[w <= 0] == 0).all(), "a dead candidate stays dead"
    np.testing.assert_allclose(mix(torch.float32, row)[1][0].detach(), GOLDEN["pi_f32"][row], rtol=1e-4, atol=1e-6)


def test_rectified_samples_follow_the_rectified_parameters() -> None:
    w = torch.tensor([[1.0, 3.0, -2.0, 4.0]]).repeat(20_000, 1)
    weights = RectifiedGumbel()(w, 0.3, generator_for((5,)))
    share = torch.bincount(weights.argmax(1), minlength=4) / 20_000
    torch.testing.assert_close(share, torch.tensor([0.125, 0.375, 0.0, 0.5]), atol=0.015, rtol=0)


def test_rectified_weights_are_finite_at_the_ends_of_the_noise() -> None:
    for uniform in (0.0, 1 - 2**-53):
        weights = rectified_gumbel.rectified_gumbel(torch.ones(1, 2), torch.tensor([[uniform, 0.5]], dtype=torch.float64), 1.0)
        assert torch.isfinite(weights).all()


# --- top k --------------------------------------------------------------------------------------------------------------------------------


def test_top_k_sums_the_largest_with_the_gradient_of_the_softmax() -> None:
    logits = torch.tensor([[0.3, -0.2, 1.0, 0.4]], dtype=torch.float64, requires_grad=True)
    g = torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=torch.float64)
    weights = TopK(2)(logits, 1.0, generator_for((0,)))
    assert weights.tolist() == [[0.0, 0.0, 1.0, 1.0]]
    (weights * g).sum().backward()
    p = torch.softmax(logits[0].detach(), 0)
    torch.testing.assert_close(logits.grad[0], p * (g - (p * g).sum()))
    assert TopK(2, average=True)(logits, 1.0, generator_for((0,))).tolist() == [[0.0, 0.0, 0.5, 0.5]]


def test_top_k_takes_the_first_of_equal_ones_and_no_more_than_there_are() -> None:
    logits = torch.tensor([[0.0, 0.0, 0.0], [0.0, -math.inf, -math.inf]])
    assert TopK(2)(logits, 1.0, generator_for((0,))).tolist() == [[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    assert TopK(2, average=True)(logits, 1.0, generator_for((0,))).tolist() == [[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]
    assert TopK(9)(logits, 1.0, generator_for((0,))).tolist() == [[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]]
    with pytest.raises(SettingsError, match="`k` must be at least 1, got 0"):
        TopK(0)


# --- Dirichlet ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0.3, 1.0, 5.0])
def test_dirichlet_mean_and_variance(temperature: float) -> None:
    row = torch.tensor([-1.5, 0.0, 2.0], dtype=torch.float64)
    samples = DirichletSample()(row.repeat(40_000, 1), temperature, generator_for((6,)))
    concentration = temperature * (torch.nn.functional.elu(row) + 1)
    mean = concentration / concentration.sum()
    variance = mean * (1 - mean) / (concentration.sum() + 1)
    torch.testing.assert_close(samples.mean(0), mean, atol=0.01, rtol=0)  # 4 standard errors at most
    torch.testing.assert_close(samples.var(0), variance, atol=0.005, rtol=0)


def test_dirichlet_gradient_is_unbiased() -> None:
    row = torch.tensor([-0.5, 0.2, 1.0], dtype=torch.float64)
    concentration = torch.nn.functional.elu(row) + 1
    value = torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64)
    for power in (1, 2):  # d E[sum v x^p] / da in closed form, by autograd through the moments
        exact_row = row.clone().requires_grad_()
        c = torch.nn.functional.elu(exact_row) + 1
        moment = c / c.sum() if power == 1 else c * (c + 1) / (c.sum() * (c.sum() + 1))
        (exact,) = torch.autograd.grad((value * moment).sum(), exact_row)
        logits = row.repeat(100_000, 1).requires_grad_()
        (DirichletSample()(logits, 1.0, generator_for((7,))) ** power * value).sum().backward()
        error = logits.grad.std(0) / 100_000**0.5
        assert ((logits.grad.mean(0) - exact).abs() < 4 * error).all()
    assert concentration.min() < 1


def test_dirichlet_is_finite_where_concentrations_vanish() -> None:
    logits = torch.tensor([[-800.0, -900.0, -700.0], [-30.0, 5.0, 900.0]], requires_grad=True)
    for temperature in (1e-3, 1.0, 100.0):
        weights = DirichletSample()(logits, temperature, generator_for((8,)))
        torch.testing.assert_close(weights.sum(1), torch.ones(2))
        (gradient,) = torch.autograd.grad(weights[:, 0].sum(), logits)
        assert torch.isfinite(gradient).all()


# --- random -------------------------------------------------------------------------------------------------------------------------------


def test_random_choices_are_uniform_and_ignore_the_logits() -> None:
    logits = torch.tensor([[9.0, -9.0, 0.0, -math.inf]]).repeat(20_000, 1)
    weights = RandomOneHot()(logits, 1.0, generator_for((5,)))
    assert set(weights.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(weights.mean(0), torch.tensor([1 / 3, 1 / 3, 1 / 3, 0]), atol=0.015, rtol=0)
    start = RandomOneHot().initial(torch.ones(20_000, 4, dtype=torch.bool), generator_for((6,)))
    torch.testing.assert_close(torch.bincount(start.argmax(1)) / 20_000, torch.full((4,), 0.25), atol=0.015, rtol=0)


# --- temperature --------------------------------------------------------------------------------------------------------------------------


@learning
def test_the_temperature_changes_weights_or_gradients(relaxation: Relaxation) -> None:
    found = []
    for temperature in (0.5, 2.0):
        logits = positive_logits().requires_grad_()
        weights = relaxation(logits, temperature, generator_for((2,)))
        (weights * torch.arange(3)).sum().backward()
        found.append((weights.detach(), logits.grad))
    assert torch.equal(found[0][0], found[1][0]) == isinstance(relaxation, (TopK, GumbelHard))
    assert not torch.equal(found[0][1], found[1][1])
