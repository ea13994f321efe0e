"""Retrieval scores of an evaluation loop."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat

from vireid.metrics.functional.arguments import check_topk
from vireid.metrics.functional.evaluation import NothingToScoreError, RetrievalScores, evaluate_embeddings
from vireid.metrics.functional.rules import CMC, check_rule, cmc_is_unique
from vireid.structures import Rule

STATES = ("embeddings", "pids", "camids", "is_query", "positions")


class CrossModalRetrieval(Metric):
    """CMC, mAP and mINP over all batches of an evaluation, on all processes.

    The order of the gallery decides ties. It is the order of updates (with several processes: rank by rank), or the order of
    ``positions`` if they are given. Some samplers pad the last batches of some processes with images that come twice. With
    ``positions``, each image counts once.

    Args:
        rule: which gallery entries count, see :func:`~vireid.metrics.functional.evaluate`.
        topk: ranks of the CMC curve.
        cmc: kind of CMC curve; ``"auto"`` is the kind in the protocol of the rule.
        normalise: whether to compare by the cosine of embeddings; otherwise by Euclidean distance.
        kwargs: arguments of :class:`torchmetrics.Metric` (``sync_on_compute``, ``compute_on_cpu`` and the like).

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> metric = CrossModalRetrieval(rule="regdb", topk=(1,))
        >>> metric.update(torch.eye(2), torch.tensor([7, 8]), torch.tensor([1, 1]), is_query=True)
        >>> metric.update(torch.eye(2) + 0.1, torch.tensor([7, 8]), torch.tensor([2, 2]), is_query=False)
        >>> metric.compute()["mAP"]
        1.0
    """

    higher_is_better = True
    is_differentiable = False
    full_state_update = False
    embeddings: list[Tensor]
    pids: list[Tensor]
    camids: list[Tensor]
    is_query: list[Tensor]
    positions: list[Tensor]

    def __init__(
        self, rule: Rule = "sysu", topk: Sequence[int] = (1, 5, 10, 20), cmc: CMC = "auto", normalise: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        check_rule(rule)
        cmc_is_unique(rule, cmc)
        self.rule: Rule = rule
        self.topk = tuple(int(rank) for rank in check_topk(topk))
        self.cmc: CMC = cmc
        self.normalise = normalise
        for name in STATES:
            self.add_state(name, default=[], dist_reduce_fx="cat")

    def update(self, embeddings: Tensor, pids: Tensor, camids: Tensor, is_query: Tensor | bool, positions: Tensor | None = None) -> None:
        """Add one batch.

        Args:
            embeddings: ``(B, D)`` floating point; kept in float32, or in float64 if they are float64.
            pids: ``(B,)`` integer identities.
            camids: ``(B,)`` integer cameras as on disk.
            is_query: ``(B,)`` bool, or one value for the batch: true for queries, false for gallery images.
            positions: ``(B,)`` integers that name the images, such as their rows in the dataset. Give them in every update or in none.

        Raises:
            ValueError: shapes or dtypes do not fit.
        """
        if not isinstance(embeddings, Tensor):
            raise ValueError(f"`embeddings` must be a tensor, got {reprlib.repr(embeddings)}.")
        if embeddings.ndim != 2 or not embeddings.is_floating_point():
            raise ValueError(f"`embeddings` must be floating point of shape (B, D), got {embeddings.dtype} of {tuple(embeddings.shape)}.")
        rows = embeddings.shape[0]
        queries = torch.as_tensor(is_query, device=embeddings.device)
        queries = queries.expand(rows) if queries.ndim == 0 else queries
        if self.embeddings and (positions is None) != (len(self.positions) == 0):
            raise ValueError("`positions` must be given in every update or in none.")
        for name, values in (("pids", pids), ("camids", camids), ("is_query", queries), ("positions", positions)):
            if values is None:
                continue
            if not isinstance(values, Tensor):
                raise ValueError(f"`{name}` must be a tensor, got {reprlib.repr(values)}.")
            if values.shape != (rows,):
                raise ValueError(f"`{name}` must have shape ({rows},), one value for each row of `embeddings`, got {tuple(values.shape)}.")
        if queries.dtype != torch.bool:
            raise ValueError(f"`is_query` must be bool, got {queries.dtype}.")
        kept = embeddings.detach()
        self.embeddings.append(kept if kept.dtype == torch.float64 else kept.float())
        self.pids.append(pids.to(device=kept.device, dtype=torch.int64))
        self.camids.append(camids.to(device=kept.device, dtype=torch.int64))
        self.is_query.append(queries.clone())
        if positions is not None:
            self.positions.append(positions.to(device=kept.device, dtype=torch.int64))

    def forward(self, *args: Any, **kwargs: Any) -> RetrievalScores:
        """Add one batch as :meth:`update` does, and score it alone.

        Mostly a batch holds one side only. A batch without queries, without gallery or without a match that counts has no scores: they
        are NaN, and ``num_valid`` is 0.

        Raises:
            ValueError: as for :meth:`update`, or the embeddings are not finite.
        """
        alone = CrossModalRetrieval(self.rule, self.topk, self.cmc, self.normalise, sync_on_compute=False)
        alone.update(*args, **kwargs)
        self.update(*args, **kwargs)
        try:
            scores: RetrievalScores = alone.compute()
        except NothingToScoreError:
            none = np.full(int(dim_zero_cat(alone.is_query).sum()), np.nan)
            cmc = np.full(len(self.topk), np.nan)
            scores = RetrievalScores(cmc=cmc, mAP=np.nan, mINP=np.nan, num_valid=0, ap=none, inp=none, first=none)
        self._forward_cache = scores  # type: ignore[assignment]  # torchmetrics declares it as None
        return scores

    def compute(self) -> RetrievalScores:
        """Scores over all updates.

        Raises:
            ValueError: there are no queries, no gallery or no valid queries, or the embeddings are not finite.
        """
        if len(self.embeddings) == 0:  # a list, or after a gather one tensor
            raise ValueError("CrossModalRetrieval has no embeddings yet; call `update` before `compute`.")
        rows = [dim_zero_cat(getattr(self, name)) for name in STATES if name != "positions"]
        if len(self.positions):
            once = _first_of_each(dim_zero_cat(self.positions))
            rows = [values[once] for values in rows]
        embeddings, pids, camids, query = rows
        if bool(query.all()) or not bool(query.any()):
            raise NothingToScoreError(f"Both queries and gallery are needed, got {int(query.sum())} queries among {len(query)} embeddings.")
        return evaluate_embeddings(
            *(embeddings[query], embeddings[~query], pids[query], pids[~query], camids[query], camids[~query]),
            rule=self.rule,
            topk=self.topk,
            cmc=self.cmc,
            normalise=self.normalise,
        )

    def plot(self, val: RetrievalScores | None = None, ax: Any = None) -> tuple[Any, Any]:
        """The CMC curve at ``topk``, with mAP and mINP in the title.

        Args:
            val: scores to draw; ``None`` computes them.
            ax: matplotlib axes to draw on; ``None`` makes new axes.

        Returns:
            Figure and axes.

        Raises:
            ModuleNotFoundError: matplotlib is not installed (extra ``report``).
        """
        try:
            from matplotlib import pyplot
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError("Drawing curves needs matplotlib: pip install 'vireid[report]'.") from error
        scores = self.compute() if val is None else val
        figure, ax = pyplot.subplots() if ax is None else (ax.get_figure(), ax)
        ax.plot(self.topk, scores["cmc"], marker="o")
        ax.set(xlabel="rank", ylabel="CMC", ylim=(0, 1), title=f"mAP {scores['mAP']:.3f}, mINP {scores['mINP']:.3f}")
        return figure, ax


def _first_of_each(positions: Tensor) -> Tensor:
    """Rows of the first appearance of each position, in ascending order of positions."""
    order = torch.argsort(positions, stable=True)
    ordered = positions[order]
    new = torch.ones_like(ordered, dtype=torch.bool)
    new[1:] = ordered[1:] != ordered[:-1]
    return order[new]
