"""Weights and genotype of a network in a folder, and the network that they rebuild."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch

from vireid.deploy.card import Card
from vireid.deploy.folder import GENOTYPE, WEIGHTS, check_files, read_card
from vireid.errors import CheckpointError, FolderError, SettingsError
from vireid.files import write_text_atomically
from vireid.importable import also_importable, importable
from vireid.models import BranchNetwork, ReIDNetwork
from vireid.settings import check_class_paths, check_objects, instantiate
from vireid.tasks import RetrainModule
from vireid.tasks.checkpoint_values import misfits
from vireid.torch_files import check_weights


def write_network(folder: Path, network: ReIDNetwork | BranchNetwork, card: Card) -> None:
    """Write weights and genotype.

    Raises:
        SettingsError: safetensors is absent.
    """
    state = {name: value.detach().cpu().clone().contiguous() for name, value in network.state_dict().items()}
    (folder / WEIGHTS).write_bytes(_safetensors().save(state, metadata={"format": "pt"}))
    genotype = card.task["init_args"].get("genotype")
    if isinstance(genotype, dict):
        write_text_atomically(folder / GENOTYPE, json.dumps(genotype, indent=1) + "\n")


def read_network(folder: str | os.PathLike[str], allowed: tuple[str, ...] = ()) -> tuple[ReIDNetwork | BranchNetwork, Card]:
    """The network of a folder, and its card; nothing that the folder brings is executed.

    Args:
        folder: the folder.
        allowed: class paths of the user that the card may name.

    Raises:
        MissingFileError: no folder, or no card in it.
        FolderError: it is damaged, or its weights are of another network.
        CheckpointError: the card names other classes.
        SettingsError: safetensors is absent.
    """
    card, name = read_card(folder), os.fspath(folder)
    check_files(Path(folder), card, [WEIGHTS])
    try:
        state = _safetensors().load_file(Path(folder) / WEIGHTS)
        check_weights(state, f"{WEIGHTS} of {name!r}")
    except SettingsError:
        raise
    except Exception as error:  # whatever the reader stumbles over
        raise FolderError(f"{name!r} is damaged: {error}") from error
    with also_importable(allowed), torch.random.fork_rng(devices=[]):
        settings = dict(card.task)
        check_class_paths(settings, importable())
        check_objects(settings, importable())
        module = instantiate(settings, importable())
    if not isinstance(module, RetrainModule):
        raise CheckpointError(f"The card of {name!r} describes a {type(module).__name__}, not a RetrainModule.")
    if differing := next(misfits(state, module.network.state_dict()), None):
        raise FolderError(f"{WEIGHTS} of {name!r} are of another network than the card describes: {differing}.")
    module.network.load_state_dict(state)
    return module.network, card


def _safetensors() -> Any:
    """The module of safetensors for torch.

    Raises:
        SettingsError: it is not installed.
    """
    try:
        import safetensors.torch
    except ImportError as error:
        raise SettingsError("Weights in a folder take safetensors: pip install 'vireid[export]'.") from error
    return safetensors.torch
