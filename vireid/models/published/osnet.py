"""Published OSNet checkpoints, of both families of names, and ours."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from torch import Tensor, nn

from vireid.errors import SettingsError
from vireid.models.published.loading import StateReport, misfit, other_shapes, read_state, shown

_STREAM = re.compile(r"(?P<block>conv\d\.\d)\.conv2(?P<stream>[a-d])\.(?P<rest>.+)")
_INDEXED = re.compile(r"(?P<layer>\d)\.(?P<entry>.+)")
_TRANSITION = re.compile(r"conv(?P<stage>[23])\.2\.(?P<rest>.+)")
_CANDIDATE = re.compile(r"(?P<block>conv\d\.\d)\.os_block\.(?P<index>[0-3])\.(?P<rest>.+)")
_PLACEMENTS = ("none", "in", "out", "inout")


def current_name(name: str) -> str:
    """Name of a published entry in the family of OSNet-AIN, which is ours.

    Published OSNet and OSNet-IBN number streams by letter and put transitions into the stages; OSNet-AIN's do not. Both say
    ``os_block.0`` where our supernet says ``layers.none``.

    Example:
        >>> current_name("conv2.0.conv2a.conv1.weight"), current_name("conv2.0.conv2c.1.bn.bias")
        ('conv2.0.conv2.0.layers.0.conv1.weight', 'conv2.0.conv2.2.layers.1.bn.bias')
        >>> current_name("conv3.2.0.conv.weight"), current_name("conv4.1.os_block.3.IN_in.weight")
        ('pool3.0.conv.weight', 'conv4.1.layers.inout.IN_in.weight')
    """
    if stream := _STREAM.fullmatch(name):
        found = _INDEXED.fullmatch(stream["rest"])
        layer, entry = (found["layer"], found["entry"]) if found else ("0", stream["rest"])
        return f"{stream['block']}.conv2.{'abcd'.index(stream['stream'])}.layers.{layer}.{entry}"
    if transition := _TRANSITION.fullmatch(name):
        return f"pool{transition['stage']}.{transition['rest']}"
    if candidate := _CANDIDATE.fullmatch(name):
        return f"{candidate['block']}.layers.{_PLACEMENTS[int(candidate['index'])]}.{candidate['rest']}"
    return name


def load_osnet_state(network: nn.Module, state: Mapping[str, Tensor]) -> StateReport:
    """Copy what fits of a published state dict into a trunk, a backbone or a whole :class:`~vireid.models.ReIDNetwork`.

    Args:
        network: ours; its embedding layer must be a :class:`~vireid.nn.FullyConnectedNeck` to take the published one.
        state: of either family of names; a ``module.`` prefix (data parallel) is stripped.

    Returns:
        Names that did not fit: ``missing`` entries of ours, and ``unused`` ones of the file, each as it stands there. An entry of
        another shape (the classifier of another data set) is in both.

    Example:
        >>> import torch
        >>> trunk = nn.Sequential(nn.Conv2d(3, 4, 1))
        >>> load_osnet_state(trunk, {"0.weight": torch.zeros(4, 3, 1, 1), "classifier.bias": torch.zeros(10)})
        StateReport(missing=['0.bias'], unused=['classifier.bias'], ignored=())
    """
    theirs = {_current(name): (name, value) for name, value in state.items()}
    missing = []
    for name, value in network.state_dict().items():
        published = _without_parts(name)
        if published not in theirs or theirs[published][1].shape != value.shape:
            missing.append(name)
            continue
        value.copy_(theirs.pop(published)[1])
    return StateReport(missing, [name for name, _ in theirs.values()])


def load_reported(network: nn.Module, path: str | os.PathLike[str]) -> StateReport:
    """:func:`load_osnet_state` of a file, with a log of what did not fit.

    Raises:
        SettingsError: nothing fits, or an entry has another shape, as in a network of another width.
        MissingFileError, CheckpointError: see :func:`read_state`.
    """
    state = read_state(path)
    ours = {_without_parts(name): value for name, value in network.state_dict().items()}
    if shapes := other_shapes(ours, {_current(name): value for name, value in state.items()}):
        raise misfit(path, "this OSNet", [], shapes)
    report = load_osnet_state(network, state)
    if len(report.unused) == len(state):
        raise SettingsError(f"No entry of {os.fspath(path)!r} fits; its names are {shown(report.unused)}.")
    report.log(path)
    return report


def _current(name: str) -> str:
    return current_name(name.removeprefix("module."))


def _without_parts(name: str) -> str:
    return name.removeprefix("backbone.").removeprefix("trunk.").removeprefix("neck.")
