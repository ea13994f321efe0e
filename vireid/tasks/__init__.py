"""Lightning modules: optimisation, logging and evaluation of the networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vireid.lazy import lazy

if TYPE_CHECKING:
    from vireid.results.reranking import Reranking as Reranking
    from vireid.tasks.base import ReIDModule as ReIDModule
    from vireid.tasks.callbacks.frozen_base import FrozenBase as FrozenBase
    from vireid.tasks.callbacks.progress_line import ProgressLine as ProgressLine
    from vireid.tasks.callbacks.recalibration import Recalibration as Recalibration
    from vireid.tasks.callbacks.running_statistics import recalibrate as recalibrate
    from vireid.tasks.callbacks.stop_when_stable import StopWhenStable as StopWhenStable
    from vireid.tasks.checkpoints import (
        LastCheckpoint as LastCheckpoint,
        SafeCheckpointIO as SafeCheckpointIO,
        read_checkpoint as read_checkpoint,
    )
    from vireid.tasks.classification import ClassificationModule as ClassificationModule
    from vireid.tasks.evaluation.accuracy import Accuracy as Accuracy
    from vireid.tasks.evaluation.base import TaskEvaluation as TaskEvaluation
    from vireid.tasks.evaluation.retrieval import Retrieval as Retrieval
    from vireid.tasks.optimisation.ema import EMA as EMA
    from vireid.tasks.optimisation.optimisers import (
        SGD as SGD,
        Adam as Adam,
        AdamW as AdamW,
        Fusable as Fusable,
        OptimizerSettings as OptimizerSettings,
    )
    from vireid.tasks.optimisation.schedules import (
        Constant as Constant,
        Exponential as Exponential,
        LinearWarmup as LinearWarmup,
        Schedule as Schedule,
        WarmupCosine as WarmupCosine,
        WarmupMultiStep as WarmupMultiStep,
    )
    from vireid.tasks.optimisation.torch_optimizer import TorchOptimizer as TorchOptimizer
    from vireid.tasks.optimisation.torch_schedule import TorchSchedule as TorchSchedule
    from vireid.tasks.retrain import RetrainModule as RetrainModule
    from vireid.tasks.search.module import SearchModule as SearchModule
    from vireid.tasks.search.one_level import OneLevel as OneLevel
    from vireid.tasks.search.penalties import Entropy as Entropy, ExpectedCost as ExpectedCost, Penalty as Penalty
    from vireid.tasks.search.random_paths import RandomPaths as RandomPaths
    from vireid.tasks.search.run import SearchRun as SearchRun
    from vireid.tasks.search.strategies import GradientStrategy as GradientStrategy, Strategy as Strategy
    from vireid.tasks.search.temperature import (
        Fixed as Fixed,
        Geometric as Geometric,
        Linear as Linear,
        Stepped as Stepped,
        Temperature as Temperature,
    )
    from vireid.tasks.search.two_levels import TwoLevels as TwoLevels
    from vireid.tasks.search.unrolled import Unrolled as Unrolled
    from vireid.tasks.search.untrained import Untrained as Untrained

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "vireid.results.reranking": ["Reranking"],
        ".base": ["ReIDModule"],
        ".callbacks.frozen_base": ["FrozenBase"],
        ".callbacks.progress_line": ["ProgressLine"],
        ".callbacks.recalibration": ["Recalibration"],
        ".callbacks.running_statistics": ["recalibrate"],
        ".callbacks.stop_when_stable": ["StopWhenStable"],
        ".checkpoints": ["LastCheckpoint", "SafeCheckpointIO", "read_checkpoint"],
        ".classification": ["ClassificationModule"],
        ".evaluation.accuracy": ["Accuracy"],
        ".evaluation.base": ["TaskEvaluation"],
        ".evaluation.retrieval": ["Retrieval"],
        ".optimisation.ema": ["EMA"],
        ".optimisation.optimisers": ["Adam", "AdamW", "Fusable", "OptimizerSettings", "SGD"],
        ".optimisation.schedules": ["Constant", "Exponential", "LinearWarmup", "Schedule", "WarmupCosine", "WarmupMultiStep"],
        ".optimisation.torch_optimizer": ["TorchOptimizer"],
        ".optimisation.torch_schedule": ["TorchSchedule"],
        ".retrain": ["RetrainModule"],
        ".search.module": ["SearchModule"],
        ".search.one_level": ["OneLevel"],
        ".search.penalties": ["Entropy", "ExpectedCost", "Penalty"],
        ".search.random_paths": ["RandomPaths"],
        ".search.run": ["SearchRun"],
        ".search.strategies": ["GradientStrategy", "Strategy"],
        ".search.temperature": ["Fixed", "Geometric", "Linear", "Stepped", "Temperature"],
        ".search.two_levels": ["TwoLevels"],
        ".search.unrolled": ["Unrolled"],
        ".search.untrained": ["Untrained"],
    },
)
