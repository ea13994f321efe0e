"""Arguments of temperatures and penalties: their values in every epoch of a search."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from tests.arguments.table import Change, Table
from vireid.models import ResNet
from vireid.search import ArchitectureParameters, BNSeparation
from vireid.tasks import Entropy, ExpectedCost, Fixed, Geometric, Linear, Stepped

EPOCHS = 30


def observe(temperature: Any) -> list[float]:
    return [temperature(step, EPOCHS) for step in range(-1, EPOCHS)]


def observe_penalty(penalty: Any) -> list[Tensor]:
    space = BNSeparation(ResNet("resnet10", width=8))
    architecture = ArchitectureParameters(space.sites())
    penalty.prepare(space, architecture)
    return [penalty(architecture, step, EPOCHS).detach() for step in (0, EPOCHS - 1)]


TABLES = [
    Table(Fixed, observe, {"value": Change(2.0)}),
    Table(Geometric, observe, {"start": Change(2.0), "end": Change(0.1)}),
    Table(Linear, observe, {"start": Change(2.0), "end": Change(0.5)}),
    Table(Stepped, observe, {"start": Change(20.0), "end": Change(6.0), "every": Change(5), "factor": Change(0.9)}),
    Table(Entropy, observe_penalty, {"weight": Change(2.0)}, {"weight": 1.0}),
    Table(ExpectedCost, observe_penalty, {"weight": Change(2.0), "cost": Change("parameters")}, {"weight": 1.0}),
]
