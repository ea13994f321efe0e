"""One site of the published CM-NAS code: outputs, running statistics and batch counters, for layers and mixtures alike."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from tests.golden.cmnas import close, golden
from tests.golden.formula import fill_entry
from vireid.nn import NormChoice, SeparateBatchNorm2d

DATA = golden("cmnas_switchbn")
S = int(DATA["S"])
CANDIDATE = {"0": "separate_bn", "1": "shared_bn"}
CASES = sorted(name for name in DATA if name.startswith("sw") and name[-5:-1] == "mode")


def filled(name: str) -> nn.BatchNorm2d:
    bn = nn.BatchNorm2d(5).double()
    bn.load_state_dict({entry: fill_entry(f"{name}.{entry}", tuple(value.shape), S) for entry, value in bn.state_dict().items()})
    return bn


def choice() -> NormChoice:
    """All three layers of the reference's site."""
    ours = NormChoice(filled("sharable_bn"))
    separate = ours.layers["separate_bn"]
    assert isinstance(separate, SeparateBatchNorm2d)
    separate.visible, separate.infrared = filled("visible_bn"), filled("thermal_bn")
    return ours


def one_hot(ours: NormChoice, candidate: str) -> nn.Module:
    ours.set_mixture(torch.tensor([float(c == candidate) for c in ours.candidates]))
    return ours


def hard_with_gradient(ours: NormChoice, candidate: str) -> nn.Module:
    ours.set_mixture(torch.tensor([float(c == candidate) for c in ours.candidates], requires_grad=True))
    return ours


def plain(ours: NormChoice, candidate: str) -> nn.Module:
    one_hot(ours, candidate)
    return ours.layers[candidate]


def rows(mode: str) -> tuple[Tensor, int]:
    x = torch.from_numpy(DATA["x"])
    return {"0": (x, 3), "1": (x, 6), "2": (x, 0)}[mode]


@pytest.mark.parametrize("run", [one_hot, hard_with_gradient, plain])
@pytest.mark.parametrize("case", CASES)
def test_every_case(case: str, run: Callable[[NormChoice, str], nn.Module]) -> None:
    switch, relu, phase, mode = case.split("_")
    ours = choice()
    layer = run(ours, CANDIDATE[switch[-1]]).train(phase == "train")
    x, n = rows(mode[-1])
    layer.n_visible = n  # type: ignore[assignment]
    y = layer(x)
    close(y.relu() if relu == "relu1" else y, DATA[case])
    if f"{case}_stats" in DATA:
        separate, shared = ours.layers["separate_bn"], ours.layers["shared_bn"]
        bns = [separate.infrared, separate.visible, shared]
        close(torch.stack([torch.stack([bn.running_mean, bn.running_var]) for bn in bns]), DATA[f"{case}_stats"])  # type: ignore[arg-type,list-item]
        assert [int(bn.num_batches_tracked) for bn in bns] == DATA[f"{case}_nbt"].tolist()  # type: ignore[arg-type,union-attr]
