"""Architecture parameters of a supernet: one row of logits per site."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vireid.search.sites import Site


class ArchitectureParameters(nn.Module):
    """Logits of every site, registered like any parameter, so that checkpoints hold them.

    Args:
        sites: sites of a space; all have the same candidates.

    Attributes:
        logits: ``(S, K)`` float parameter, zero at the start: no preference.
    """

    def __init__(self, sites: Sequence[Site]) -> None:
        super().__init__()
        candidates = {site.candidates for site in sites}
        if len(candidates) != 1:
            raise ValueError(f"All sites of a space must have the same candidates, got {len(candidates)} different lists.")
        self.sites = tuple(sites)
        self.candidates = next(iter(candidates))
        self.logits = nn.Parameter(torch.zeros(len(self.sites), len(self.candidates)))

    def probabilities(self) -> Tensor:
        """``(S, K)`` softmax of the logits, without noise or temperature."""
        return torch.softmax(self.logits, dim=-1)

    def entropy(self) -> Tensor:
        """``(S,)`` entropy of the probabilities in nats, 0..log K."""
        return -(self.probabilities() * torch.log_softmax(self.logits, dim=-1)).sum(dim=-1)

    def margin(self) -> Tensor:
        """``(S,)`` largest minus second largest probability."""
        top = self.probabilities().topk(2, dim=-1).values
        return top[:, 0] - top[:, 1]

    def choices(self) -> dict[str, str]:
        """The candidate with the largest logit at every site; ties go to the first candidate."""
        rows = self.logits.detach().tolist()
        return {site.name: self.candidates[row.index(max(row))] for site, row in zip(self.sites, rows, strict=True)}

    def table(self) -> dict[str, list[float]]:
        """Probabilities by site name, as they go into a genotype's provenance."""
        return {site.name: row for site, row in zip(self.sites, self.probabilities().detach().tolist(), strict=True)}
