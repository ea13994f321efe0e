"""One classifier for each modality. They learn from one another."""

from __future__ import annotations

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vireid.errors import SettingsError

HeadStatistics = Literal["mixed", "per_modality"]


class ModalityHead(nn.Module):
    """Batch normalisation and two linear layers with nothing between them.

    Args:
        in_features: D of its input.
        num_classes: C.
        hidden: width between the two linear layers.

    Reference:
        Public code "Cross-Modality Infrared-Visible Re-ID": linear layers start Kaiming normal (fan out), their biases at 0.
    """

    def __init__(self, in_features: int, num_classes: int, hidden: int = 512) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(in_features)
        self.fc1, self.fc2 = nn.Linear(in_features, hidden), nn.Linear(hidden, num_classes)
        for layer in (self.fc1, self.fc2):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out")
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor, own: slice = slice(None)) -> Tensor:
        """Logits ``(B, C)`` of ``(B, D)`` rows.

        Args:
            x: rows of both modalities.
            own: the rows, a first or a last part of all, whose statistics normalise every row in training. For the rows of the other
                modality they are constants. Without a row of its own the running statistics serve.
        """
        return self.fc2(self.fc1(self._normalised(x, own)))  # type: ignore[no-any-return]  # nn.Module.__call__ is untyped

    def _normalised(self, x: Tensor, own: slice) -> Tensor:
        rows = x[own]
        if not self.training or len(rows) == len(x):
            return self.norm(x)  # type: ignore[no-any-return]
        mean, variance = self.norm.running_mean, self.norm.running_var
        if len(rows):
            variance, mean = torch.var_mean(rows.detach().to(self.norm.weight.dtype), 0, correction=0)  # full precision under autocast
        everywhere = F.batch_norm(x, mean, variance, self.norm.weight, self.norm.bias, eps=self.norm.eps)
        if not len(rows):
            return everywhere
        first = (own.start or 0) == 0
        return torch.cat((self.norm(rows), everywhere[len(rows) :]) if first else (everywhere[: -len(rows)], self.norm(rows)))


class ModalityHeads(nn.Module):
    """A visible and an infrared head, each asked about every row: ``(B, D)`` to ``(B, 2, C)``, visible head first.

    Args:
        in_features, num_classes, hidden: see ``ModalityHead``.
        head_bn: ``"mixed"``, as in the public code: both heads normalise by the whole batch, so that only their weights differ.
            ``"per_modality"``: each head normalises by the rows of its modality.

    Raises:
        SettingsError: a width below 1, or another ``head_bn``.

    Example:
        >>> ModalityHeads(4, num_classes=5, hidden=3)(torch.rand(6, 4), n_visible=3).shape
        torch.Size([6, 2, 5])
    """

    def __init__(self, in_features: int, num_classes: int, hidden: int = 512, head_bn: HeadStatistics = "mixed") -> None:
        super().__init__()
        if hidden < 1:
            raise SettingsError(f"`hidden` must be at least 1, got {hidden}.")
        if head_bn not in get_args(HeadStatistics):
            raise SettingsError(f'`head_bn` must be "mixed" or "per_modality", got {head_bn!r}.')
        self.head_bn = head_bn
        self.visible = ModalityHead(in_features, num_classes, hidden)
        self.infrared = ModalityHead(in_features, num_classes, hidden)

    def forward(self, x: Tensor, n_visible: int) -> Tensor:
        """Logits of both heads on all rows, of which the first ``n_visible`` are visible."""
        parts = (slice(0, n_visible), slice(n_visible, None)) if self.head_bn == "per_modality" else (slice(None), slice(None))
        return torch.stack((self.visible(x, parts[0]), self.infrared(x, parts[1])), 1)
