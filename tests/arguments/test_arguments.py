"""Every argument of every public class changes something: an output, a gradient, a file, or it is refused.

A row per argument stands in the files beside this one. A class or an argument without a row fails here.
"""

from __future__ import annotations

import importlib
import inspect

import pytest

from tests.arguments import augmentations, losses, relaxations, schedules
from tests.arguments.table import Change, Table
from vireid.settings import Recorded, class_path

ROOMS = ["vireid", *(f"vireid.{room}" for room in ("data", "losses", "models", "nn", "results", "search", "tasks"))]
BASES = "Head Loss Pooling ReIDModule Relaxation Schedule TaskEvaluation TrunkPart"  # made by subclasses only
NOT_YET = (  # classes whose rows are still to be written; nothing new may come in
    "CIFAR100DataModule DukeMTMCDataModule ImageNetDataModule LLCMDataModule MSMT17DataModule Market1501DataModule PairedFolderDataModule "
    "RegDBDataModule SYSUDataModule SyntheticDataModule "
    "ClassificationModule RetrainModule SearchModule "
    "BNNeckHead BalanceHead FineGrainedHead FullyConnectedHead MutualLearningHead StandardHead StripeHead "
    "ChannelGraphs ConvolutionBias GlobalLocalGraphs LinearStem MixtureAttention NonLocalBlocks PositionGraphs TwoStreams "
    "CDNet OSNet ResNet Timm Torchvision "
    "BNSeparation CombinedDepth INPlacement JointNorm OSNetAIN SupernetNorms RectifiedGumbel "
    "Argmax Evolution LossScore MainEffects Perturbation RandomSearch RetrievalScore SampledTop ShortTraining "
    "Adam AdamW EMA OptimizerSettings SGD TorchOptimizer TorchSchedule "
    "Entropy ExpectedCost Fixed Geometric Linear Stepped OneLevel RandomPaths TwoLevels Unrolled "
    "FrozenBase Recalibration StopWhenStable Accuracy Retrieval Reranking"
)
NOT_TESTABLE: dict[tuple[str, str], str] = {}  # (class, argument) -> reason; at most ten

TABLES: list[Table] = [*augmentations.TABLES, *losses.TABLES, *relaxations.TABLES, *schedules.TABLES]
ROWS = [(table, argument) for table in TABLES for argument in table.rows]


def public_classes() -> dict[str, type[Recorded]]:
    """Classes that remember their arguments and that a user can name, by name."""
    found = {}
    for room in ROOMS:
        module = importlib.import_module(room)
        for name in module.__all__:
            value = getattr(module, name)
            if isinstance(value, type) and issubclass(value, Recorded) and not inspect.isabstract(value):
                found[name] = value
    return found


@pytest.mark.parametrize(("table", "argument"), ROWS, ids=[f"{table.cls.__name__}.{argument}" for table, argument in ROWS])
def test_an_argument_changes_something(table: Table, argument: str) -> None:
    table.check(argument)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.cls.__name__)
def test_every_argument_has_a_row(table: Table) -> None:
    reasons = {argument for name, argument in NOT_TESTABLE if name == table.cls.__name__}
    assert table.arguments() == set(table.rows) | reasons
    assert not reasons & set(table.rows)


def test_every_public_class_has_a_table() -> None:
    classes, written, later = public_classes(), {table.cls.__name__ for table in TABLES}, {*NOT_YET.split()}
    assert written | later | {*BASES.split()} == set(classes)
    assert not written & later
    assert all(class_path(table.cls).startswith("vireid.") for table in TABLES)
    assert len(NOT_TESTABLE) <= 10


def test_a_row_that_changes_nothing_fails() -> None:
    table = Table(schedules.Constant, lambda schedule: schedule(0), {"x": Change(1)})
    with pytest.raises(TypeError, match="takes no arguments"):
        table.check("x")
    idle = Table(schedules.Exponential, lambda schedule: schedule(0), {"gamma": Change(0.5)})
    with pytest.raises(AssertionError, match="`gamma` changes nothing"):
        idle.check("gamma")
