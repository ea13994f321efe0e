"""Exponential moving average of a whole state, in the mode of CM-NAS and in the usual mode."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn

from vireid.errors import SettingsError
from vireid.settings import Recorded

Mode = Literal["pull_back", "average"]


class EMA(Recorded):
    """``shadow <- decay * shadow + (1 - decay) * current`` for every entry of a state dict, after every optimiser step.

    Running statistics and counters are averaged like parameters. Integer counters are kept as float32 and truncated when loaded.

    Args:
        decay: in (0, 1); 0.997 for SYSU-MM01 and 0.968 for RegDB, about one epoch of steps.
        mode: ``pull_back``, faithful to CM-NAS: the shadow is loaded into the live model every ``pull_back_every`` epochs (after
            the checkpoint of that epoch) and training goes on from there; the *raw* weights are evaluated. After the last epoch too the
            module is left with the shadow, so test the checkpoint (``vireid test --ckpt``), which holds the raw weights.
            ``average``: the shadow does not change training, and evaluation uses it.
        pull_back_every: epochs between pull-backs (CM-NAS: 2 for SYSU-MM01, 10 for RegDB); without effect in mode ``average``.

    Raises:
        SettingsError: ``decay`` or ``pull_back_every`` out of range.

    Reference:
        CM-NAS (Fu et al., ICCV 2021), public training code.
    """

    def __init__(self, decay: float = 0.997, mode: Mode = "pull_back", pull_back_every: int = 2) -> None:
        if not 0 < decay < 1:
            raise SettingsError(f"`decay` must lie in (0, 1), got {decay}.")
        if pull_back_every < 1:
            raise SettingsError(f"`pull_back_every` must be at least 1 epoch, got {pull_back_every}.")
        self.decay = decay
        self.mode = mode
        self.pull_back_every = pull_back_every
        self.shadow: dict[str, Tensor] = {}

    def register(self, module: nn.Module) -> None:
        """Start from a copy of the module's state."""
        state = module.state_dict()
        self.shadow = {name: (v if v.is_floating_point() else v.float()).detach().clone() for name, v in state.items()}

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """One step of the average."""
        groups: dict[tuple[torch.dtype, torch.dtype], tuple[list[Tensor], list[Tensor]]] = {}
        for name, current in module.state_dict(keep_vars=True).items():
            shadow = self.shadow[name]
            shadows, currents = groups.setdefault((shadow.dtype, current.dtype), ([], []))
            shadows.append(shadow)
            currents.append(current)
        for shadows, currents in groups.values():
            torch._foreach_mul_(shadows, self.decay)
            torch._foreach_add_(shadows, currents, alpha=1 - self.decay)  # integers are added as they are: no copy in float32 first

    def load_into(self, module: nn.Module) -> None:
        """Overwrite the module's state with the shadow, counters truncated; the shadow itself stays."""
        current = module.state_dict()
        module.load_state_dict({name: value.to(current[name].dtype) for name, value in self.shadow.items()})

    @contextmanager
    def evaluated(self, module: nn.Module) -> Iterator[None]:
        """Inside, the module holds the weights to evaluate: the shadow in mode ``average``, its own in mode ``pull_back``."""
        if self.mode != "average" or not self.shadow:
            yield
            return
        own = {name: value.detach().clone() for name, value in module.state_dict().items()}
        self.load_into(module)
        try:
            yield
        finally:
            module.load_state_dict(own)

    def pulls_back(self, epoch: int) -> bool:
        """Whether the shadow is loaded at the very start of ``epoch`` (0-based), that is after the checkpoint of the epoch before."""
        return self.mode == "pull_back" and epoch > 0 and epoch % self.pull_back_every == 0
