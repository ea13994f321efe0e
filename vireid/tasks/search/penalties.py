"""Terms that are added to the loss of an architecture step."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from vireid.errors import SettingsError
from vireid.search import ArchitectureParameters, SearchSpace
from vireid.search.space import CostKind
from vireid.settings import Recorded
from vireid.tasks.search.temperature import check_positive


class Penalty(Recorded, nn.Module, ABC):
    """A term that is added to the loss of every step that moves the logits. Derive from it to bring your own.

    Args:
        weight: factor of the term, above 0.

    Raises:
        SettingsError: a weight that is not positive and finite.
    """

    def __init__(self, weight: float) -> None:
        super().__init__()
        check_positive(type(self).__name__, weight=weight)
        self.weight = weight

    def prepare(self, space: SearchSpace, architecture: ArchitectureParameters) -> None:
        """Read from the space what the term needs. Called once, when the search is built.

        Raises:
            SettingsError: the term could change nothing in this space.
        """

    @abstractmethod
    def forward(self, architecture: ArchitectureParameters, step: int, steps: int) -> Tensor:
        """The weighted term, a scalar with gradient.

        Args:
            architecture: logits of the search.
            step: number of the epoch among those with architecture steps, from 0.
            steps: number of epochs with architecture steps.
        """


class Entropy(Penalty):
    """Mean entropy of the probabilities over the sites; the weight rises from 0 in the second half of the search.

    Args:
        weight: factor in the last epoch, above 0.
    """

    def forward(self, architecture: ArchitectureParameters, step: int, steps: int) -> Tensor:
        return self.weight * second_half_ramp(step, steps) * architecture.entropy().mean()


class ExpectedCost(Penalty):
    """Mean over the sites of the expected cost, relative to the most expensive candidate of the space.

    Args:
        weight: factor of the penalty in the loss, above 0.
        cost: what is counted: ``modality_specific_sites`` (what needs to know the modality in deployment), ``unfoldable_sites`` (what
            still normalises at inference), ``parameters`` or ``latency`` (work that is left at inference, which is large at the large early
            maps and small at the late ones).

    Raises:
        SettingsError: every candidate of a site costs the same, at every site.
    """

    costs: Tensor

    def __init__(self, weight: float, cost: CostKind = "modality_specific_sites") -> None:
        super().__init__(weight)
        self.cost: CostKind = cost

    def prepare(self, space: SearchSpace, architecture: ArchitectureParameters) -> None:
        costs = space.cost_table(self.cost)
        allowed = architecture.expand(architecture.allowed)
        dearest = costs.masked_fill(~allowed, -torch.inf).amax(dim=-1)
        cheapest = costs.masked_fill(~allowed, torch.inf).amin(dim=-1)
        if torch.equal(dearest, cheapest):
            raise SettingsError(
                f"ExpectedCost could change nothing: at every site all candidates have the same `{self.cost}`. "
                "Set its `cost` to another kind, or take it out of `penalties`."
            )
        self.register_buffer("costs", costs, persistent=False)

    def forward(self, architecture: ArchitectureParameters, step: int, steps: int) -> Tensor:  # noqa: ARG002 (interface)
        return self.weight * (architecture.probabilities() * self.costs).sum(dim=-1).mean()


def second_half_ramp(step: int, steps: int) -> float:
    """0 in the first half of ``steps``, then linear to 1 at the last.

    Example:
        >>> [second_half_ramp(step, 5) for step in range(5)]
        [0.0, 0.0, 0.0, 0.5, 1.0]
    """
    if steps <= 1:
        return 0.0
    return max(0.0, 2 * min(step / (steps - 1), 1.0) - 1)
