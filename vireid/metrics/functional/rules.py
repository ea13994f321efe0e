"""Rules of protocols: which gallery entries do not count for a query, and which kind of CMC curve is meant."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from vireid.structures import Rule

CMC = Literal["auto", "unique", "plain"]

SYSU_LOCATIONS = (0, 1, 2, 2, 4, 5, 6)
"""Location of camera 1 to 6: cameras 2 and 3 stand in the same room. Camera 0 does not exist."""


def check_rule(rule: str) -> None:
    """Raise ``ValueError`` if the rule does not exist."""
    if rule not in get_args(Rule):
        raise ValueError(f"`rule` must be one of {', '.join(get_args(Rule))}, got {rule!r}.")


def cmc_is_unique(rule: Rule, cmc: CMC) -> bool:
    """Whether each gallery identity counts once in the CMC curve, at its best rank.

    Raises:
        ValueError: ``cmc`` has another value.
    """
    if cmc not in get_args(CMC):
        raise ValueError(f'`cmc` must be "auto", "unique" or "plain", got {cmc!r}.')
    return rule in ("sysu", "llcm") if cmc == "auto" else cmc == "unique"


def check_camids(rule: Rule, name: str, camids: Tensor | None) -> None:
    """Raise ``ValueError`` if the rule needs camera numbers that are absent or impossible."""
    if rule == "regdb":
        return
    if camids is None:
        raise ValueError(f'`{name}` are needed: rule "{rule}" removes gallery entries by camera. (Rule "regdb" removes none.)')
    if rule == "sysu" and camids.numel() and not bool(((camids >= 1) & (camids <= 6)).all()):
        raise ValueError(f'`{name}` must be 1 to 6 for rule "sysu", got {int(camids.min())} to {int(camids.max())}.')


def removed(rule: Rule, query_camids: Tensor, gallery_camids: Tensor) -> Tensor | None:
    """``(Q, G)`` bool, true where a gallery entry does not count whatever its identity; ``None`` if the rule asks for the identity.

    ``sysu`` removes the query's own location.
    """
    if rule != "sysu":
        return None
    return _locations(query_camids)[:, None] == _locations(gallery_camids)


def removed_matches(rule: Rule, query_camids: Tensor, gallery_camids: Tensor) -> Tensor:
    """Bool, true where a gallery entry of the query's own identity does not count; shapes are broadcast.

    ``sysu`` removes the same location, ``llcm`` and ``market`` the same camera.
    """
    if rule == "sysu":
        return _locations(query_camids) == _locations(gallery_camids)
    return query_camids == gallery_camids


def _locations(camids: Tensor) -> Tensor:
    return torch.tensor(SYSU_LOCATIONS, dtype=torch.int8, device=camids.device)[camids]
