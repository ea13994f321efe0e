"""What a search costs, in trainings of a network."""

from __future__ import annotations

from collections.abc import Mapping

from vireid.search.derivation import Measured

FORWARD = 0.3
"""Time of a forward pass divided by that of a training step on the same images. On a ResNet on a CPU it was .26 to .31."""


class Costs:
    """Sums of the weight steps and forward passes that scores took."""

    def __init__(self) -> None:
        self.steps, self.rows = 0, 0

    def add(self, found: Measured) -> None:
        """Add the cost of a score, which was measured now or by the run that was killed."""
        self.steps += found.steps
        self.rows += found.rows

    def in_trainings(self, whole: int, rows_per_step: int, searched: float) -> dict[str, float]:
        """The terms of the cost, in trainings of ``trainer.max_epochs`` epochs, and their sum.

        - ``search``: cost of the search, as given.
        - ``forks``: weight steps of children.
        - ``scores``: images that scores ran forward; an image costs 0.3 times as much as in a training step.

        Args:
            whole: number of weight steps of a training.
            rows_per_step: number of images in a weight step.
            searched: cost of the search before the first score, in trainings.
        """
        terms = {"search": searched, "forks": self.steps / whole, "scores": FORWARD * self.rows / (whole * rows_per_step)}
        return {**terms, "total": sum(terms.values())}


def cost_in_words(trainings: Mapping[str, float]) -> str:
    """The cost as one line of text.

    Example:
        >>> cost_in_words({"search": 1.0, "forks": 1.625, "scores": 0.05, "total": 2.675})
        'It cost 2.7 trainings: search 1.00 + forks 1.62 + scores 0.05.'
    """
    terms = " + ".join(f"{name} {value:.2f}" for name, value in trainings.items() if name != "total")
    return f"It cost {trainings['total']:.1f} trainings: {terms}."
