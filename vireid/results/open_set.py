"""People who may be unknown, in the trials of a protocol: all of them are in the gallery, so each is searched with himself taken out."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vireid.metrics import Searches, search_people
from vireid.metrics.functional.rules import removed, removed_matches
from vireid.structures import Rule, Trial


def unit_rows(embeddings: Tensor) -> NDArray[np.float32]:
    """Embeddings of length 1."""
    return np.asarray(torch.nn.functional.normalize(embeddings.detach().float(), dim=1).cpu().numpy())


def search_trial(trial: Trial, rule: Rule, unit: NDArray[np.float32], pids: Tensor, camids: Tensor) -> Searches:
    """The best scores of every query of a trial, by cosine; entries that the rule removes do not count.

    Args:
        trial: query and gallery rows.
        rule: which gallery entries do not count, see :func:`~vireid.metrics.functional.evaluate`.
        unit: ``(N, D)`` embeddings of length 1.
        pids, camids: ``(N,)`` labels.
    """
    query, gallery = torch.from_numpy(trial.query), torch.from_numpy(trial.gallery)
    gallery_rows = unit[trial.gallery]

    def ignored(rows: slice) -> NDArray[np.bool_]:
        part = query[rows]
        q_camids, g_camids = camids[part], camids[gallery]
        gone = removed(rule, q_camids, g_camids)  # (q, G)
        if gone is None:
            gone = (pids[part][:, None] == pids[gallery]) & removed_matches(rule, q_camids[:, None], g_camids)
        return np.asarray(gone.numpy())

    return search_people(
        lambda rows: unit[trial.query[rows]] @ gallery_rows.T,
        pids[query].numpy(),
        pids[gallery].numpy(),
        None if rule == "regdb" else ignored,
    )
