"""Differentiable average precision of the rankings within a batch."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from vireid.losses.base import Loss, check_modalities
from vireid.losses.checks import check_columns, check_labels, check_on_device, check_rows, check_temperature
from vireid.losses.distances import FLOOR, full_precision, no_autocast
from vireid.losses.inputs import Level, LossInputs

LARGEST = 2**24  # numbers of a batch that is ranked whole: 64 MiB


def smooth_average_precision(
    queries: Tensor,
    gallery: Tensor,
    query_labels: Tensor,
    gallery_labels: Tensor,
    temperature: float = 0.02,
    leave_one_out: bool = False,
) -> Tensor:
    """1 minus the mean average precision of queries in a gallery, with sigmoids in place of the step functions that give ranks.

    Rows are divided by their L2 norm; ``s_j`` is the cosine of the query and row j of the gallery, P the rows with the query's label.
    The average precision of a query is the mean over i in P of ``p_i / r_i``, where ``r_i = 1 + sum over j != i of
    sigmoid((s_j - s_i) / temperature)`` is the rank of i, and ``p_i`` is the same sum over j in P, its rank among the matches.

    - If the temperature goes to 0, the loss tends to 1 - AP.
    - Equal cosines count half a rank each.
    - A query with one match has the average precision ``1 / r``.
    - A query without a match is left out, as in CMC and mAP.

    Batches are ranked without waiting for their device, with memory for Q x G x G numbers. Where these are more than 2^24, only matches are
    ranked: memory then grows with the number of pairs of a query and a match, times G, and the function waits once, to count the pairs.

    Args:
        queries: ``(Q, d)`` rows, any scale.
        gallery: ``(G, d)`` rows, any scale.
        query_labels: ``(Q,)`` integers.
        gallery_labels: ``(G,)`` integers.
        temperature: temperature of the sigmoids, in units of the cosine, above 0. The paper's is 0.01.
        leave_one_out: whether row i of the gallery is query i itself, and is left out of its ranking.

    Returns:
        Scalar without weight, in [0, 1).

    Raises:
        ValueError: the shapes do not fit, the temperature is out of range, or no query has a match. That is found on the device, so a GPU
            ends the run by an error of its own instead, with the same words.

    Example:
        >>> gallery, labels = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]), torch.tensor([7, 8, 7])
        >>> smooth_average_precision(gallery[:1], gallery, labels[:1], labels)  # matches at ranks 1 and 3: AP = (1 + 2/3) / 2
        tensor(0.1667)

    Reference:
        Brown, Xie, Kalogeiton, Zisserman: Smooth-AP: Smoothing the Path Towards Large-Scale Image Retrieval, ECCV 2020. There every
        row of a batch is a query among the others (``leave_one_out``).
    """
    precisions = soft_average_precisions(queries, gallery, query_labels, gallery_labels, temperature, leave_one_out)
    found = ~precisions.isnan()
    rest = " other than the query itself" if leave_one_out else ""
    check_on_device(found.any(), f"No query has a match: none of the {len(gallery)} `gallery_labels`{rest} is among the `query_labels`.")
    return 1 - torch.where(found, precisions, 0.0).sum() / found.sum()


def soft_average_precisions(
    queries: Tensor,
    gallery: Tensor,
    query_labels: Tensor,
    gallery_labels: Tensor,
    temperature: float = 0.02,
    leave_one_out: bool = False,
) -> Tensor:
    """``(Q,)`` soft average precision of every query, NaN for one without a match; arguments as in :func:`smooth_average_precision`.

    Raises:
        ValueError: the shapes do not fit, or the temperature is out of range.
    """
    _check(queries, gallery, query_labels, gallery_labels, temperature, leave_one_out)
    with no_autocast(queries):
        similarities = F.normalize(full_precision(queries), eps=FLOOR) @ F.normalize(full_precision(gallery), eps=FLOOR).mT
    positive = query_labels[:, None] == gallery_labels
    if leave_one_out:
        itself = torch.eye(len(queries), dtype=torch.bool, device=queries.device)
        similarities, positive = similarities.masked_fill(itself, -math.inf), positive & ~itself
    rank = _every_row if similarities.numel() * len(gallery) <= LARGEST else _matches_alone
    return rank(similarities, positive, temperature) / positive.sum(1)


def _every_row(similarities: Tensor, positive: Tensor, temperature: float) -> Tensor:
    """``(Q,)`` sums of the precisions of the matches; other rows are ranked too, and left out of the sum."""
    own = torch.where(positive, similarities, 0.0)
    ahead = ((similarities[:, None] - own[:, :, None]) / temperature).sigmoid()  # (Q, G, G); 0.5 for the match itself
    precision = (0.5 + (ahead * positive[:, None]).sum(2)) / (0.5 + ahead.sum(2))
    return torch.where(positive, precision, 0.0).sum(1)


def _matches_alone(similarities: Tensor, positive: Tensor, temperature: float) -> Tensor:
    query, match = positive.nonzero(as_tuple=True)  # (M,) pairs
    ahead = ((similarities[query] - similarities[query, match][:, None]) / temperature).sigmoid()  # (M, G); 0.5 for the match itself
    precision = (0.5 + (ahead * positive[query]).sum(1)) / (0.5 + ahead.sum(1))
    return torch.zeros_like(similarities[:, 0]).index_add(0, query, precision)


class SmoothAveragePrecision(Loss):
    """Module of :func:`~vireid.losses.functional.smooth_average_precision`, across modalities.

    Infrared rows search visible ones, and visible rows infrared ones; the loss is the mean of the two. It needs no classes, so it also
    works for identities that the classifier does not know. With several processes, each ranks its own rows; gradients are averaged.

    Args:
        weight: factor of this term in the sum of losses, at least 0.
        temperature: temperature of the sigmoids that replace ranks, in units of the cosine, above 0; the paper's is 0.01.
        on: which rows the loss compares: ``features`` before the neck or ``embeddings`` after it.
        within: whether every row searches the other rows of its own modality instead, as in the paper. The loss is the mean over the
            modalities in the batch, one or two. Views of one image count as images.
        name: name under which this term is logged.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self, weight: float = 1.0, temperature: float = 0.02, on: Level = "features", within: bool = False, name: str = "smooth_ap"
    ) -> None:
        super().__init__(weight, name)
        check_temperature(temperature)
        self.temperature = float(temperature)
        self.on = on
        self.within = within

    def forward(self, output: LossInputs) -> Tensor:
        """The loss as a scalar, without its weight.

        Raises:
            SettingsError: the batch has one modality only, unless ``within``.
            ValueError: no row has a match.
        """
        visible, infrared = output.visible, output.infrared
        if self.within:
            terms = [self._ranked(rows, rows) for rows in (visible, infrared) if len(rows.labels)]
        else:
            check_modalities(self, output, "set `within: true`, or ")
            terms = [self._ranked(infrared, visible), self._ranked(visible, infrared)]
        return torch.stack(terms).mean()

    def _ranked(self, queries: LossInputs, gallery: LossInputs) -> Tensor:
        rows = queries.level(self.on), gallery.level(self.on), queries.labels, gallery.labels
        return smooth_average_precision(*rows, self.temperature, self.within)


def _check(queries: Tensor, gallery: Tensor, query_labels: Tensor, gallery_labels: Tensor, temperature: float, leave_one_out: bool) -> None:
    check_rows("queries", queries)
    check_rows("gallery", gallery)
    check_columns("queries", queries, "gallery", gallery)
    check_labels("query_labels", query_labels, queries, "queries")
    check_labels("gallery_labels", gallery_labels, gallery, "gallery")
    check_temperature(temperature)
    if leave_one_out and len(queries) != len(gallery):
        raise ValueError(f"With `leave_one_out` the gallery is the queries, but there are {len(queries)} and {len(gallery)} rows.")
