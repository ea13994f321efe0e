"""Loading of the OSNet golden files, formula weights under any naming, and the comparison that README-osnet-ain.md asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tests.golden.osnet import entry, uniform


@lru_cache(maxsize=8)
def golden(name: str) -> dict[str, NDArray]:
    with np.load(Path(__file__).parent / f"{name}.npz") as file:
        return dict(file)


def network_input(name: str, *shape: int) -> Tensor:
    return 4.0 * uniform(name, int(np.prod(shape))).reshape(shape) - 2.0


def conv_bias(name: str, shape: tuple[int, ...]) -> Tensor:
    return 0.2 * uniform(name, shape[0]) - 0.1


def fill(module: nn.Module, published: Callable[[str], str] = str) -> nn.Module:
    """Every entry from the formula, by its published name; the module becomes float64."""
    module.double()
    biased = {f"{name}.bias" for name, part in module.named_modules() if isinstance(part, (nn.Conv2d, nn.Linear))}
    state = {}
    for name, value in module.state_dict().items():
        if name.endswith("num_batches_tracked"):
            state[name] = torch.zeros_like(value)
        else:
            state[name] = (conv_bias if name in biased else entry)(published(name), tuple(value.shape))
    module.load_state_dict(state)
    return module


def close(found: Tensor, expected: NDArray, rtol: float = 1e-9) -> None:
    """README tolerances; rtol is 1e-6 for arrays that were stored as float32, and the same of the largest value bounds small ones."""
    rtol = 1e-6 if expected.dtype == np.float32 else rtol
    np.testing.assert_allclose(found.detach().numpy(), expected, rtol=rtol, atol=rtol * float(np.abs(expected).max()))


class Stages:
    """Outputs of named modules, in the order of the names."""

    def __init__(self, module: nn.Module, names: tuple[str, ...]) -> None:
        self.outputs: dict[str, Tensor] = {}
        for name in names:
            module.get_submodule(name).register_forward_hook(self._keep(name))
        self.names = names

    def _keep(self, name: str) -> Callable[[nn.Module, object, Tensor], None]:
        def keep(module: nn.Module, inputs: object, output: Tensor) -> None:
            self.outputs[name] = output.detach().clone()

        return keep

    def __iter__(self) -> Iterator[Tensor]:
        return (self.outputs[name] for name in self.names)

    def shapes(self) -> NDArray:
        return np.array([list(output.shape) for output in self])

    def stats(self) -> Tensor:
        rows = [(x.mean(), x.std(correction=0), x.flatten()[0], x.flatten()[-1], x.abs().max()) for x in self]
        return torch.stack([torch.stack(row) for row in rows])
