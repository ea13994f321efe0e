from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.golden.formula import values
from vireid.errors import SettingsError
from vireid.tasks import EMA

GOLDEN = np.load(Path(__file__).parents[2] / "golden" / "cmnas_ema.npz")
S = int(GOLDEN["S"])


class State(nn.Module):
    """The state of the golden file: a parameter, a running statistic, a counter."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.zeros(3, dtype=torch.float64))
        self.register_buffer("rm", torch.zeros(2, dtype=torch.float64))
        self.register_buffer("count", torch.tensor(0))

    def set(self, step: int) -> None:
        with torch.no_grad():
            self.w.copy_(values(f"ema/w{step}", (3,), S))
            self.rm.copy_(values(f"ema/rm{step}", (2,), S))
            self.count.fill_(step)


def test_shadow_equals_the_golden_values_after_every_step() -> None:
    state, ema = State(), EMA(decay=float(GOLDEN["decay"]))
    state.set(0)
    ema.register(state)
    for step in range(1, 7):
        state.set(step)
        ema.update(state)
        shadow = torch.cat([ema.shadow["w"], ema.shadow["rm"], ema.shadow["count"].double()[None]])
        np.testing.assert_allclose(shadow[:5].numpy(), GOLDEN["shadow"][step - 1][:5], rtol=1e-12)
        assert shadow[5].item() == pytest.approx(GOLDEN["shadow"][step - 1][5], rel=1e-7)
    assert str(ema.shadow["count"].dtype) == str(GOLDEN["count_shadow_dtype"])
    ema.load_into(state)
    assert state.count.item() == GOLDEN["count_after_load"]
    torch.testing.assert_close(state.w.detach(), ema.shadow["w"], rtol=0, atol=0)


def test_integer_counters_are_averaged_as_their_float_values_bit_by_bit() -> None:
    state, ema = State(), EMA(decay=0.997)
    ema.register(state)
    expected = ema.shadow["count"].clone()
    for count in (1, 3, 16777217, 123456789012345, -7):  # float32 cannot hold the third and the fourth
        state.count.fill_(count)
        ema.update(state)
        expected.mul_(0.997).add_(state.count.float(), alpha=1 - 0.997)
        assert torch.equal(ema.shadow["count"], expected)
    assert state.count.dtype == torch.int64


def test_average_mode_lends_the_shadow_for_evaluation_only() -> None:
    state = State()
    ema = EMA(0.5, "average")
    state.set(0)
    ema.register(state)
    state.set(1)
    ema.update(state)
    own = state.w.detach().clone()
    with ema.evaluated(state):
        torch.testing.assert_close(state.w.detach(), ema.shadow["w"], rtol=0, atol=0)
    torch.testing.assert_close(state.w.detach(), own, rtol=0, atol=0)
    assert not any(ema.pulls_back(epoch) for epoch in range(10))


def test_pull_back_mode_evaluates_the_raw_weights_and_pulls_back_on_schedule() -> None:
    state = State()
    ema = EMA(0.5, "pull_back", pull_back_every=3)
    ema.register(state)
    state.set(1)
    own = state.w.detach().clone()
    with ema.evaluated(state):
        torch.testing.assert_close(state.w.detach(), own, rtol=0, atol=0)
    assert [epoch for epoch in range(10) if ema.pulls_back(epoch)] == [3, 6, 9]


@pytest.mark.parametrize(("arguments", "message"), [({"decay": 1.0}, r"\(0, 1\)"), ({"pull_back_every": 0}, "at least 1 epoch")])
def test_senseless_arguments_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        EMA(**arguments)
