"""Instance normalisation of the first channels, batch normalisation of the others."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from vireid.nn.norm.separate_bn import SeparateBatchNorm2d


class InstanceBatchNorm2d(nn.Module):
    """The first ``C // 2`` channels go through ``IN``, the others through ``BN`` (the names of published checkpoints).

    Args:
        instance: normalisation of the first channels.
        batch: of the others, shared by the modalities or a :class:`~vireid.nn.SeparateBatchNorm2d`.

    Example:
        >>> norm = InstanceBatchNorm2d(nn.InstanceNorm2d(2), nn.BatchNorm2d(2))
        >>> norm(torch.rand(2, 4, 3, 3)).shape
        torch.Size([2, 4, 3, 3])

    Reference:
        Pan, Luo, Shi, Tang: Two at Once: Enhancing Learning and Generalization Capacities via IBN-Net, ECCV 2018. With a
        separate ``BN``: this project's.
    """

    def __init__(self, instance: nn.InstanceNorm2d, batch: nn.BatchNorm2d | SeparateBatchNorm2d) -> None:
        super().__init__()
        self.IN, self.BN = instance, batch
        self.split = instance.num_features

    @classmethod
    def from_batch_norm(cls, bn: nn.BatchNorm2d, separate: bool = False) -> InstanceBatchNorm2d:
        """Both halves start from the parameters of ``bn``, the second also from its running statistics."""
        half = bn.num_features // 2
        batch = copy.deepcopy(bn)
        batch.num_features = bn.num_features - half
        for name, value in (*batch.named_parameters(), *batch.named_buffers()):
            if value.dim():
                kept = value.detach()[half:].clone()
                if isinstance(value, nn.Parameter):
                    setattr(batch, name, nn.Parameter(kept, requires_grad=value.requires_grad))
                else:
                    setattr(batch, name, kept)
        layer = cls(instance_norm_from(bn, half), SeparateBatchNorm2d.from_batch_norm(batch) if separate else batch)
        layer.training = bn.training
        return layer

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``(B, C, H, W)``; same shape."""
        return torch.cat((self.IN(x[:, : self.split]), self.BN(x[:, self.split :])), dim=1)


def instance_norm_from(bn: nn.BatchNorm2d, channels: int | None = None) -> nn.InstanceNorm2d:
    """An instance normalisation with the parameters of the first channels of ``bn``; all channels for ``None``."""
    channels = bn.num_features if channels is None else channels
    layer = nn.InstanceNorm2d(channels, bn.eps, affine=bn.affine).train(bn.training)
    if bn.affine:
        for name, value in bn.named_parameters():
            setattr(layer, name, nn.Parameter(value.detach()[:channels].clone(), requires_grad=value.requires_grad))
    return layer
