"""Published projects whose checkpoints can be converted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from torch import Tensor, nn

from vireid.models import StateReport, load_cmnas_state, load_osnet_state


class PublishedSystem(NamedTuple):
    """How to build a project's network with our parts, and how to fill it.

    Attributes:
        config: packaged configuration with its network.
        load: copies its state dict into our network.
        classifier: entry of the state dict whose rows are the identities; without it the network gets no classifier.
        undecided: an option that must be given, as the state dict does not say it, and what it is.
    """

    config: str
    load: Callable[[nn.Module, Mapping[str, Tensor]], StateReport]
    classifier: str = "classifier.weight"
    undecided: tuple[str, str] | None = None


SYSTEMS = {
    "cm-nas": PublishedSystem(
        "train/cm_nas.yaml",
        load_cmnas_state,
        undecided=(
            "genotype",
            "which sites are separated: the .cfg list it was trained with, or a baseline such as all_shared",
        ),
    ),
    "torchreid": PublishedSystem(
        "train/osnet_ain.yaml", load_osnet_state, undecided=("genotype", "which OSNet it is: osnet_ain, osnet_ibn, all_none, or a genotype")
    ),
}
