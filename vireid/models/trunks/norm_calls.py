"""What runs in a forward pass: normalisations in the order of calls, and the work of convolutions."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle


class NormCall(NamedTuple):
    """One call of a ``BatchNorm2d``, or of a subclass.

    Attributes:
        name: of the module.
        module: itself.
        rows: of its input.
        pixels: height times width of its map.
    """

    name: str
    module: nn.BatchNorm2d
    rows: int
    pixels: int


class Watch:
    """Context in which the calls of a network are noted.

    Attributes:
        norms: calls of ``BatchNorm2d``, in order.
        called: names of all modules that ran.
        multiply_adds: of two-dimensional convolutions, for the whole batch.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.norms: list[NormCall] = []
        self.called: set[str] = set()
        self.multiply_adds = 0
        self._handles: list[RemovableHandle] = []

    def __enter__(self) -> Watch:
        self._handles = [module.register_forward_hook(partial(self._note, name)) for name, module in self.network.named_modules()]
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()

    def _note(self, name: str, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        self.called.add(name)
        if isinstance(module, nn.BatchNorm2d) and isinstance(output, Tensor) and output.dim() == 4:
            rows = inputs[0].shape[0] if inputs else output.shape[0]
            self.norms.append(NormCall(name, module, rows, output.shape[2] * output.shape[3]))
        elif isinstance(module, nn.Conv2d):
            self.multiply_adds += output.numel() * module.weight[0].numel()
