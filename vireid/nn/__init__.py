"""Layers that know which rows of a batch are visible and which infrared, and the neck and pooling of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vireid.lazy import lazy

if TYPE_CHECKING:
    from vireid.nn.attention.channel_graph import ChannelGraph as ChannelGraph
    from vireid.nn.attention.mixture_attention import MixtureOfSoftmaxAttention as MixtureOfSoftmaxAttention
    from vireid.nn.attention.non_local import NonLocal as NonLocal
    from vireid.nn.attention.one_versus_rest import OneVersusRest as OneVersusRest
    from vireid.nn.attention.position_graph import GlobalLocalReasoning as GlobalLocalReasoning, PositionGraph as PositionGraph
    from vireid.nn.block_choice import BlockChoice as BlockChoice
    from vireid.nn.choice import Choice as Choice
    from vireid.nn.necks.fully_connected_neck import FullyConnectedNeck as FullyConnectedNeck
    from vireid.nn.necks.gem_pooling import GeMPooling as GeMPooling
    from vireid.nn.necks.modality_heads import ModalityHeads as ModalityHeads
    from vireid.nn.necks.neck import BNNeck as BNNeck
    from vireid.nn.necks.norm_neck import NormNeck as NormNeck
    from vireid.nn.necks.pooling import GlobalAveragePooling as GlobalAveragePooling, Pooling as Pooling
    from vireid.nn.norm.instance_batch_norm import InstanceBatchNorm2d as InstanceBatchNorm2d
    from vireid.nn.norm.norm_candidates import NORM_CANDIDATES as NORM_CANDIDATES
    from vireid.nn.norm.norm_choice import NormChoice as NormChoice
    from vireid.nn.norm.separate_bn import SeparateBatchNorm2d as SeparateBatchNorm2d
    from vireid.nn.norm.statistics import frozen_statistics as frozen_statistics
    from vireid.nn.per_modality import PerModality as PerModality
    from vireid.nn.reporting import Reporting as Reporting
    from vireid.structures.norm_candidates import CANDIDATES as CANDIDATES

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        ".attention.channel_graph": ["ChannelGraph"],
        ".attention.mixture_attention": ["MixtureOfSoftmaxAttention"],
        ".attention.non_local": ["NonLocal"],
        ".attention.one_versus_rest": ["OneVersusRest"],
        ".attention.position_graph": ["GlobalLocalReasoning", "PositionGraph"],
        ".block_choice": ["BlockChoice"],
        ".choice": ["Choice"],
        ".necks.fully_connected_neck": ["FullyConnectedNeck"],
        ".necks.gem_pooling": ["GeMPooling"],
        ".necks.modality_heads": ["ModalityHeads"],
        ".necks.neck": ["BNNeck"],
        ".necks.norm_neck": ["NormNeck"],
        ".necks.pooling": ["GlobalAveragePooling", "Pooling"],
        ".norm.instance_batch_norm": ["InstanceBatchNorm2d"],
        ".norm.norm_candidates": ["NORM_CANDIDATES"],
        ".norm.norm_choice": ["NormChoice"],
        ".norm.separate_bn": ["SeparateBatchNorm2d"],
        ".norm.statistics": ["frozen_statistics"],
        ".per_modality": ["PerModality"],
        ".reporting": ["Reporting"],
        "vireid.structures.norm_candidates": ["CANDIDATES"],
    },
)
