"""The network that a checkpoint of ours was tested with, and what is to know of it."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from typing import Any

import torch

from vireid.data import IMAGENET_MEAN, IMAGENET_STD, Augmentation
from vireid.data.modules.loading import LONGEST_SIDE
from vireid.data.pixels import check_range
from vireid.deploy.card import Card, Preparation
from vireid.deploy.model_digest import model_digest
from vireid.errors import SettingsError
from vireid.importable import also_importable, importable
from vireid.models import BranchNetwork, ReIDNetwork
from vireid.settings import instantiate
from vireid.structures import Modality
from vireid.tasks import RetrainModule, Retrieval, TaskEvaluation, read_checkpoint
from vireid.tasks.checkpoints import SECTION

LICENCE = "The licence of the training images and of the initial weights may bind the use of this network."


def trained_network(
    path: str | os.PathLike[str], height: int | None = None, width: int | None = None, allowed: tuple[str, ...] = ()
) -> tuple[ReIDNetwork | BranchNetwork, Card]:
    """The network inside ``evaluated_network()`` of the task, and its card.

    Args:
        path: the checkpoint.
        height, width: size of the network's input, for a checkpoint without data settings.
        allowed: class paths of the user that the file may name.

    Raises:
        MissingFileError, CheckpointError: no such file, damaged, not ours, or naming other classes.
        SettingsError: it holds no network that was trained to be evaluated, or the size is not known or known already.
    """
    with also_importable(allowed):
        section = read_checkpoint(path, allowed=importable())[SECTION]
        preparations = _preparations(section.get("data"), height, width, os.fspath(path))
        module: RetrainModule = RetrainModule.load_from_checkpoint(path, allowed=allowed)
    module.eval()
    averaged = module.ema is not None and module.ema.mode == "average" and bool(module.ema.shadow)
    with module.evaluated_network():
        network = copy.deepcopy(module.network)
    task = _task(section["model"])
    provenance = {
        "genotype": dict(module.genotype.provenance),
        "training_data": (section.get("data") or {}).get("class_path"),
        "licence": LICENCE,
    }
    card = described(network, task, preparations, module.evaluation, averaged, provenance)
    return network, card


def described(
    network: ReIDNetwork | BranchNetwork,
    task: Mapping[str, Any],
    preparations: Mapping[Modality, Preparation],
    evaluation: TaskEvaluation,
    averaged: bool,
    provenance: Mapping[str, Any],
) -> Card:
    """The card of a network.

    Args:
        network: with the weights that are evaluated.
        task: settings that rebuild it.
        preparations: for each modality, how images reach it.
        evaluation: what was compared.
        averaged: whether the weights are an average.
        provenance: where it comes from.
    """
    assert isinstance(evaluation, Retrieval)  # that of a RetrainModule
    how = preparations[Modality.VISIBLE]
    with torch.inference_mode():
        compared = evaluation.compared(network.eval()(torch.zeros(1, 3, how.height, how.width), 1))
    digest = model_digest(network.state_dict(), task, preparations, evaluation.feature, evaluation.flip)
    return Card(
        digest,
        int(compared.shape[1]),
        dict(preparations),
        evaluation.feature,
        "average" if averaged else "raw",
        evaluation.flip,
        task,
        provenance=provenance,
    )


def _task(model: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of the task; the checkpoint brings its weights, so that no file is named."""
    return {"class_path": model["class_path"], "init_args": {**model["init_args"], "weights": None}}


def _preparations(data: Any, height: int | None, width: int | None, name: str) -> dict[Modality, Preparation]:
    arguments = (data or {}).get("init_args", {})
    if "height" not in arguments:
        if height is None or width is None:
            raise SettingsError(
                f"{name!r} does not say which size of images its network takes: give `height` and `width`, such as 256, 128."
            )
        arguments = {"height": height, "width": width}
    elif height is not None or width is not None:
        size = f"{arguments['height']} x {arguments['width']}"
        raise SettingsError(f"{name!r} says that its network takes images of {size}: leave `height` and `width` out.")
    for side in ("height", "width"):
        if not (type(arguments.get(side)) is int and 1 <= arguments[side] <= LONGEST_SIDE):
            raise SettingsError(f"`{side}` of {name!r} must be a whole number from 1 to {LONGEST_SIDE}, got {arguments.get(side)!r}.")
    settings = arguments.get("augmentation")
    augmentation: Augmentation | None = None if settings is None else instantiate(settings, importable(), of_kind=Augmentation)
    mean, std = (IMAGENET_MEAN, IMAGENET_STD) if augmentation is None else (augmentation.mean, augmentation.std)
    found = {}
    for modality in Modality:
        own_mean, own_std = (values[modality.name.lower()] if isinstance(values, dict) else values for values in (mean, std))
        pixel_range = check_range(arguments.get("pixel_range"))
        found[modality] = Preparation(arguments["height"], arguments["width"], own_mean, own_std, pixel_range)
    return found
