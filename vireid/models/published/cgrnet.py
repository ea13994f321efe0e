"""State dicts of the public code of CGRNet and of its follow-up HHRG, and ours.

The reference builds several whole ResNet-50s and runs a slice of each.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from vireid.models.published.loading import StateReport

_STREAM = {"visible": "visible", "infrared": "thermal"}
_CAM = {"visible": "cam1", "infrared": "cam2"}
_STEM = re.compile(r"backbone\.trunk\.(?P<layer>conv1|bn1|layer1)\.(?P<stream>visible|infrared)\.(?P<rest>.+)")
_HEADS = {
    "neck.norm.": "bottleneck.",
    "neck.parts.": "local_conv_list.",
    "neck.classifiers.": "fc_list.",
    "neck.relation.own.": "local_6_conv_list.",
    "neck.relation.rest.": "rest_6_conv_list.",
    "neck.relation.merged.": "relation_6_conv_list.",
    "neck.strips.0.": "local_conv.",
    "neck.strips.1.": "local_bn.",
    "backbone.trunk.layer2.reasoning.": "",
    "backbone.trunk.": "base_resnet.base.",
}
_DEAD_TRUNKS = r"(visible_module|thermal_module|visible_block|thermal_block|common_block|base_resnet)\."
_DEAD_HEADS = r"(fc|global_6_(max|rest|pooling)_conv_list|fc_(local|rest|local_rest|global|global_max|global_rest)_6_list)\."
_DEAD = re.compile(f"{_DEAD_TRUNKS}|{_DEAD_HEADS}")


def cgrnet_name(name: str, hhrg: bool = False) -> str:
    """Name in the public code of an entry of our network's state.

    Args:
        name: ours.
        hhrg: that code's follow-up, which keeps ``layer1`` and ``layer2`` at other places.

    Example:
        >>> cgrnet_name("backbone.trunk.layer1.infrared.0.conv1.weight"), cgrnet_name("backbone.trunk.layer1.visible.channel_graph.gamma")
        ('thermal_block.base.layer1.0.conv1.weight', 'cam1.gamma')
        >>> cgrnet_name("neck.relation.rest.5.0.weight", hhrg=True)
        'rest_6_conv_list.5.0.weight'
    """
    if stem := _STEM.fullmatch(name):
        if stem["rest"] == "channel_graph.gamma":
            return f"{_CAM[stem['stream']]}.gamma"
        stream = _STREAM[stem["stream"]]
        block = stem["layer"] == "layer1" and not hhrg
        return f"{stream}_block.base.layer1.{stem['rest']}" if block else f"{stream}_module.{stream}.{stem['layer']}.{stem['rest']}"
    for ours, theirs in _HEADS.items():
        if name.startswith(ours):
            renamed = theirs + name.removeprefix(ours)
            return renamed if hhrg else renamed.replace("base_resnet.base.layer2.", "common_block.base.layer2.")
    return name


@torch.no_grad()
def load_cgrnet_state(network: nn.Module, state: Mapping[str, Tensor]) -> StateReport:
    """Copy a state dict of the public code of CGRNet or HHRG into a network with the same parts.

    Args:
        network: ours: :class:`~vireid.models.TwoStreams` up to ``layer1``; for CGRNet :class:`~vireid.models.ChannelGraphs` before it and,
            where they were trained, :class:`~vireid.models.GlobalLocalGraphs`; for HHRG :class:`~vireid.models.StripeHead`.
        state: the reference's, of HHRG if it has ``local_conv_list``; a ``module.`` prefix (data parallel) is stripped.

    Returns:
        Names that did not fit, as each side has them; ignored are the layers of the ResNets and the classifiers that never run.

    Raises:
        ValueError: an entry has another shape.

    Example::

        report = load_cgrnet_state(network, torch.load("best.t", weights_only=True)["net"])
        print(report.missing, report.unused)
    """
    theirs = {name.removeprefix("module."): value for name, value in state.items()}
    hhrg = any(name.startswith("local_conv_list.") for name in theirs)
    missing = []
    for name, value in network.state_dict().items():
        other = cgrnet_name(name, hhrg)
        if other not in theirs:
            missing.append(name)
            continue
        found = theirs.pop(other)
        if found.shape != value.shape:
            raise ValueError(f"{other} has shape {tuple(found.shape)}, but {name} needs {tuple(value.shape)}.")
        value.copy_(found)
    dead = [name for name in theirs if _DEAD.match(name)]
    return StateReport(missing, [name for name in theirs if name not in dead], dead)
