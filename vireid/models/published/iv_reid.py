"""State dicts of the public IV-REID code, and ours."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from vireid.models.network import ReIDNetwork
from vireid.models.published.loading import StateReport

_HEADS = {"visible": "rgb", "infrared": "ir"}
_LAYERS = {"norm": "bn", "fc1": "fc1", "fc2": "fc2"}
_HEAD = re.compile(r"^modality_heads\.(?P<modality>visible|infrared)\.(?P<layer>norm|fc1|fc2)\.(?P<entry>.+)$")
_PARTS = {"backbone.trunk.": "model.base.", "neck.norm.": "model.bottleneck.", "classifier.": "model.share_classifier."}


def iv_reid_name(name: str) -> str:
    """Name in the public code of an entry of our network's state; its two modules are ``model`` and ``ide_net``.

    Example:
        >>> iv_reid_name("backbone.trunk.layer1.0.conv1.bias"), iv_reid_name("neck.norm.weight")
        ('model.base.layer1.0.conv1.bias', 'model.bottleneck.weight')
        >>> iv_reid_name("modality_heads.infrared.norm.weight")
        'ide_net.ir_bn.weight'
    """
    if head := _HEAD.match(name):
        return f"ide_net.{_HEADS[head['modality']]}_{_LAYERS[head['layer']]}.{head['entry']}"
    for ours, theirs in _PARTS.items():
        if name.startswith(ours):
            return theirs + name.removeprefix(ours)
    return name


@torch.no_grad()
def load_iv_reid_state(network: ReIDNetwork, state: Mapping[str, Tensor]) -> StateReport:
    """Copy a state of the public code into a network that :class:`~vireid.models.MutualLearningHead` built.

    For every entry the trunk needs :class:`~vireid.models.ConvolutionBias`, and to give the same numbers also
    :class:`~vireid.models.LinearStem`. The public code saves its ``model`` alone, as a pickled object: give that object's state dict.

    Args:
        network: ours, of the same depth and number of classes.
        state: theirs, of ``model`` (with or without the prefix ``model.``) and, behind ``ide_net.``, of the modality classifiers;
            a ``module.`` prefix (data parallel) is stripped.

    Returns:
        Names that did not fit, as each side has them.

    Raises:
        ValueError: an entry has another shape.

    Example::

        report = load_iv_reid_state(network, torch.load("best.pth", weights_only=True))
        print(report.missing, report.unused)
    """
    plain = {name.removeprefix("module."): value for name, value in state.items()}
    theirs = {name if name.startswith(("model.", "ide_net.")) else f"model.{name}": (name, value) for name, value in plain.items()}
    missing = []
    for name, value in network.state_dict().items():
        other = iv_reid_name(name)
        if other not in theirs:
            missing.append(name)
            continue
        published, found = theirs.pop(other)
        if found.shape != value.shape:
            raise ValueError(f"{published} has shape {tuple(found.shape)}, but {name} needs {tuple(value.shape)}.")
        value.copy_(found)
    return StateReport(missing, [name for name, _ in theirs.values()])
