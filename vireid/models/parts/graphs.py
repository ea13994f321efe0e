"""Graph reasoning and attention between the stages of a trunk."""

from __future__ import annotations

from torch import nn

from vireid.errors import SettingsError
from vireid.models.parts.base import TrunkPart, channels_after, insert_after
from vireid.nn import ChannelGraph, GlobalLocalReasoning, MixtureOfSoftmaxAttention, PositionGraph, Reporting
from vireid.nn.attention.position_graph import Residual


class ChannelGraphs(TrunkPart):
    """A :class:`~vireid.nn.ChannelGraph` after a stage, named ``<stage>.channel_graph``.

    Each modality has a graph of its own, as in CGRNet, if this part comes before :class:`~vireid.models.TwoStreams` in the list and
    ``after`` lies in the streams. Otherwise the modalities share it.

    Args:
        after: name of a stage or block.
        scaled: whether products of two channels are divided by the number of pixels; the published code does not.
        report_name: name of the attention among the extras of the network's output, for ``AttentionAlignment``. Graphs on maps of
            different channels need different names.
        only_in_evaluation: whether training leaves the graph out, as the released training path does. Then the graph changes nothing
            unless other weights are loaded.
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
        residual: ``single`` adds what the graphs gather to the map; ``triple``, as published, adds the residual of all three graphs,
            so that the block starts as three times the map and its mean.
    """

    def __init__(self, after: str = "layer2", residual: Residual = "single") -> None:
        self.after, self.residual = after, residual

    def attach(self, trunk: nn.Module) -> None:
        insert_after(trunk, self.after, "reasoning", GlobalLocalReasoning(channels_after(trunk, self.after), self.residual))


class MixtureAttention(TrunkPart):
    """A :class:`~vireid.nn.MixtureOfSoftmaxAttention` after a stage, named ``<stage>.mixture_attention``.

    Args:
        after: name of a stage or block.
        heads: number of attention heads, at least 1.
        key_channels: width of queries and keys of each head, at least 1.
        value_channels: width of the values of each head, at least 1.
        mixtures: softmaxes per head, at least 1; it divides ``key_channels``.
        pooled: whether keys and values come from the 3 x 3 average of the map at stride 2.
        dropout: rate on each softmax, in training, in [0, 1).
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
        self.after = after
        self.heads = heads
        self.key_channels = key_channels
        self.value_channels = value_channels
        self.mixtures = mixtures
        self.pooled = pooled
        self.dropout = dropout

    def attach(self, trunk: nn.Module) -> None:
        sizes = (channels_after(trunk, self.after), self.heads, self.key_channels, self.value_channels, self.mixtures)
        insert_after(trunk, self.after, "mixture_attention", MixtureOfSoftmaxAttention(*sizes, self.pooled, self.dropout))
