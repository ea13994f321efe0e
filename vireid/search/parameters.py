"""Architecture parameters of a supernet: one row of logits per site, or per group of tied sites."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn

from vireid.errors import SettingsError
from vireid.search.relaxations.base import Relaxation, Softmax
from vireid.structures.sites import Site

By = Literal["site", "group"]
Row = TypeVar("Row")


class ArchitectureParameters(nn.Module):
    """Logits of every choice, registered like any parameter, so that checkpoints hold them.

    Sites of one :attr:`Site.group <vireid.search.Site>` share a row; a site without a group has its own. Rows come in the order
    in which groups first appear among the sites. Sites may have different numbers of candidates: rows are as long as the longest
    list, and :meth:`masked` fills the rest with ``-inf``.

    Args:
        sites: sites of a space.
        relaxation: says where logits start and what probabilities they mean; ``None`` for the softmax, from zeros.
        generator: of random starts; ``None`` for one of seed 0.

    Attributes:
        logits: ``(R, K)`` float parameter.
        allowed: ``(R, K)`` bool, which candidates a row has; not in checkpoints.
        groups: names of the rows: the site, or the group (followed by ``(group)`` where a site has that name too).
        candidates: ids of each row, in the order of its logits.
        order: number of the row of every site.

    Raises:
        SettingsError: no sites, or tied sites with different candidates.

    Example:
        >>> tied = [Site("a", ("x", "y", "z"), group="g"), Site("b", ("x", "y")), Site("c", ("x", "y", "z"), group="g")]
        >>> parameters = ArchitectureParameters(tied)
        >>> parameters.groups, parameters.expand(parameters.masked()).tolist()[1]
        (('g', 'b'), [0.0, 0.0, -inf])
    """

    logits: nn.Parameter
    allowed: Tensor
    rows: Tensor

    def __init__(self, sites: Sequence[Site], relaxation: Relaxation | None = None, generator: torch.Generator | None = None) -> None:
        super().__init__()
        if not sites:
            raise SettingsError("There is nothing to search: the space has no sites.")
        self.sites = tuple(sites)
        self.relaxation = relaxation or Softmax()
        keys = [(site.group, "" if site.group else site.name) for site in sites]
        order = {key: row for row, key in enumerate(dict.fromkeys(keys))}
        firsts = [sites[keys.index(key)] for key in order]
        for site, key in zip(sites, keys, strict=True):
            _check_tie(firsts[order[key]], site)
        names = {site.name for site in sites}
        self.groups = tuple(name or (f"{group} (group)" if group in names else group) for group, name in order)
        self.candidates = tuple(site.candidates for site in firsts)
        width = max(map(len, self.candidates))
        allowed = torch.tensor([[k < len(row) for k in range(width)] for row in self.candidates])
        self.register_buffer("allowed", allowed, persistent=False)
        self.order = tuple(order[key] for key in keys)
        self.register_buffer("rows", torch.tensor(self.order), persistent=False)
        self.logits = nn.Parameter(self.relaxation.initial(allowed, generator or torch.Generator().manual_seed(0)))

    def masked(self) -> Tensor:
        """``(R, K)`` logits, ``-inf`` for candidates that a row does not have; what a relaxation takes."""
        return self.logits.masked_fill(~self.allowed, -math.inf)

    def expand(self, rows: Tensor) -> Tensor:
        """``(S, K)``, one row per site, of ``(R, K)`` rows."""
        return rows[self.rows]

    def drawn(self, relaxation: Relaxation, generator: torch.Generator) -> Tensor:
        """``(S, K)`` mixture weights, on the CPU, of a relaxation that does not look at the logits: nothing waits for their device."""
        blank = torch.zeros(len(self.groups), max(map(len, self.candidates)))
        for row, names in zip(blank, self.candidates, strict=True):
            row[len(names) :] = -math.inf
        return relaxation(blank, 1.0, generator)[list(self.order)]

    def probabilities(self, by: By = "site") -> Tensor:
        """``(S, K)`` or ``(R, K)`` preference without noise or temperature; 0 for candidates that do not exist."""
        rows = self.relaxation.probabilities(self.masked())
        return self.expand(rows) if by == "site" else rows

    def entropy(self, by: By = "site") -> Tensor:
        """``(S,)`` or ``(R,)`` entropy of the probabilities in nats, 0 to the logarithm of the number of candidates."""
        p = self.probabilities(by)
        return -(p * p.clamp_min(torch.finfo(p.dtype).tiny).log()).sum(dim=-1)  # the gradient at 0 stays finite

    def margin(self, by: By = "site") -> Tensor:
        """``(S,)`` or ``(R,)`` largest minus second largest probability; 1 for a single candidate."""
        top = nn.functional.pad(self.probabilities(by), (0, 1)).topk(2, dim=-1).values
        return top[:, 0] - top[:, 1]

    def choices(self, by: By = "site") -> dict[str, str]:
        """The candidate with the largest logit at every site or in every group; ties go to the first candidate."""
        return {name: names[0] for name, names in self._ranked(by).items()}

    def ranking(self) -> dict[str, list[str]]:
        """Candidates of every group, the largest logit first; of equal ones, in their own order."""
        return self._ranked("group")

    def table(self, by: By = "site") -> dict[str, list[float]]:
        """Probabilities of the existing candidates by name of the site or group, as they go into a genotype's provenance."""
        rows = [row[: len(names)] for row, names in zip(self.probabilities("group").tolist(), self.candidates, strict=True)]
        return self._named(rows, by)

    def _ranked(self, by: By) -> dict[str, list[str]]:
        order = torch.sort(self.masked().detach(), dim=-1, descending=True, stable=True).indices.tolist()
        rows = [[names[k] for k in row[: len(names)]] for row, names in zip(order, self.candidates, strict=True)]
        return self._named(rows, by)

    def _named(self, rows: list[Row], by: By) -> dict[str, Row]:
        if by == "group":
            return dict(zip(self.groups, rows, strict=True))
        return {site.name: rows[row] for site, row in zip(self.sites, self.order, strict=True)}


def _check_tie(first: Site, site: Site) -> None:
    if site.candidates != first.candidates:
        raise SettingsError(
            f"Sites {first.name} and {site.name} are tied (group {site.group!r}) but have different candidates: "
            f"{', '.join(first.candidates)} against {', '.join(site.candidates)}. Tie sites of one kind only."
        )
