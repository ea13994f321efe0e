"""Training of a network on images of classes, and how often it is right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vireid.losses import CrossEntropy, Loss
from vireid.models import Head
from vireid.search import SearchSpace
from vireid.tasks.evaluation.accuracy import Accuracy
from vireid.tasks.optimisation.ema import EMA
from vireid.tasks.optimisation.optimisers import SGD, OptimizerSettings
from vireid.tasks.optimisation.schedules import WarmupMultiStep
from vireid.tasks.optimisation.torch_optimizer import OptimizerClass
from vireid.tasks.retrain import RetrainModule


class ClassificationModule(RetrainModule):
    """Training of one network on CIFAR-100, ImageNet or the like; as :class:`~vireid.tasks.RetrainModule`, but for its evaluation.

    Losses are summed over the branches of the network.

    The trunk may start the training of people afterwards: give the checkpoint as ``weights`` of a
    :class:`~vireid.tasks.RetrainModule` with the same genotype.

    Args:
        num_classes: linked from the data on the command line.
        genotype: a file, the content of one, or the name of a baseline of ``space``, see :class:`~vireid.tasks.RetrainModule`.
        space: the space of a baseline name; for images of 32 x 32 one with a small stem, such as ``CombinedDepth(small=True)``.
        weights: where the trunk starts, as its space understands it; null for random initial weights.
        losses: weighted terms; default cross-entropy.
        optimizer: optimiser with its learning rates, schedule and clipping, or a class of ``torch.optim``. The default is that of CDNet
            (Li, Wu, Zheng, CVPR 2021) on CIFAR-100.
        ema: average of the weights; null for none.
        head: what follows the trunk; default :class:`~vireid.models.BNNeckHead`.
        evaluation: what is counted; default :class:`~vireid.tasks.Accuracy`.
        seed: of initial weights, at least 0.
        shared: arguments that all tasks take.

    Raises:
        GenotypeError: see :class:`~vireid.tasks.RetrainModule`.
    """

    phase = "classification"
    evaluation: Accuracy

    def __init__(
        self,
        num_classes: int,
        genotype: dict | str | Path,  # type: ignore[type-arg]  # a parser builds what is in a dict[str, Any]
        space: SearchSpace | None = None,
        weights: str | None = None,
        losses: list[Loss] | None = None,
        optimizer: OptimizerSettings | OptimizerClass | None = None,
        ema: EMA | None = None,
        head: Head | None = None,
        evaluation: Accuracy | None = None,
        seed: int = 0,
        **shared: Any,
    ) -> None:
        super().__init__(
            num_classes,
            genotype,
            space,
            weights,
            losses or [CrossEntropy()],
            optimizer or SGD(0.065, nesterov=False, schedule=WarmupMultiStep((150, 225, 300), warmup_epochs=0)),
            ema=ema,
            head=head,
            seed=seed,
            **shared,
        )
        self.evaluation = evaluation or Accuracy()

    @property
    def accuracy(self) -> dict[str, float]:
        """``top1`` and ``top5`` of the last evaluation."""
        return self.evaluation.shares
