"""Graph reasoning and attention between the stages of a trunk."""

from __future__ import annotations

from torch import nn

from vireid.errors import SettingsError
from vireid.models.parts.base import TrunkPart, channels_after, insert_after
from vireid.nn import ChannelGraph, GlobalLocalReasoning, MixtureOfSoftmaxAttention, PositionGraph, Reporting
from vireid.nn.attention.position_graph import Residual


class ChannelGraphs(TrunkPart):
    """A :class:`~vireid.nn.ChannelGraph` after a stage, named ``<stage>.channel_graph``.

    Placed before :class:`~vireid.models.TwoStreams` in the list of parts, and not behind its last layer, each modality has one of its own,
    as in CGRNet; otherwise they share it.

    Args:
        after: name of a stage or block.
        scaled, report_name, only_in_evaluation: see :class:`~vireid.nn.ChannelGraph`. Graphs on maps of different channels need different
            names for their reports.
    """

    def __init__(
        self,
        after: str = "layer1",
        scaled: bool = False,
        report_name: str = "channel_attention",
        only_in_evaluation: bool = False,
    ) -> None:
        self.after, self.scaled = after, scaled
        self.report_name, self.only_in_evaluation = report_name, only_in_evaluation

    def attach(self, trunk: nn.Module) -> None:
        """Insert the graph.

        Raises:
            SettingsError: no such place, or another layer reports under this name.
        """
        if any(isinstance(layer, Reporting) and layer.report_name == self.report_name for layer in trunk.modules()):
            raise SettingsError(f"A layer of the trunk reports as `{self.report_name}` already; give this graph another `report_name`.")
        insert_after(trunk, self.after, "channel_graph", ChannelGraph(self.scaled, self.report_name, self.only_in_evaluation))


class PositionGraphs(TrunkPart):
    """A :class:`~vireid.nn.PositionGraph` after a stage, named ``<stage>.position_graph``; per modality as :class:`ChannelGraphs`.

    Args:
        after: name of a stage or block, of at least 16 channels.
    """

    def __init__(self, after: str = "layer2") -> None:
        self.after = after

    def attach(self, trunk: nn.Module) -> None:
        insert_after(trunk, self.after, "position_graph", PositionGraph(channels_after(trunk, self.after)))


class GlobalLocalGraphs(TrunkPart):
    """A :class:`~vireid.nn.GlobalLocalReasoning` after a stage, named ``<stage>.reasoning``; per modality as :class:`ChannelGraphs`.

    Args:
        after: name of a stage or block, of at least 16 channels.
        residual: see :class:`~vireid.nn.GlobalLocalReasoning`; ``"triple"`` is the published code's.
    """

    def __init__(self, after: str = "layer2", residual: Residual = "single") -> None:
        self.after, self.residual = after, residual

    def attach(self, trunk: nn.Module) -> None:
        insert_after(trunk, self.after, "reasoning", GlobalLocalReasoning(channels_after(trunk, self.after), self.residual))


class MixtureAttention(TrunkPart):
    """A :class:`~vireid.nn.MixtureOfSoftmaxAttention` after a stage, named ``<stage>.mixture_attention``.

    Args:
        after: name of a stage or block.
        heads, key_channels, value_channels, mixtures, pooled, dropout: see :class:`~vireid.nn.MixtureOfSoftmaxAttention`.
    """

    def __init__(
        self,
        after: str = "layer2",
        heads: int = 2,
        key_channels: int = 64,
        value_channels: int = 64,
        mixtures: int = 1,
        pooled: bool = True,
        dropout: float = 0.1,
    ) -> None:
        self.after, self.heads, self.key_channels, self.value_channels = after, heads, key_channels, value_channels
        self.mixtures, self.pooled, self.dropout = mixtures, pooled, dropout

    def attach(self, trunk: nn.Module) -> None:
        sizes = (channels_after(trunk, self.after), self.heads, self.key_channels, self.value_channels, self.mixtures)
        insert_after(trunk, self.after, "mixture_attention", MixtureOfSoftmaxAttention(*sizes, self.pooled, self.dropout))
