"""The fused kernels of a norm site: interpreted, compiled for GPUs that are not here, and refused where they do not run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.nn.norm.reference import batch
from vireid.nn.norm import fused
from vireid.nn.norm.fused import Fused
from vireid.nn.norm.mixed_site import mixed_site
from vireid.nn.norm.mixture import Mixed, norm_mixture
from vireid.nn.norm.moments import Moments
from vireid.nn.norm.site_algebra import SiteMap

PARTS = [slice(0, 3), slice(3, 6)]


@pytest.fixture
def asked_again() -> Iterator[None]:
    """Whether the kernels run is asked anew, and forgotten."""
    fused._works.cache_clear()
    yield
    fused._works.cache_clear()


def test_kernels_by_the_interpreter() -> None:
    """Triton decides at its import whether it interprets, hence the process."""
    pytest.importorskip("triton")
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", str(Path(__file__).with_name("interpreted.py"))]
    ran = subprocess.run(command, env={**os.environ, "TRITON_INTERPRET": "1"}, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize("capability", [80, 90])
@pytest.mark.parametrize("name", ["forward", "backward"])
def test_kernels_compile_for_a_gpu(name: str, capability: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Down to machine code. No sum is made by atomic additions, whose order would differ from run to run."""
    pytest.importorskip("triton")
    if not sys.platform.startswith("linux"):
        pytest.skip("Triton's compiler of CUDA is one of Linux")
    import triton
    from triton.backends.compiler import GPUTarget

    from vireid.nn.norm import fused_kernels

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    kernel: Any = getattr(fused_kernels, name)
    fixed = {"EPS": 1e-5, "WITH_ROWS": True, "GROUPS": 2, "ROWS": 64, "CHANNELS": 16}
    kinds = {
        argument: "constexpr" if argument in fixed else "*fp32" if argument.endswith("_at") else "i32" for argument in kernel.arg_names
    }
    made = triton.compile(triton.compiler.ASTSource(kernel, kinds, fixed), target=GPUTarget("cuda", capability, 32))
    assert made.asm["cubin"]
    assert f".target sm_{capability}" in made.asm["ptx"]
    assert not re.search(r"\b(atom|red)\.", made.asm["ptx"])


def mixed(coefficients: torch.Tensor) -> tuple[torch.Tensor, Moments | None]:
    return mixed_site(batch(size=(6, 5, 4, 3)), coefficients, PARTS, 1e-5)


@pytest.mark.usefixtures("asked_again")
def test_where_kernels_do_not_run_single_operations_do(monkeypatch: pytest.MonkeyPatch) -> None:
    coefficients = torch.linspace(-1, 1, 40, dtype=torch.float64).view(4, 2, 5)
    expected, _ = mixed(coefficients)
    monkeypatch.setattr(Fused, "devices", frozenset({"cpu"}))  # for which Triton has no compiler
    with pytest.warns(UserWarning, match=r"^Norm sites run as single operations on cpu, not as fused kernels: \w+: "):
        found, _ = mixed(coefficients)
    assert torch.equal(found, expected)
    with warnings.catch_warnings(action="error"):  # it is said once
        mixed(coefficients)


@pytest.mark.usefixtures("asked_again")
def test_wrong_kernels_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    coefficients = torch.linspace(-1, 1, 40, dtype=torch.float64).view(4, 2, 5)
    expected, _ = mixed(coefficients)

    def forward(self: Fused, mean: torch.Tensor, *rest: Any) -> SiteMap:
        made = fused.EqualRows(self.counts, self.pixels, self.eps).forward(mean, *rest)
        return made._replace(scale=made.scale * 1.01)

    monkeypatch.setattr(Fused, "devices", frozenset({"cpu"}))
    monkeypatch.setattr(Fused, "forward", forward)
    monkeypatch.setattr(Fused, "backward", fused.EqualRows.backward)
    with pytest.warns(UserWarning, match="they give other results than operations of PyTorch$"):
        found, _ = mixed(coefficients)
    assert torch.equal(found, expected)


@pytest.mark.gpu
@pytest.mark.parametrize("counts", [(16, 16), (3, 9)])
def test_kernels_on_a_gpu(counts: tuple[int, int]) -> None:
    parts = [slice(0, counts[0]), slice(counts[0], sum(counts))]
    x = batch(size=(sum(counts), 70, 8, 4)).detach().cuda().requires_grad_()
    coefficients = torch.linspace(-1, 1, 560, dtype=torch.float64, device="cuda").view(4, 2, 70).requires_grad_()
    assert Fused.suits(x, coefficients)
    grad, found = x.detach().sin(), []
    for out, _ in (mixed_site(x, coefficients, parts, 1e-5), norm_mixture(x, parts, Mixed(*coefficients.unbind()), 1e-5)):
        found.append([out, *torch.autograd.grad(out, [x, coefficients], grad)])
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, rtol=0, atol=1e-11)
