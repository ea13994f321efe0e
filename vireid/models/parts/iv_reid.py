"""The stem of a ResNet without its activation."""

from __future__ import annotations

from torch import nn

from vireid.errors import SettingsError
from vireid.models.parts.base import TrunkPart


class LinearStem(TrunkPart):
    """No ReLU between the batch norm of the stem and its pooling: negative values reach the first stage.

    ImageNet weights were trained with the ReLU: this is here to reproduce published training, not to improve any.

    Reference:
        Public code "Cross-Modality Infrared-Visible Re-ID", in which the call is commented out.
    """

    def attach(self, trunk: nn.Module) -> None:
        if not isinstance(getattr(trunk, "relu", None), nn.ReLU):
            raise SettingsError(
                f"LinearStem needs a trunk whose stem has a ReLU named `relu`, such as a ResNet's; {type(trunk).__name__} has none."
            )
        trunk.relu = nn.Identity()
