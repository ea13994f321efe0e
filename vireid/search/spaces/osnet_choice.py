"""The placements of an OSNet block during search, with one set of convolutions for all of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vireid.errors import SettingsError
from vireid.models.trunks.osnet_blocks import OSBLOCKS, OSBlock
from vireid.nn.block_choice import Checkpointing, check_checkpointing
from vireid.nn.choice import Choice
from vireid.nn.recomputation import recomputed


class SharedBlockChoice(Choice):
    """Weighted sum of the four placements over one trunk: streams and shortcut are computed once.

    With ``r`` the residual and ``id`` the shortcut, ``B = BN(r) + id`` and ``I = IN(r) + id``, candidates are ``ReLU(B)``, ``ReLU(I)``,
    ``ReLU(IN(B))`` and ``ReLU(IN(I))``. It is another supernet than that of independent blocks: the candidates are coupled by their
    convolutions. Normalisations have no weights and biases. A candidate of weight 0 is not computed.

    Args:
        in_channels, out_channels: of the block.
        checkpointing: ``sites`` computes the block again in the backward pass, ``none`` keeps it. ``candidates`` is refused.

    Raises:
        SettingsError: channels that do not fit, or an unknown ``checkpointing``, or that of ``candidates``.

    Example:
        >>> list(SharedBlockChoice(64, 64).candidates)
        ['none', 'in', 'out', 'inout']

    Reference:
        This project's; the idea of sharing weights between candidates is that of Sukthankar et al., arXiv 2312.10440.
    """

    def __init__(self, in_channels: int, out_channels: int, checkpointing: Checkpointing = "none") -> None:
        check_checkpointing(checkpointing)
        if checkpointing == "candidates":
            raise SettingsError("Candidates that share a trunk cannot be checkpointed one by one: set `checkpointing` to sites or none.")
        super().__init__(tuple(OSBLOCKS))
        self.block = OSBlock(in_channels, out_channels, affine=False)
        self.instance_norm = nn.InstanceNorm2d(out_channels)
        self.channels = in_channels, out_channels
        self.checkpointing = checkpointing

    def forward(self, x: Tensor) -> Tensor:
        """``(B, in, H, W)`` to ``(B, out, H, W)``."""
        if self.checkpointing == "sites" and self.training:
            return recomputed(self, self._mixture, x, self.weights)
        return self._mixture(x, self.weights)

    def _mixture(self, x: Tensor, weights: Tensor) -> Tensor:
        heads = self._heads(x)
        if self.one_hot and not weights.requires_grad:
            return heads[self.active.index(True)].relu()
        weights = weights.to(device=x.device, dtype=x.dtype)
        total: Tensor = torch.zeros((), device=x.device, dtype=x.dtype)
        for k, head in heads.items():
            total = total + weights[k] * head.relu()
        return total

    def _heads(self, x: Tensor) -> dict[int, Tensor]:
        """Sums before the last ReLU, of the candidates that count."""
        residual, identity = self.block.conv3.conv(self.block.streams(x)), self.block.shortcut(x)
        none, inside, outside, both = self.active
        heads: dict[int, Tensor] = {}
        assert self.block.conv3.bn is not None
        if none or outside:
            heads[0] = self.block.conv3.bn(residual) + identity
        if inside or both:
            heads[1] = self.instance_norm(residual) + identity
        if outside:
            heads[2] = self.instance_norm(heads[0])
        if both:
            heads[3] = self.instance_norm(heads[1])
        return {k: head for k, head in heads.items() if self.active[k]}

    def candidate_parameters(self, k: int) -> list[nn.Parameter]:  # noqa: ARG002 (interface)
        """None: candidates have no parameters of their own."""
        return []

    def resolve(self, candidate: str) -> nn.Module:
        if candidate not in OSBLOCKS:
            raise SettingsError(f"This site has no candidate {candidate!r}, only {', '.join(self.candidates)}.")
        with torch.device("meta"):
            block = OSBLOCKS[candidate](*self.channels, affine=False)
        shared = self.block.state_dict()
        block.load_state_dict({name: shared[name].clone() for name in block.state_dict()}, assign=True)
        return block.train(self.training)
