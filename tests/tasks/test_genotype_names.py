"""What the genotype argument of retraining may be."""

from __future__ import annotations

import pytest
import torch

from vireid.errors import GenotypeError
from vireid.search import BNSeparation, INPlacement
from vireid.tasks.retrain import RetrainModule, resolve_genotype

SPACE = INPlacement("resnet10", width=8)


def test_names_of_baselines_and_random_points() -> None:
    assert resolve_genotype("ibn_a", SPACE) == SPACE.baselines()["ibn_a"]
    assert resolve_genotype("random-3", SPACE) == SPACE.sample(torch.Generator().manual_seed(3))
    assert resolve_genotype("random-3", None) == BNSeparation().sample(torch.Generator().manual_seed(3))


def test_a_random_point_is_trained_and_remembered() -> None:
    module = RetrainModule(4, "random-3", SPACE, weights=None)
    assert module.settings()["init_args"]["genotype"]["choices"] == dict(SPACE.baseline("random-3").choices)


@pytest.mark.parametrize("name", ["ibn_c", "random", "random-", "random--1", "random-1.5", "stem_separate"])
def test_other_names_are_an_error_that_lists_those_there_are(name: str) -> None:
    message = f"neither a file nor a baseline: '{name}'.*choose from all_shared, all_in, all_ibn, ibn_a, ibn_b or random-SEED"
    with pytest.raises(GenotypeError, match=message):
        resolve_genotype(name, SPACE)
