"""Complete networks, without training code."""

from vireid.models.backbone import Backbone
from vireid.models.cmnas_state import StateReport, load_cmnas_state, to_cmnas_state
from vireid.models.network import NetworkOutput, ReIDNetwork
from vireid.models.resnet import ResNetTrunk, build_resnet

__all__ = [
    "Backbone",
    "NetworkOutput",
    "ReIDNetwork",
    "ResNetTrunk",
    "StateReport",
    "build_resnet",
    "load_cmnas_state",
    "to_cmnas_state",
]
