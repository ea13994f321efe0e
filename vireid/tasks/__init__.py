"""Lightning modules: optimisation, logging and evaluation of the networks."""

from vireid.tasks.base import ReIDModule
from vireid.tasks.checkpoints import LastCheckpoint, SafeCheckpointIO, read_checkpoint
from vireid.tasks.classification import ClassificationModule
from vireid.tasks.derivation import SupernetScore
from vireid.tasks.ema import EMA
from vireid.tasks.frozen_base import FrozenBase
from vireid.tasks.optimisers import SGD, Adam, AdamW, OptimizerSettings
from vireid.tasks.recalibration import Recalibration
from vireid.tasks.report import print_results, results_table, write_metrics
from vireid.tasks.reranking import Reranking
from vireid.tasks.results import Result
from vireid.tasks.results_files import RunResults, read_results
from vireid.tasks.retrain import RetrainModule
from vireid.tasks.running_statistics import recalibrate
from vireid.tasks.schedules import Constant, Exponential, LinearWarmup, Schedule, WarmupCosine, WarmupMultiStep
from vireid.tasks.scoring import score
from vireid.tasks.search import SearchModule

__all__ = [
    "EMA",
    "SGD",
    "Adam",
    "AdamW",
    "ClassificationModule",
    "Constant",
    "Exponential",
    "FrozenBase",
    "LastCheckpoint",
    "LinearWarmup",
    "OptimizerSettings",
    "ReIDModule",
    "Recalibration",
    "Reranking",
    "Result",
    "RetrainModule",
    "RunResults",
    "SafeCheckpointIO",
    "Schedule",
    "SearchModule",
    "SupernetScore",
    "WarmupCosine",
    "WarmupMultiStep",
    "print_results",
    "read_checkpoint",
    "read_results",
    "recalibrate",
    "results_table",
    "score",
    "write_metrics",
]
