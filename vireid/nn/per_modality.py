"""A layer of which each modality has its own copy."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from vireid.nn.norm.batch_norm import check_rows
from vireid.nn.norm.separate_bn import SeparateBatchNorm2d


class PerModality(nn.Module):
    """Two copies of a layer: the first ``n_visible`` rows go through ``visible``, the rest through ``infrared``.

    Each copy sees one modality only. So a batch norm inside that is already separate is replaced by the one of that modality.

    Args:
        module: ``(B, ...)`` to ``(B, ...)``, row by row or by statistics of its rows; both copies start as it is.

    Attributes:
        n_visible: visible rows of the next batch, written by the network; ``None`` until then.

    Example:
        >>> layers = PerModality(nn.Conv2d(3, 4, 1))
        >>> layers.n_visible = 2
        >>> layers(torch.ones(3, 3, 2, 2)).shape
        torch.Size([3, 4, 2, 2])
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.visible = _of_modality(copy.deepcopy(module), "visible")
        self.infrared = _of_modality(copy.deepcopy(module), "infrared")
        self.n_visible: int | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Both copies on their rows; a copy without rows is not called.

        Raises:
            SettingsError: ``n_visible`` is not set or exceeds B.
        """
        n = check_rows(x, self.n_visible, "PerModality")
        if n == x.shape[0]:
            return self.visible(x)  # type: ignore[no-any-return]  # nn.Module.__call__ is untyped
        if n == 0:
            return self.infrared(x)  # type: ignore[no-any-return]
        return torch.cat((self.visible(x[:n]), self.infrared(x[n:])))


def _of_modality(module: nn.Module, modality: str) -> nn.Module:
    if isinstance(module, SeparateBatchNorm2d):
        return getattr(module, modality)  # type: ignore[no-any-return]  # one of its two batch norms
    separated = [name for name, part in module.named_modules() if isinstance(part, SeparateBatchNorm2d)]
    for name in separated:
        module.set_submodule(name, getattr(module.get_submodule(name), modality))
    return module
