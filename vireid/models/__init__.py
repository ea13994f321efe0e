"""Complete networks, without training code."""

from vireid.models.backbone import Backbone
from vireid.models.branches import BranchedOutput, BranchNetwork
from vireid.models.conv_bias_part import ConvolutionBias
from vireid.models.counting import Counts, count
from vireid.models.heads.cdnet_necks import BalanceNeck, FineGrainedNeck, StandardNeck
from vireid.models.heads.heads import BalanceHead, BNNeckHead, FineGrainedHead, Head, StandardHead
from vireid.models.heads.mutual_head import MutualLearningHead, MutualLearningNetwork
from vireid.models.heads.osnet_head import FullyConnectedHead
from vireid.models.heads.stripe_head import StripeHead, StripeNeck
from vireid.models.network import NetworkOutput, ReIDNetwork
from vireid.models.parts.base import TrunkPart, TwoStreams, channels_after, insert_after, with_parts
from vireid.models.parts.graphs import ChannelGraphs, GlobalLocalGraphs, MixtureAttention, PositionGraphs
from vireid.models.parts.iv_reid import LinearStem
from vireid.models.parts.non_local import NonLocalBlocks
from vireid.models.published.agw import load_agw_state
from vireid.models.published.cdnet import load_cdnet_state, to_cdnet_state
from vireid.models.published.cgrnet import load_cgrnet_state
from vireid.models.published.cm_nas import load_cmnas_state, to_cmnas_state
from vireid.models.published.iv_reid import load_iv_reid_state
from vireid.models.published.loading import StateReport
from vireid.models.published.osnet import load_osnet_state
from vireid.models.trunks.cdnet import CDNetTrunk
from vireid.models.trunks.osnet import OSNETS, OSNetTrunk, build_osnet
from vireid.models.trunks.resnet import ResNetTrunk, build_resnet
from vireid.models.trunks.resnet_ibn import build_resnet_ibn

__all__ = [
    "OSNETS",
    "BNNeckHead",
    "Backbone",
    "BalanceHead",
    "BalanceNeck",
    "BranchNetwork",
    "BranchedOutput",
    "CDNetTrunk",
    "ChannelGraphs",
    "ConvolutionBias",
    "Counts",
    "FineGrainedHead",
    "FineGrainedNeck",
    "FullyConnectedHead",
    "GlobalLocalGraphs",
    "Head",
    "LinearStem",
    "MixtureAttention",
    "MutualLearningHead",
    "MutualLearningNetwork",
    "NetworkOutput",
    "NonLocalBlocks",
    "OSNetTrunk",
    "PositionGraphs",
    "ReIDNetwork",
    "ResNetTrunk",
    "StandardHead",
    "StandardNeck",
    "StateReport",
    "StripeHead",
    "StripeNeck",
    "TrunkPart",
    "TwoStreams",
    "build_osnet",
    "build_resnet",
    "build_resnet_ibn",
    "channels_after",
    "count",
    "insert_after",
    "load_agw_state",
    "load_cdnet_state",
    "load_cgrnet_state",
    "load_cmnas_state",
    "load_iv_reid_state",
    "load_osnet_state",
    "to_cdnet_state",
    "to_cmnas_state",
    "with_parts",
]
