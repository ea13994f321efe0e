"""A block of CNet or CDNet during search."""

from __future__ import annotations

from torch import Tensor

from vireid.nn.block_choice import BlockChoice


class KernelChoice(BlockChoice):
    """A :class:`~vireid.nn.BlockChoice` that lets every weight learn, although only candidates with a weight run.

    As published, the weights of candidates that do not run are added to the output as plain numbers. They are 0 and change nothing, but
    such a weight gets the sum of the output's gradient as its gradient, in the place of the product of that gradient with an output that
    nobody computed.

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
