"""How the network of a task runs under a Trainer. What it computes is the same, but for the last digits."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from vireid.errors import SettingsError
from vireid.models import BranchNetwork, NetworkOutput, ReIDNetwork
from vireid.nn.recomputation import RecomputedForward, blocks
from vireid.tasks.compilation import CompiledNetwork, CompileMode

Network = ReIDNetwork | BranchNetwork


@dataclass
class Running:
    """Arguments of that name of :class:`~vireid.tasks.ReIDModule`."""

    compile: bool | CompileMode = False
    channels_last: bool = False
    activation_checkpointing: bool = False
    _compiled: CompiledNetwork | None = field(default=None, init=False)

    def begin(self, network: Network) -> None:
        """Before a Trainer puts the network on its device.

        Raises:
            SettingsError: the trunk has no blocks whose activations could be computed again.
        """
        self.end(network)
        if self.channels_last:
            network.to(memory_format=torch.channels_last)
        if self.activation_checkpointing:
            found = blocks(network.backbone.trunk)
            if not found:
                raise SettingsError("`activation_checkpointing` computes blocks of layers again, and this trunk has none. Leave it out.")
            for block in found:
                block.forward = RecomputedForward(block)
        if self.compile:
            self._compiled = CompiledNetwork(network, None if self.compile is True else self.compile)

    def end(self, network: Network) -> None:
        """The network runs as it is written again."""
        self._compiled = None
        for module in network.modules():
            if isinstance(forward := vars(module).get("forward"), RecomputedForward):
                del module.forward
                if forward.own is not None:
                    module.forward = forward.own

    def __call__(self, network: Network, images: Tensor, n_visible: int) -> NetworkOutput:
        """The output of a network for images."""
        if self.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        output: NetworkOutput = (network if self._compiled is None else self._compiled)(images, n_visible)
        return output
