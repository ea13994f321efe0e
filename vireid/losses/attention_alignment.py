"""Agreement of attention between modalities."""

from __future__ import annotations

from torch import Tensor

from vireid.errors import SettingsError
from vireid.losses import functional
from vireid.losses.base import Loss, check_modalities
from vireid.losses.inputs import LossInputs
from vireid.settings import Recorded


class AttentionAlignment(Recorded, Loss):
    """Module of :func:`~vireid.losses.functional.attention_alignment`; reads attention maps among the network's extras.

    Args:
        weight: factor in the sum; 10 in the commented lines of CGRNet's code.
        attention: name of the maps, the ``report_name`` of the layers that give them.
        name: under which it is logged.

    It is added once for every branch of a network that has several.
    """

    def __init__(self, weight: float = 10.0, attention: str = "channel_attention", name: str = "attention") -> None:
        super().__init__(weight, name)
        self.attention = attention

    def forward(self, output: LossInputs) -> Tensor:
        """Scalar, not yet weighted.

        Raises:
            SettingsError: no such maps, not as many visible as infrared rows, or several views.
        """
        check_modalities(self, output)
        maps = output.extra(self.attention, "`model.init_args.trunk_parts` to vireid.models.ChannelGraphs, before any TwoStreams")
        if 2 * output.n_visible != len(maps):
            raise SettingsError(
                f"`AttentionAlignment` pairs visible with infrared rows of the same identity, but the batch has {output.n_visible} and "
                f"{len(maps) - output.n_visible}. Use an augmentation without views."
            )
        return functional.attention_alignment(maps[: output.n_visible], maps[output.n_visible :])
