"""Complete networks, without training code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vireid.lazy import lazy

if TYPE_CHECKING:
    from vireid.models.backbone import Backbone as Backbone
    from vireid.models.branches import BranchNeck as BranchNeck, BranchNetwork as BranchNetwork
    from vireid.models.counting import Counts as Counts, count as count
    from vireid.models.heads.base import Head as Head
    from vireid.models.heads.bn_neck_head import BNNeckHead as BNNeckHead
    from vireid.models.heads.cdnet_heads import (
        BalanceHead as BalanceHead,
        FineGrainedHead as FineGrainedHead,
        StandardHead as StandardHead,
    )
    from vireid.models.heads.cdnet_necks import BalanceNeck as BalanceNeck, FineGrainedNeck as FineGrainedNeck, StandardNeck as StandardNeck
    from vireid.models.heads.mutual_head import MutualLearningHead as MutualLearningHead, MutualLearningNetwork as MutualLearningNetwork
    from vireid.models.heads.osnet_head import FullyConnectedHead as FullyConnectedHead
    from vireid.models.heads.stripe_head import StripeHead as StripeHead, StripeNeck as StripeNeck
    from vireid.models.network import ReIDNetwork as ReIDNetwork
    from vireid.models.output import Branch as Branch, NetworkOutput as NetworkOutput
    from vireid.models.parts.base import (
        TrunkPart as TrunkPart,
        TwoStreams as TwoStreams,
        channels_after as channels_after,
        insert_after as insert_after,
        with_parts as with_parts,
    )
    from vireid.models.parts.graphs import (
        ChannelGraphs as ChannelGraphs,
        GlobalLocalGraphs as GlobalLocalGraphs,
        MixtureAttention as MixtureAttention,
        PositionGraphs as PositionGraphs,
    )
    from vireid.models.parts.iv_reid import ConvolutionBias as ConvolutionBias, LinearStem as LinearStem
    from vireid.models.parts.non_local import NonLocalBlocks as NonLocalBlocks
    from vireid.models.published.agw import load_agw_state as load_agw_state
    from vireid.models.published.cdnet import load_cdnet_state as load_cdnet_state, to_cdnet_state as to_cdnet_state
    from vireid.models.published.cgrnet import load_cgrnet_state as load_cgrnet_state
    from vireid.models.published.cm_nas import load_cmnas_state as load_cmnas_state, to_cmnas_state as to_cmnas_state
    from vireid.models.published.iv_reid import load_iv_reid_state as load_iv_reid_state
    from vireid.models.published.loading import StateReport as StateReport
    from vireid.models.published.osnet import load_osnet_state as load_osnet_state
    from vireid.models.trunks.base import Trunk as Trunk
    from vireid.models.trunks.cdnet import CDNet as CDNet, CDNetTrunk as CDNetTrunk
    from vireid.models.trunks.osnet import OSNETS as OSNETS, OSNet as OSNet, OSNetTrunk as OSNetTrunk, build_osnet as build_osnet
    from vireid.models.trunks.pretrained import load_weights as load_weights
    from vireid.models.trunks.resnet import ResNet as ResNet, ResNetTrunk as ResNetTrunk, build_resnet as build_resnet
    from vireid.models.trunks.resnet_ibn import build_resnet_ibn as build_resnet_ibn
    from vireid.models.trunks.timm import Timm as Timm
    from vireid.models.trunks.torchvision import Torchvision as Torchvision

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        ".backbone": ["Backbone"],
        ".branches": ["BranchNeck", "BranchNetwork"],
        ".counting": ["Counts", "count"],
        ".heads.base": ["Head"],
        ".heads.bn_neck_head": ["BNNeckHead"],
        ".heads.cdnet_heads": ["BalanceHead", "FineGrainedHead", "StandardHead"],
        ".heads.cdnet_necks": ["BalanceNeck", "FineGrainedNeck", "StandardNeck"],
        ".heads.mutual_head": ["MutualLearningHead", "MutualLearningNetwork"],
        ".heads.osnet_head": ["FullyConnectedHead"],
        ".heads.stripe_head": ["StripeHead", "StripeNeck"],
        ".network": ["ReIDNetwork"],
        ".output": ["Branch", "NetworkOutput"],
        ".parts.base": ["TrunkPart", "TwoStreams", "channels_after", "insert_after", "with_parts"],
        ".parts.graphs": ["ChannelGraphs", "GlobalLocalGraphs", "MixtureAttention", "PositionGraphs"],
        ".parts.iv_reid": ["ConvolutionBias", "LinearStem"],
        ".parts.non_local": ["NonLocalBlocks"],
        ".published.agw": ["load_agw_state"],
        ".published.cdnet": ["load_cdnet_state", "to_cdnet_state"],
        ".published.cgrnet": ["load_cgrnet_state"],
        ".published.cm_nas": ["load_cmnas_state", "to_cmnas_state"],
        ".published.iv_reid": ["load_iv_reid_state"],
        ".published.loading": ["StateReport"],
        ".published.osnet": ["load_osnet_state"],
        ".trunks.base": ["Trunk"],
        ".trunks.cdnet": ["CDNet", "CDNetTrunk"],
        ".trunks.osnet": ["OSNETS", "OSNet", "OSNetTrunk", "build_osnet"],
        ".trunks.pretrained": ["load_weights"],
        ".trunks.resnet": ["ResNet", "ResNetTrunk", "build_resnet"],
        ".trunks.resnet_ibn": ["build_resnet_ibn"],
        ".trunks.timm": ["Timm"],
        ".trunks.torchvision": ["Torchvision"],
    },
)
