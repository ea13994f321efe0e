"""A neck whose normalisation is to choose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

from torch import Tensor, nn

from vireid.errors import SettingsError

NeckNorm = Literal["bn", "gn", "none"]
GROUPS = 2


class NormNeck(nn.Module):
    """Batch or group normalisation between features and embeddings, or nothing.

    Differs from :class:`~vireid.nn.BNNeck` in that weights start at 1, and in the choices.

    Args:
        num_features: D.
        norm: ``"bn"``, ``"gn"`` (two groups) or ``"none"``: embeddings are the features.
        bias: whether the normalisation's bias learns; otherwise it stays 0.
        classifier_bias: whether the classifier behind it has a bias.

    Raises:
        SettingsError: another ``norm``.

    Example:
        >>> import torch
        >>> NormNeck(4)(torch.ones(2, 4)).shape
        torch.Size([2, 4])

    Reference:
        Public code "Cross-Modality Infrared-Visible Re-ID".
    """

    def __init__(self, num_features: int, norm: NeckNorm = "bn", bias: bool = False, classifier_bias: bool = False) -> None:
        super().__init__()
        if norm not in get_args(NeckNorm):
            raise SettingsError(f'`norm` must be "bn", "gn" or "none", got {norm!r}.')
        self.num_features, self.classifier_bias = num_features, classifier_bias
        norms: dict[NeckNorm, Callable[[], nn.Module]] = {
            "bn": lambda: nn.BatchNorm1d(num_features),
            "gn": lambda: nn.GroupNorm(GROUPS, num_features),
            "none": nn.Identity,
        }
        self.norm = norms[norm]()
        for name, parameter in self.norm.named_parameters():
            parameter.requires_grad_(bias or name != "bias")

    def build_classifier(self, num_classes: int) -> nn.Linear:
        """A linear classifier: with bias Kaiming normal (fan out) and 0, without bias N(0, 0.001)."""
        classifier = nn.Linear(self.num_features, num_classes, bias=self.classifier_bias)
        if self.classifier_bias:
            nn.init.kaiming_normal_(classifier.weight, mode="fan_out")
            nn.init.zeros_(classifier.bias)
        else:
            nn.init.normal_(classifier.weight, 0.0, 0.001)
        return classifier

    def forward(self, features: Tensor) -> Tensor:
        """Embeddings ``(B, D)`` of features ``(B, D)``."""
        return self.norm(features)  # type: ignore[no-any-return]  # nn.Module.__call__ is untyped
