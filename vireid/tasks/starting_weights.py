"""Where the trunk of a task starts: also at that of a checkpoint whose sites are chosen already, or hold every candidate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from torch import Tensor

from vireid.errors import CheckpointError
from vireid.models import Backbone
from vireid.models.published.loading import StateReport, read_state
from vireid.models.trunks.pretrained import TRUNK


def started(build: Callable[[str | None], Backbone], weights: str | None) -> Backbone:
    """The trunk that ``build`` makes, with its weights.

    Args:
        build: makes the trunk from the name or file of weights of the plain network; ``None`` for random weights.
        weights: a name or a file. The checkpoint of a task whose trunk has the same tensors as the one that is built gives all of them,
            the layers at its sites included; every other file is left to ``build``.
    """
    if weights is None:
        return build(None)
    whole = _state_of(weights)
    state = {name.removeprefix(TRUNK): value for name, value in whole.items() if name.startswith(TRUNK)}
    if state:
        made = build(None)
        mine = made.trunk.state_dict()
        if {name: value.shape for name, value in mine.items()} == {name: value.shape for name, value in state.items()}:
            made.trunk.load_state_dict(state)
            StateReport([], [name for name in whole if not name.startswith(TRUNK)]).log(weights)
            return made
    return build(weights)


def _state_of(weights: str) -> Mapping[str, Tensor]:
    """What a checkpoint of ours holds; nothing for a name, or for a file of others."""
    if not Path(weights).is_file():
        return {}
    try:
        return read_state(weights)
    except CheckpointError:  # the trunk may read other files, or says what is wrong
        return {}
