"""Parameters and multiply-adds of a network, as they are and as the OSNet papers count them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


class Counts(NamedTuple):
    """Size of a network and work of one forward pass.

    Attributes:
        parameters: every parameter once.
        parameters_per_call: parameters of layers, once for every time the layer runs. It is what the published code prints: OSNet's
            four streams share one gate, which is therefore counted four times (2,193,616 instead of 2,169,508 for ``osnet_x1_0``).
        multiply_adds: of convolutions, ``(k_h k_w c_in / groups + bias) |output|``, and linear layers, ``(in + bias) out``, for one
            image; normalisations, activations, pooling and gating count nothing. This is the convention of the published tables.
    """

    parameters: int
    parameters_per_call: int
    multiply_adds: int


@torch.no_grad()
def count(network: nn.Module, *inputs: Any) -> Counts:
    """Counts of one forward pass in evaluation mode. Afterwards every module has its earlier mode again.

    Args:
        network: called ``network(*inputs)``; on the ``meta`` device nothing is computed.
        inputs: for one image.

    Example:
        >>> count(nn.Conv2d(3, 8, 3, padding=1), torch.zeros(1, 3, 4, 4))
        Counts(parameters=224, parameters_per_call=224, multiply_adds=3584)
    """
    per_call, multiply_adds = 0, 0

    def look(module: nn.Module, _: Any, output: Tensor) -> None:
        nonlocal per_call, multiply_adds
        per_call += sum(parameter.numel() for parameter in module.parameters(recurse=False))
        multiply_adds += _multiply_adds(module, output)

    modes = [(module, module.training) for module in network.modules()]
    handles = [module.register_forward_hook(look) for module in _leaves(network)]
    try:
        network.eval()(*inputs)
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in modes:
            module.training = mode
    return Counts(sum(parameter.numel() for parameter in network.parameters()), per_call, multiply_adds)


def _leaves(network: nn.Module) -> Iterator[nn.Module]:
    return (module for module in network.modules() if not any(True for _ in module.children()))


def _multiply_adds(module: nn.Module, output: Tensor) -> int:
    if not isinstance(module, (nn.Conv2d, nn.Linear)):
        return 0
    return (module.weight[0].numel() + (module.bias is not None)) * output.numel()
