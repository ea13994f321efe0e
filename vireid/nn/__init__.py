"""Layers that know which rows of a batch are visible and which infrared, and the neck and pooling of a network."""

from vireid.nn.block_choice import BlockChoice
from vireid.nn.channel_graph import ChannelGraph
from vireid.nn.choice import Choice
from vireid.nn.fully_connected_neck import FullyConnectedNeck
from vireid.nn.gem_pooling import GeMPooling
from vireid.nn.instance_batch_norm import InstanceBatchNorm2d
from vireid.nn.mixture_attention import MixtureOfSoftmaxAttention
from vireid.nn.modality_heads import ModalityHeads
from vireid.nn.neck import BNNeck
from vireid.nn.non_local import NonLocal
from vireid.nn.norm_candidates import CANDIDATES, NORM_CANDIDATES
from vireid.nn.norm_choice import NormChoice
from vireid.nn.norm_neck import NormNeck
from vireid.nn.one_versus_rest import OneVersusRest
from vireid.nn.osnet_choice import SharedBlockChoice
from vireid.nn.per_modality import PerModality
from vireid.nn.pooling import GlobalAveragePooling, Pooling
from vireid.nn.position_graph import GlobalLocalReasoning, PositionGraph
from vireid.nn.report import Reporting
from vireid.nn.separate_bn import SeparateBatchNorm2d
from vireid.nn.statistics import frozen_statistics

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
    "SharedBlockChoice",
    "frozen_statistics",
]
