"""Distillation: infrared predictions are the teacher, visible ones the student."""

from __future__ import annotations

from torch import Tensor

from vireid.losses.base import Loss, check_modalities, class_logits
from vireid.losses.checks import check_agreement, check_temperature
from vireid.losses.distances import full_precision, no_autocast
from vireid.losses.inputs import LossInputs

PROBABILITY_FLOOR = 1e-7


def softened_kl(logits: Tensor, teacher: Tensor, temperature: float = 3.0) -> Tensor:
    """``T^2 KL(softmax(teacher / T) || softmax(logits / T))``, mean over rows; the teacher has no gradient.

    As in the authors' code, 1e-7 is added to the teacher's probabilities. They then sum to a little more than 1.

    Args:
        logits: ``(n, C)`` logits of the student; row i of both must show the same identity.
        teacher: ``(n, C)`` logits of the teacher.
        temperature: T, above 0.

    Returns:
        Scalar, at least 0 except for the effect of the added 1e-7.

    Raises:
        ValueError: the shapes differ, or the temperature is out of range.

    Example:
        >>> import torch
        >>> softened_kl(torch.zeros(1, 2), torch.tensor([[0.0, 3.0]]))
        tensor(0.9985)

    Reference:
        Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network, 2015; Ye et al.: Channel Augmented Joint Learning for
        Visible-Infrared Recognition, ICCV 2021 (public code, where its published weight is 0).
    """
    check_agreement(logits, teacher)
    check_temperature(temperature)
    with no_autocast(logits):
        target = (full_precision(teacher).detach() / temperature).softmax(1) + PROBABILITY_FLOOR
        predicted = (full_precision(logits) / temperature).log_softmax(1)
        return temperature**2 * (target * (target.log() - predicted)).sum(1).mean()


class InfraredDistillation(Loss):
    """Module of :func:`~vireid.losses.functional.softened_kl` from the infrared rows (teacher) to the first visible view.

    Args:
        weight: factor of this term in the sum of losses, at least 0; CAJ's published command has 0.
        temperature: divides logits before the softmax, above 0.
        name: name under which this term is logged.

    Raises:
        ValueError: an argument is out of range.
    """

    needs_classes = True

    def __init__(self, weight: float = 1.0, temperature: float = 3.0, name: str = "infrared_kl") -> None:
        super().__init__(weight, name)
        check_temperature(temperature)
        self.temperature = float(temperature)

    def forward(self, output: LossInputs) -> Tensor:
        """The loss as a scalar, without its weight.

        Raises:
            SettingsError: the batch has one modality only.
        """
        check_modalities(self, output)
        student, teacher = class_logits(self, output.view(0)), class_logits(self, output.infrared)
        return softened_kl(student, teacher, self.temperature)
