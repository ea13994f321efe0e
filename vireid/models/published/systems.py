"""Published projects whose checkpoints can be converted. This file has only names; the functions are imported for a conversion."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

    from vireid.models.published.loading import StateReport


class PublishedSystem(NamedTuple):
    """How to build a project's network with our parts, and how to fill it.

    Attributes:
        config: packaged configuration with its network.
        loader: file of this folder and function that copies its state dict into our network.
        classifier: end of the name of the entry whose rows are the identities; without it the network gets no classifier.
        undecided: an option that must be given, as the state dict does not say it, and what it is.
        options: further arguments of the loader.
    """

    config: str
    loader: str
    classifier: str = "classifier.weight"
    undecided: tuple[str, str] | None = None
    options: Mapping[str, Any] = {}

    def load(self, network: Any, state: Mapping[str, Tensor]) -> StateReport:
        """Copy a state dict of the project into our network, and tell what did not fit."""
        module, _, function = self.loader.partition(".")
        report: StateReport = getattr(importlib.import_module(f"{__package__}.{module}"), function)(network, state, **self.options)
        return report


SYSTEMS = {
    "cm-nas": PublishedSystem(
        "train/cm_nas.yaml",
        "cm_nas.load_cmnas_state",
        undecided=(
            "genotype",
            "which sites are separated: the .cfg list it was trained with, or a baseline such as all_shared",
        ),
    ),
    "agw": PublishedSystem("train/agw.yaml", "agw.load_agw_state"),
    "caj": PublishedSystem("train/caj.yaml", "agw.load_agw_state"),
    "cgrnet": PublishedSystem("train/cgrnet_full.yaml", "cgrnet.load_cgrnet_state"),
    "cdnet": PublishedSystem(
        "train/cdnet.yaml",
        "cdnet.load_cdnet_state",
        "global_classifier.weight",
        ("genotype", "which blocks it has: a best_genotype.json, or published for the authors' own"),
        {"classifiers": True},
    ),
    "hhrg": PublishedSystem("train/hhrg.yaml", "cgrnet.load_cgrnet_state", "fc_list.0.weight"),
    "iv-reid": PublishedSystem("train/iv_reid_sysu.yaml", "iv_reid.load_iv_reid_state", "share_classifier.weight"),
    "torchreid": PublishedSystem(
        "train/osnet_ain.yaml",
        "osnet.load_osnet_state",
        undecided=(
            "genotype",
            "which OSNet it is: osnet_ain, osnet_ibn, a genotype; or plain OSNet, all_shared with -c osnet_ain/osnet.yaml",
        ),
    ),
}
