"""What a search costs, in trainings of a network."""

from __future__ import annotations

from collections.abc import Mapping

from vireid.search.derivation import Measured

FORWARD = 0.3
"""Time of a forward pass over that of a training step on the same images; .26 to .31 was measured on a ResNet on a CPU."""


class Costs:
    """Sums of what was scored."""

    def __init__(self) -> None:
        self.steps, self.rows = 0, 0

    def add(self, found: Measured) -> None:
        """Count a score, whether it was measured now or by the run that was killed."""
        self.steps += found.steps
        self.rows += found.rows

    def in_trainings(self, whole: int, rows_per_step: int, searched: float) -> dict[str, float]:
        """The terms of the cost, in trainings of ``trainer.max_epochs`` epochs, and their sum.

        - ``search``: as given.
        - ``forks``: weight steps of children.
        - ``scores``: images that scores ran forward, at 0.3 of a training step each.

        Args:
            whole: weight steps of a training.
            rows_per_step: images of a weight step.
            searched: what the search had cost before anything was scored.
        """
        terms = {"search": searched, "forks": self.steps / whole, "scores": FORWARD * self.rows / (whole * rows_per_step)}
        return {**terms, "total": sum(terms.values())}


def cost_in_words(trainings: Mapping[str, float]) -> str:
    """One line for people.

    Example:
        >>> cost_in_words({"search": 1.0, "forks": 1.625, "scores": 0.05, "total": 2.675})
        'It cost 2.7 trainings: search 1.00 + forks 1.62 + scores 0.05.'
    """
    terms = " + ".join(f"{name} {value:.2f}" for name, value in trainings.items() if name != "total")
    return f"It cost {trainings['total']:.1f} trainings: {terms}."
