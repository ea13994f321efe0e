"""State dicts of the published CNet and CDNet code, and ours."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from vireid.errors import CheckpointError
from vireid.models.backbone import Backbone
from vireid.models.branches import BranchNetwork
from vireid.models.heads.cdnet_necks import BalanceNeck
from vireid.models.published.loading import StateReport, misfit, other_shapes, read_state


def cdnet_name(name: str, global_only: bool = False) -> str:
    """Name in a published checkpoint of an entry of our network's state.

    Args:
        name: ours.
        global_only: whether the neck is the one branch of ImageNet training, a :class:`~vireid.models.BalanceNeck` here.

    Example:
        >>> cdnet_name("backbone.trunk.stem.conv1.op.0.weight"), cdnet_name("neck.fcs.0.weight", global_only=True)
        ('base.stem.conv1.op.0.weight', 'neck.global_fcs.0.weight')
    """
    name = re.sub(r"^(backbone\.)?trunk\.", "base.", name)
    if global_only:
        name = name.replace("neck.fcs.", "neck.global_fcs.", 1).replace("neck.classifier.", "neck.global_classifier.", 1)
    return name


@torch.no_grad()
def load_cdnet_state(network: Backbone | BranchNetwork, state: Mapping[str, Tensor], classifiers: bool = False) -> StateReport:
    """Copy what fits of a published state dict, and say what did not.

    An entry that the state lacks, or has in another shape, keeps its value. The published loading fails at the first such entry, and so
    cannot give weights of ImageNet's neck of one branch to a network with the neck of two.

    Args:
        network: ours, over a :class:`~vireid.models.CDNetTrunk` of the same genotype; or its backbone alone.
        state: the published one, where a ``module.`` prefix (data parallel) is stripped; or that of a checkpoint of ours.
        classifiers: whether classifiers are copied too; weights for other identities or for ImageNet's classes have none to give.

    Returns:
        Entries of ours that kept their values, and entries of the state that were not used; counters aside.

    Raises:
        CheckpointError: nothing of the trunk fitted.

    Example::

        report = load_cdnet_state(network, torch.load("best.pth", weights_only=True))
        print(report.missing, report.unused)
    """
    theirs = _published(state)
    global_only = isinstance(getattr(network, "neck", None), BalanceNeck) and any(name.startswith("neck.global_fcs.") for name in theirs)
    ours = {cdnet_name(name, global_only): value for name, value in network.state_dict().items()}
    fitting = {name for name, value in ours.items() if name in theirs and theirs[name].shape == value.shape}
    used = {name for name in fitting if classifiers or "classifier" not in name}
    if not any(name.startswith("base.") for name in used):
        raise CheckpointError(
            f"No weight of the trunk fits: expected entries such as {next(iter(ours))!r} of this network's shapes, got "
            f"{', '.join(map(repr, list(theirs)[:3])) or 'none'}. Check genotype and widths."
        )
    for name in used:
        ours[name].copy_(theirs[name])
    kept = [name for name in ours if name not in used and not name.endswith("num_batches_tracked")]
    return StateReport(kept, [name for name in theirs if name not in used and not name.endswith("num_batches_tracked")])


def load_reported(backbone: Backbone, path: str | os.PathLike[str]) -> StateReport:
    """:func:`load_cdnet_state` of a file into a backbone, with a log of what did not fit. The names may be those of the trunk alone.

    Raises:
        SettingsError: an entry has another shape, as in a network of another width.
        MissingFileError, CheckpointError: see ``read_state`` and :func:`load_cdnet_state`.
    """
    bare = backbone.trunk.state_dict()
    state = {f"trunk.{name}" if name in bare else name: value for name, value in read_state(path).items()}
    if shapes := other_shapes({cdnet_name(name): value for name, value in backbone.state_dict().items()}, _published(state)):
        raise misfit(path, "this CDNet", [], shapes)
    report = load_cdnet_state(backbone, state)
    report.log(path)
    return report


def _published(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {cdnet_name(name.removeprefix("module.").removeprefix("network.")): value for name, value in state.items()}


def to_cdnet_state(network: nn.Module) -> dict[str, Tensor]:
    """Copies of a network's state in the published names.

    Example::

        torch.save(to_cdnet_state(network), "child.pth")
    """
    return {cdnet_name(name): value.detach().clone() for name, value in network.state_dict().items()}
