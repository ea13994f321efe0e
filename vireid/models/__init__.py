"""Complete networks, without training code."""

from vireid.models.agw_state import load_agw_state
from vireid.models.backbone import Backbone
from vireid.models.branches import BranchedOutput, BranchNetwork
from vireid.models.cdnet import CDNetTrunk
from vireid.models.cdnet_necks import BalanceNeck, FineGrainedNeck, StandardNeck
from vireid.models.cdnet_state import load_cdnet_state, to_cdnet_state
from vireid.models.cgrnet_state import load_cgrnet_state
from vireid.models.cmnas_state import load_cmnas_state, to_cmnas_state
from vireid.models.conv_bias_part import ConvolutionBias
from vireid.models.counting import Counts, count
from vireid.models.graph_parts import ChannelGraphs, GlobalLocalGraphs, MixtureAttention, PositionGraphs
from vireid.models.heads import BalanceHead, BNNeckHead, FineGrainedHead, Head, StandardHead
from vireid.models.iv_reid_state import load_iv_reid_state
from vireid.models.mutual_head import MutualLearningHead, MutualLearningNetwork
from vireid.models.network import NetworkOutput, ReIDNetwork
from vireid.models.non_local_part import NonLocalBlocks
from vireid.models.osnet import OSNETS, OSNetTrunk, build_osnet
from vireid.models.osnet_head import FullyConnectedHead
from vireid.models.osnet_state import load_osnet_state
from vireid.models.published_state import StateReport
from vireid.models.resnet import ResNetTrunk, build_resnet
from vireid.models.resnet_ibn import build_resnet_ibn
from vireid.models.stem_part import LinearStem
from vireid.models.stripe_head import StripeHead, StripeNeck
from vireid.models.trunk_parts import TrunkPart, TwoStreams, channels_after, insert_after, with_parts

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
