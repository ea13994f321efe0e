"""A block of a network during search: complete candidates beside one another, mixed by weights."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Literal, get_args

from torch import Tensor, nn

from vireid.errors import SettingsError
from vireid.nn.choice import Choice
from vireid.nn.recomputation import recomputed

Checkpointing = Literal["none", "candidates", "sites"]


class BlockChoice(Choice):
    """Weighted sum of independent blocks.

    A candidate whose weight is exactly 0 is not computed: its statistics do not change, and neither its parameters nor its weight
    get a gradient. With hard samples this is the single path of GDAS. Soft weights are never 0, and every candidate runs.

    Args:
        blocks: candidate id to block, in the order of the weights.
        checkpointing: what is computed again in the backward pass instead of being kept: nothing, each candidate (the most memory at
            a time is that of one), or the whole mixture (the most at a time is that of the site).

    Raises:
        SettingsError: no blocks, or an unknown ``checkpointing``.

    Example:
        >>> import torch
        >>> site = BlockChoice({"keep": nn.Identity(), "rectify": nn.ReLU()})
        >>> site.set_mixture(torch.tensor([0.5, 0.5]))
        >>> site(torch.tensor([-2.0, 4.0]))
        tensor([-1.,  4.])

    Reference:
        Zhou, Yang, Cavallaro, Xiang: Learning Generalisable Omni-Scale Representations for Person Re-Identification, TPAMI 2021.
        Single path: Dong, Yang: Searching for a Robust Neural Architecture in Four GPU Hours, CVPR 2019.
    """

    def __init__(self, blocks: Mapping[str, nn.Module], checkpointing: Checkpointing = "none") -> None:
        if not blocks:
            raise SettingsError("`blocks` must hold at least one candidate.")
        check_checkpointing(checkpointing)
        super().__init__(tuple(blocks))
        self.layers = nn.ModuleDict(blocks)
        self.checkpointing = checkpointing

    def forward(self, x: Tensor) -> Tensor:
        """Mixture of the blocks' outputs."""
        if self.checkpointing == "sites" and self.training:
            return recomputed(self, self._mixture, x, self.weights)
        return self._mixture(x, self.weights)

    def _mixture(self, x: Tensor, weights: Tensor) -> Tensor:
        if self.one_hot and not weights.requires_grad:
            return self._run(self.active.index(True), x)
        weights = weights.to(device=x.device, dtype=x.dtype)
        kept = [k for k, active in enumerate(self.active) if active]
        total = weights[kept[0]] * self._run(kept[0], x)
        for k in kept[1:]:
            total = total + weights[k] * self._run(k, x)
        return total

    def _run(self, k: int, x: Tensor) -> Tensor:
        block = self.layers[self.candidates[k]]
        if self.checkpointing == "candidates" and self.training:
            return recomputed(block, block, x)  # type: ignore[no-any-return]  # nn.Module.__call__ is untyped
        return block(x)  # type: ignore[no-any-return]  # nn.Module.__call__ is untyped

    def candidate_parameters(self, k: int) -> list[nn.Parameter]:
        return list(self.layers[self.candidates[k]].parameters())

    def resolve(self, candidate: str) -> nn.Module:
        if candidate not in self.layers:
            raise SettingsError(f"This site has no candidate {candidate!r}, only {', '.join(self.candidates)}.")
        return copy.deepcopy(self.layers[candidate])


class KernelChoice(BlockChoice):
    """A :class:`~vireid.nn.BlockChoice` that lets every weight learn, although only candidates with a weight run.

    As published, the weights of candidates that do not run are added to the output as plain numbers. They are 0 and change nothing, but
    such a weight gets the sum of the output's gradient as its gradient, instead of the product of that gradient with an output,
    which was not computed.

    Args:
        blocks, checkpointing: see :class:`~vireid.nn.BlockChoice`.

    Raises:
        SettingsError: see :class:`~vireid.nn.BlockChoice`.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> site, weights = KernelChoice({"keep": nn.Identity(), "rectify": nn.ReLU()}), torch.tensor([1.0, 0.0], requires_grad=True)
        >>> site.set_mixture(weights)
        >>> (site(torch.tensor([-2.0, 4.0])) * torch.tensor([3.0, 5.0])).sum().backward()
        >>> weights.grad
        tensor([14.,  8.])

    Reference:
        Li, Wu, Zheng: Combined Depth Space based Architecture Search for Person Re-identification, CVPR 2021, public search code. The
        addition is that of GDAS (Dong, Yang, CVPR 2019), public code.
    """

    def _mixture(self, x: Tensor, weights: Tensor) -> Tensor:
        mixed = super()._mixture(x, weights)
        skipped = [k for k, active in enumerate(self.active) if not active]
        if weights.requires_grad and skipped:
            mixed = mixed + weights[skipped].sum().to(mixed)
        return mixed


def check_checkpointing(value: str) -> None:
    """Refuse an unknown kind of checkpointing.

    Raises:
        SettingsError: unknown kind; the message lists the known ones.
    """
    if value not in get_args(Checkpointing):
        raise SettingsError(f"`checkpointing` must be one of {', '.join(get_args(Checkpointing))}, got {value!r}.")
