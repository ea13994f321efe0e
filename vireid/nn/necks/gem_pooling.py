"""Generalised mean pooling."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vireid.errors import SettingsError
from vireid.nn.necks.pooling import Pooling


class GeMPooling(Pooling):
    """``(mean over pixels of x ** p + 1e-12) ** (1 / p)``: the mean for p = 1, towards the maximum for large p.

    Args:
        p: exponent, above 0; 3 in AGW.
        learn: whether ``p`` is trained, as a parameter of the neck that starts at this value; AGW keeps it fixed.

    Raises:
        SettingsError: ``p`` not above 0.

    Example:
        >>> pixels = torch.tensor([0.0, 0.0, 0.0, 2.0]).reshape(1, 1, 2, 2)
        >>> GeMPooling(p=1.0)(pixels), GeMPooling(p=2.0)(pixels)
        (tensor([[0.5000]]), tensor([[1.]]))

    Reference:
        Radenovic, Tolias, Chum: Fine-tuning CNN Image Retrieval with No Human Annotation, TPAMI 2019, eq. 3. Fixed p = 3 as in
        Ye et al.: Deep Learning for Person Re-identification: A Survey and Outlook, TPAMI 2021 (public code).
    """

    FLOOR = 1e-12  # keeps the gradient of a channel that is 0 everywhere finite

    def __init__(self, p: float = 3.0, learn: bool = False) -> None:
        super().__init__()
        if not p > 0:
            raise SettingsError(f"`p` must be above 0, got {p}.")
        self.p: float | nn.Parameter = nn.Parameter(torch.tensor(float(p))) if learn else float(p)

    def forward(self, x: Tensor) -> Tensor:
        """Pool a feature map ``(B, C, H, W)`` of values of at least 0, such as what a ReLU gives; lower ones count as 0.

        Powers are taken in float32 at least: cubes overflow in half precision.
        """
        with torch.autocast(x.device.type, enabled=False):
            full = x if x.dtype == torch.float64 else x.float()
            return (full.relu().pow(self.p).mean(dim=(2, 3)) + self.FLOOR).pow(1 / self.p)
