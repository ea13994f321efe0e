"""Layers that know which rows of a batch are visible and which infrared, and the neck and pooling of a network."""

from vireid.nn.attention.channel_graph import ChannelGraph
from vireid.nn.attention.mixture_attention import MixtureOfSoftmaxAttention
from vireid.nn.attention.non_local import NonLocal
from vireid.nn.attention.one_versus_rest import OneVersusRest
from vireid.nn.attention.position_graph import GlobalLocalReasoning, PositionGraph
from vireid.nn.block_choice import BlockChoice
from vireid.nn.choice import Choice
from vireid.nn.necks.fully_connected_neck import FullyConnectedNeck
from vireid.nn.necks.gem_pooling import GeMPooling
from vireid.nn.necks.modality_heads import ModalityHeads
from vireid.nn.necks.neck import BNNeck
from vireid.nn.necks.norm_neck import NormNeck
from vireid.nn.necks.pooling import GlobalAveragePooling, Pooling
from vireid.nn.norm.instance_batch_norm import InstanceBatchNorm2d
from vireid.nn.norm.norm_candidates import CANDIDATES, NORM_CANDIDATES
from vireid.nn.norm.norm_choice import NormChoice
from vireid.nn.norm.separate_bn import SeparateBatchNorm2d
from vireid.nn.norm.statistics import frozen_statistics
from vireid.nn.per_modality import PerModality
from vireid.nn.reporting import Reporting

__all__ = [
    "CANDIDATES",
    "NORM_CANDIDATES",
    "BNNeck",
    "BlockChoice",
    "ChannelGraph",
    "Choice",
    "FullyConnectedNeck",
    "GeMPooling",
    "GlobalAveragePooling",
    "GlobalLocalReasoning",
    "InstanceBatchNorm2d",
    "MixtureOfSoftmaxAttention",
    "ModalityHeads",
    "NonLocal",
    "NormChoice",
    "NormNeck",
    "OneVersusRest",
    "PerModality",
    "Pooling",
    "PositionGraph",
    "Reporting",
    "SeparateBatchNorm2d",
    "frozen_statistics",
]
