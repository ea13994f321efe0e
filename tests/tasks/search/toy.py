"""A search space whose best point is known: every candidate adds a number of its own to the loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from vireid.losses import Loss, LossInputs
from vireid.models import Backbone
from vireid.search import SearchSpace, Site, Supernet, SupernetNorms
from vireid.structures import Batch, Genotype, SearchBatch
from vireid.tasks import Geometric, GradientStrategy, SearchModule, Strategy, TwoLevels

THREE = ("x", "y", "z")
LOSSES = {  # of every candidate; `a` and `d` are tied: each alone would take x, together they take y
    "a": [-1.0, -0.7, 1.0],
    "b": [0.4, -1.0, 0.9],
    "c": [1.0, 0.5, -0.5],
    "d": [1.0, -0.2, 1.0],
    "e": [0.3, -0.4],
}
BEST = {"a": "y", "b": "y", "c": "z", "d": "y", "e": "y"}


class ToyChoice(nn.Module):
    """Stands where a norm would: ``sum_k w_k (loss_k + parameter_k^2)``."""

    def __init__(self, losses: list[float]) -> None:
        super().__init__()
        self.candidates = THREE[: len(losses)]
        self.losses = losses
        self.extra = nn.ParameterList([nn.Parameter(torch.tensor(0.5)) for _ in losses])
        self.set_mixture(torch.full((len(losses),), 1 / len(losses)), [1.0] * len(losses))

    def set_mixture(self, weights: Tensor, values: list[float]) -> None:
        self.weights = weights
        self.active = tuple(value != 0 for value in values)

    def set_dense_mixture(self, weights: Tensor) -> None:
        self.set_mixture(weights, [1.0] * len(self.losses))

    def candidate_parameters(self, k: int) -> list[nn.Parameter]:
        return [self.extra[k]]

    def forward(self) -> Tensor:
        terms = [w * (loss + p**2) for w, loss, p in zip(self.weights, self.losses, self.extra, strict=True)]
        on = [term for term, active in zip(terms, self.active, strict=True) if active or self.weights.requires_grad]
        return torch.stack(on).sum()


class ToyTrunk(nn.Module):
    out_channels = 2

    def __init__(self) -> None:
        super().__init__()
        self.sites = nn.ModuleList([ToyChoice(losses) for losses in LOSSES.values()])
        self.forwards = 0

    def forward(self, images: Tensor) -> Tensor:
        self.forwards += 1
        value = torch.stack([site() for site in self.sites]).sum()
        return value.expand(images.shape[0], 2)[..., None, None]


class ToySupernet(Supernet):
    def __init__(self, sites: list[Site]) -> None:
        trunk = ToyTrunk()
        Backbone.__init__(self, trunk)
        self.sites = tuple(sites)
        self.choices = dict(zip(LOSSES, trunk.sites, strict=True))  # type: ignore[arg-type]


class ToySpace(SearchSpace):
    """Five sites, 3 x 3 x 3 x 2 points."""

    def sites(self) -> list[Site]:
        return [Site(name, THREE[: len(row)], stage, group="g" if name in "ad" else "") for stage, (name, row) in enumerate(LOSSES.items())]

    def baselines(self) -> dict[str, Genotype]:
        return {}

    def cost(self, genotype: Genotype) -> dict[str, Any]:
        return {"price": sum(THREE.index(choice) for choice in genotype.choices.values())}

    def cost_table(self, kind: str) -> Tensor:
        if kind == "latency":
            return torch.ones(5, 3)
        return torch.tensor([[0.0, 0.5, 1.0]]).repeat(5, 1)

    def supernet(self, weights: str | None = None, norms: SupernetNorms | None = None) -> Supernet:
        return ToySupernet(self.sites())

    def materialise(self, genotype: Genotype, weights: str | None = None) -> Backbone:
        raise NotImplementedError


class ToyLoss(Loss):
    def __init__(self, weight: float = 1.0, name: str = "toy", needs_classes: bool = False) -> None:
        super().__init__(weight, name)
        self.needs_classes = needs_classes

    def forward(self, output: LossInputs) -> Tensor:
        return output.features.mean()


def rows() -> Batch:
    one, two = torch.zeros(2, dtype=torch.int64), torch.arange(2)
    return Batch(torch.zeros(2, 3, 1, 1), one, one, one, two, two, 1)


def toy_strategy(kind: type[GradientStrategy] = TwoLevels, **arguments: Any) -> GradientStrategy:
    return kind(**{"warmup_epochs": 0, "temperature": Geometric(1.0, 0.5), **arguments})


def toy_module(strategy: Strategy | None = None, **arguments: Any) -> SearchModule:
    settings: dict[str, Any] = {"weights": None, "losses": [ToyLoss()], "strategy": strategy or toy_strategy()}
    return SearchModule(2, ToySpace(), **{**settings, **arguments})


def toy_fit(module: SearchModule, folder: Path, epochs: int = 2, batches: int = 50, plain: bool = False, **trainer: Any) -> pl.Trainer:
    batch: Any = rows() if plain else SearchBatch(rows(), rows())
    fit_with = pl.Trainer(
        **{
            "max_epochs": epochs,
            "accelerator": "cpu",
            "logger": False,
            "enable_checkpointing": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "default_root_dir": folder,
            **trainer,
        }
    )
    fit_with.fit(module, DataLoader([batch] * batches, batch_size=None))
    return fit_with
