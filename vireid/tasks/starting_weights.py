"""Where the trunk of a task starts: also at that of a checkpoint whose sites are chosen already, or hold every candidate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from torch import Tensor

from vireid.errors import CheckpointError
from vireid.models import Backbone
from vireid.models.published.loading import read_state
from vireid.models.trunks.pretrained import TRUNK


def started(build: Callable[[str | None], Backbone], weights: str | None) -> Backbone:
    """The trunk that ``build`` makes, with its weights.

    Args:
        build: makes the trunk from the name or file of weights of the plain network; ``None`` for random weights.
        weights: a name or a file. The checkpoint of a task whose trunk has the same tensors as the one that is built gives all of them,
            the layers at its sites included; every other file is left to ``build``.
    """
    state = _trunk_of(weights)
    if state:
        made = build(None)
        mine = made.trunk.state_dict()
        if {name: value.shape for name, value in mine.items()} == {name: value.shape for name, value in state.items()}:
            made.trunk.load_state_dict(state)
            return made
    return build(weights)


def _trunk_of(weights: str | None) -> Mapping[str, Tensor]:
    """The trunk in a checkpoint of ours; nothing for a name, or for a file of others."""
    if weights is None or not Path(weights).is_file():
        return {}
    try:
        state = read_state(weights)
    except CheckpointError:  # the trunk may read other files, or says what is wrong
        return {}
    return {name.removeprefix(TRUNK): value for name, value in state.items() if name.startswith(TRUNK)}
