"""Retrieval scores of an evaluation loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat

from vireid.metrics.functional.arguments import check_topk
from vireid.metrics.functional.evaluation import RetrievalScores, evaluate_embeddings
from vireid.metrics.functional.rules import CMC, check_rule, cmc_is_unique
from vireid.structures import Rule


class CrossModalRetrieval(Metric):
    """CMC, mAP and mINP over all batches of an evaluation, on all processes.

    Gallery order, which decides ties, is the order of updates (with several processes: rank by rank).

    Args:
        rule: which gallery entries count, see :func:`~vireid.metrics.functional.evaluate`.
        topk: ranks of the CMC curve.
        cmc: kind of CMC, ``"auto"`` as the rule's protocol has it.
        normalise: compare by the cosine of embeddings; otherwise by Euclidean distance.
        kwargs: of :class:`torchmetrics.Metric` (``sync_on_compute``, ``compute_on_cpu`` and the like).

    Raises:
        ValueError: arguments out of range.

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
        for name in ("embeddings", "pids", "camids", "is_query"):
            self.add_state(name, default=[], dist_reduce_fx="cat")

    def update(self, embeddings: Tensor, pids: Tensor, camids: Tensor, is_query: Tensor | bool) -> None:
        """Add one batch.

        Args:
            embeddings: ``(B, D)`` floating point; kept in float32, or float64 if they are so.
            pids: ``(B,)`` integers.
            camids: ``(B,)`` integers as on disk.
            is_query: ``(B,)`` bool, or one value for the batch; the other rows are gallery.

        Raises:
            ValueError: shapes or dtypes that do not fit.
        """
        if embeddings.ndim != 2 or not embeddings.is_floating_point():
            raise ValueError(f"`embeddings` must be floating point of shape (B, D), got {embeddings.dtype} of {tuple(embeddings.shape)}.")
        rows = embeddings.shape[0]
        queries = torch.as_tensor(is_query, device=embeddings.device)
        queries = queries.expand(rows) if queries.ndim == 0 else queries
        for name, values in (("pids", pids), ("camids", camids), ("is_query", queries)):
            if values.shape != (rows,):
                raise ValueError(f"`{name}` must have shape ({rows},), one value for each row of `embeddings`, got {tuple(values.shape)}.")
        if queries.dtype != torch.bool:
            raise ValueError(f"`is_query` must be bool, got {queries.dtype}.")
        kept = embeddings.detach()
        self.embeddings.append(kept if kept.dtype == torch.float64 else kept.float())
        self.pids.append(pids.to(device=kept.device, dtype=torch.int64))
        self.camids.append(camids.to(device=kept.device, dtype=torch.int64))
        self.is_query.append(queries.clone())

    def compute(self) -> RetrievalScores:
        """Scores over all updates.

        Raises:
            ValueError: no queries, no gallery, none valid, or embeddings that are not finite.
        """
        if len(self.embeddings) == 0:  # a list, or after a gather one tensor
            raise ValueError("CrossModalRetrieval has no embeddings yet; call `update` before `compute`.")
        embeddings, pids, camids = dim_zero_cat(self.embeddings), dim_zero_cat(self.pids), dim_zero_cat(self.camids)
        query = dim_zero_cat(self.is_query)
        if bool(query.all()) or not bool(query.any()):
            raise ValueError(f"Both queries and gallery are needed, got {int(query.sum())} queries among {len(query)} embeddings.")
        return evaluate_embeddings(
            *(embeddings[query], embeddings[~query], pids[query], pids[~query], camids[query], camids[~query]),
            rule=self.rule,
            topk=self.topk,
            cmc=self.cmc,
            normalise=self.normalise,
        )
