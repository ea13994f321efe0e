"""``norm_mixture.npz``: stock PyTorch norm modules, each with its own affine, against the collapsed mixture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.golden.osnet import entry, uniform
from vireid.nn import CANDIDATES, InstanceBatchNorm2d, NormChoice, SeparateBatchNorm2d

GOLDEN = {name: torch.from_numpy(array) for name, array in np.load(Path("tests/golden/norm_mixture.npz")).items()}
ORDER = torch.argsort(GOLDEN["modality"], stable=True)  # visible rows first
VISIBLE = int((GOLDEN["modality"] == 0).sum())
C = GOLDEN["x"].shape[1]


def norms(site: NormChoice) -> dict[str, nn.Module]:
    """The simple norms of all candidates by their golden names."""
    shared, separate, instance, ibn, mibn = (site.layers[name] for name in CANDIDATES)
    assert isinstance(separate, SeparateBatchNorm2d)
    assert isinstance(ibn, InstanceBatchNorm2d)
    assert isinstance(mibn, InstanceBatchNorm2d)
    assert isinstance(mibn.BN, SeparateBatchNorm2d)
    pairs = {"mbn.0": separate.visible, "mbn.1": separate.infrared, "mibn.bn.0": mibn.BN.visible, "mibn.bn.1": mibn.BN.infrared}
    return {"bn": shared, "in": instance, "ibn.in": ibn.IN, "ibn.bn": ibn.BN, "mibn.in": mibn.IN, **pairs}


@pytest.fixture
def site() -> NormChoice:
    made = NormChoice(nn.BatchNorm2d(C).double(), CANDIDATES)
    with torch.no_grad():
        for name, norm in norms(made).items():
            for key, value in norm.state_dict(keep_vars=True).items():
                if value.dim():
                    value.copy_(entry(f"mix.{name}.{key}", value.shape))
    made.n_visible = VISIBLE
    return made


def close(found: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(found.detach(), wanted, rtol=1e-9, atol=1e-12)


def test_formula() -> None:
    assert uniform("a", 1, 0).item() == pytest.approx(0.12504949, abs=1e-8)
    assert uniform("a", 2).tolist() == pytest.approx([0.43425914, 0.23414004], abs=1e-8)
    assert entry("block.conv1.bn.running_var", (2,)).tolist() == pytest.approx([0.69618765, 1.01438491], abs=1e-8)


def test_mixture(site: NormChoice) -> None:
    x = GOLDEN["x"][ORDER].requires_grad_()
    weights = GOLDEN["w"].clone().requires_grad_()
    site.set_mixture(weights)
    out = site(x)
    close(out, GOLDEN["y_train"][ORDER])
    (out * GOLDEN["probe"][ORDER]).sum().backward()
    assert x.grad is not None
    assert weights.grad is not None
    close(x.grad, GOLDEN["dx"][ORDER])
    close(weights.grad, GOLDEN["dw"])
    for name, norm in norms(site).items():
        close(norm.weight.grad, GOLDEN[f"dgamma_{name}"])  # type: ignore[union-attr, arg-type]
        close(norm.bias.grad, GOLDEN[f"dbeta_{name}"])  # type: ignore[union-attr, arg-type]
        if isinstance(norm, nn.BatchNorm2d):
            close(norm.running_mean, GOLDEN[f"rm_{name}"])  # type: ignore[arg-type]
            close(norm.running_var, GOLDEN[f"rv_{name}"])  # type: ignore[arg-type]
    close(site.eval()(x), GOLDEN["y_eval"][ORDER])


@pytest.mark.parametrize("k", range(5))
def test_one_candidate(site: NormChoice, k: int) -> None:
    x = GOLDEN["x"][ORDER]
    hard = torch.zeros(5, dtype=torch.float64)
    hard[k] = 1.0
    for weights in (hard, hard.clone().requires_grad_()):  # the plain layer, and the mixture
        site.train().set_mixture(weights)
        close(site(x), GOLDEN["cand_train"][k][ORDER])
    plain = site.resolve(CANDIDATES[k])
    for module in plain.modules():
        if isinstance(module, SeparateBatchNorm2d):
            module.n_visible = VISIBLE
    close(plain(x), GOLDEN["cand_train"][k][ORDER])


def test_evaluation_of_every_candidate(site: NormChoice) -> None:
    x = GOLDEN["x"][ORDER]
    site.set_mixture(GOLDEN["w"])
    site(x)
    site.eval()
    for k in range(5):
        site.set_mixture(torch.eye(5, dtype=torch.float64)[k])
        close(site(x), GOLDEN["cand_eval"][k][ORDER])
