"""Published projects whose checkpoints can be converted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from torch import Tensor

from vireid.models import (
    StateReport,
    load_agw_state,
    load_cdnet_state,
    load_cgrnet_state,
    load_cmnas_state,
    load_iv_reid_state,
    load_osnet_state,
)


class PublishedSystem(NamedTuple):
    """How to build a project's network with our parts, and how to fill it.

    Attributes:
        config: packaged configuration with its network.
        load: copies its state dict into our network.
        classifier: end of the name of the entry whose rows are the identities; without it the network gets no classifier.
        undecided: an option that must be given, as the state dict does not say it, and what it is.
    """

    config: str
    load: Callable[[Any, Mapping[str, Tensor]], StateReport]
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
    "agw": PublishedSystem("train/agw.yaml", load_agw_state),
    "caj": PublishedSystem("train/caj.yaml", load_agw_state),
    "cgrnet": PublishedSystem("train/cgrnet_full.yaml", load_cgrnet_state),
    "cdnet": PublishedSystem(
        "train/cdnet.yaml",
        partial(load_cdnet_state, classifiers=True),
        "global_classifier.weight",
        ("genotype", "which blocks it has: a best_genotype.json, or published for the authors' own"),
    ),
    "hhrg": PublishedSystem("train/hhrg.yaml", load_cgrnet_state, "fc_list.0.weight"),
    "iv-reid": PublishedSystem("train/iv_reid_sysu.yaml", load_iv_reid_state, "share_classifier.weight"),
    "torchreid": PublishedSystem(
        "train/osnet_ain.yaml",
        load_osnet_state,
        undecided=(
            "genotype",
            "which OSNet it is: osnet_ain, osnet_ibn, a genotype; or plain OSNet, all_shared with -c osnet_ain/osnet.yaml",
        ),
    ),
}
