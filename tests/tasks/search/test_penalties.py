"""Terms that a step of the architecture pays for."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from tests.tasks.search.toy import ToyLoss, ToySpace, toy_fit, toy_module, toy_strategy
from vireid.errors import SettingsError
from vireid.search import ArchitectureParameters, Softmax
from vireid.tasks import SGD, Entropy, ExpectedCost, Fixed, OneLevel, Penalty
from vireid.tasks.search.penalties import second_half_ramp


def test_the_ramp_is_linear_in_the_second_half() -> None:
    assert [second_half_ramp(step, 5) for step in range(-1, 7)] == [0, 0, 0, 0, 0.5, 1, 1, 1]
    assert second_half_ramp(3, 1) == second_half_ramp(0, 0) == 0


def test_entropy_ramp_is_zero_in_the_first_half_and_one_at_the_end() -> None:
    values = [second_half_ramp(step, 50) for step in range(50)]
    assert max(values[:25]) == 0
    assert values[-1] == 1
    assert values == sorted(values)


def test_entropy_by_hand() -> None:
    architecture = ArchitectureParameters(ToySpace().sites())
    expected = (4 * math.log(3) + math.log(2)) / 5
    assert Entropy(2.0)(architecture, 4, 5).item() == pytest.approx(2 * expected)
    assert Entropy(2.0)(architecture, 3, 5).item() == pytest.approx(expected)
    assert Entropy(2.0)(architecture, 0, 5).item() == 0


def test_penalties_are_added_up_and_have_a_gradient(tmp_path: Path) -> None:
    """One step of SGD by hand, with a loss of 0: the logits move by the gradient of both penalties together."""
    plain = SGD(0.1, 0.0, False, 0.0)
    penalties = [ExpectedCost(3.0, "parameters"), ExpectedCost(2.0, "parameters")]
    strategy = toy_strategy(OneLevel, relaxation=Softmax(), architecture_optimizer=plain, temperature=Fixed(), penalties=penalties)
    module = toy_module(strategy, losses=[ToyLoss(0.0)])
    toy_fit(module, tmp_path, epochs=1, batches=1)
    cost, p = torch.tensor([0.0, 0.5, 1.0]), torch.full((3,), 1 / 3)
    torch.testing.assert_close(module.architecture.logits[1].detach(), -0.1 * 5.0 / 5 * p * (cost - (p * cost).sum()))


def test_a_penalty_of_ones_own(tmp_path: Path) -> None:
    class Away(Penalty):
        """Against the first candidate."""

        def forward(self, architecture: ArchitectureParameters, step: int, steps: int) -> torch.Tensor:
            return self.weight * architecture.probabilities()[:, 0].mean()

    module = toy_module(toy_strategy(penalties=[Away(1.0)]), losses=[ToyLoss(0.0)])
    toy_fit(module, tmp_path)
    assert "x" not in module.derive().choices.values()


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("kind", [Entropy, ExpectedCost])
def test_impossible_weights_are_refused(kind: type[Penalty], weight: float) -> None:
    with pytest.raises(SettingsError, match=f"`weight` of {kind.__name__} must be a positive, finite number, got {weight}"):
        kind(weight)


def test_an_unknown_cost_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"`cost` must be .*, got 'weight'"):
        ExpectedCost(1.0, "weight")  # type: ignore[arg-type]


def test_a_price_that_is_the_same_everywhere_is_refused() -> None:
    with pytest.raises(SettingsError, match="ExpectedCost could change nothing: at every site all candidates have the same `latency`"):
        toy_module(toy_strategy(penalties=[ExpectedCost(1.0, "latency")]))
