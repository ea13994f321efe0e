"""Two processes search as one: disjoint identities, equal architecture, gradients that are the mean over the ranks."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.tasks.distributed_run import SPACES, search_module
from vireid.nn import frozen_statistics
from vireid.structures import Batch, Genotype, generator_for
from vireid.tasks.search.run import ARCHITECTURE_STEP, WEIGHT_STEP
from vireid.tasks.search.temperature import geometric

RANKS = 2
Run = list[dict[str, Any]]


@pytest.fixture(scope="module", params=SPACES)
def name(request: pytest.FixtureRequest) -> str:
    """What is searched."""
    return str(request.param)


@pytest.fixture(scope="module")
def run(name: str, tmp_path_factory: pytest.TempPathFactory, sysu_root: Path) -> tuple[Run, Path]:
    folder = tmp_path_factory.mktemp("distributed")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, str(Path(__file__).with_name("distributed_run.py")), str(sysu_root), str(folder), name]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr
    return [torch.load(folder / f"rank{rank}.pt", weights_only=False) for rank in range(RANKS)], folder


def test_identities_of_a_step_are_disjoint_between_ranks(run: tuple[Run, Path]) -> None:
    steps = list(zip(run[0][0]["pids"], run[0][1]["pids"], strict=True))
    assert len(steps) == 9
    for mine, theirs in steps:
        for part in range(2):
            assert len(mine[part]) == len(theirs[part]) == 3
            assert not set(mine[part]) & set(theirs[part])


def test_ranks_agree_on_architecture_weights_and_genotype(run: tuple[Run, Path]) -> None:
    first, second = run[0]
    assert torch.equal(first["logits"], second["logits"])
    assert first["logits"].ne(0).all()
    assert first["choices"] == second["choices"] == dict(Genotype.load(run[1] / "genotype.json").choices)
    for key, value in first["state"].items():
        if "running" not in key and "num_batches" not in key:  # batch statistics are those of a rank until the next broadcast
            assert torch.equal(value, second["state"][key]), key


def test_ranks_agree_on_the_scores_of_children(run: tuple[Run, Path], name: str) -> None:
    first, second = run[0]
    assert first["scores"] == second["scores"]
    if name == "joint":
        assert len(first["scores"]) == 6, "five points of the design and the answer"
        assert len(set(first["scores"])) >= 5


def reference_gradients(name: str, run: Run) -> dict[str, dict[str, torch.Tensor]]:
    """Mean over the ranks' batches of gradients that one process computes."""
    module = search_module(name)
    temperature = geometric(5.0, 0.5, 0, 2)
    sums: dict[str, dict[str, torch.Tensor]] = {"logits": {}, "weights": {}}

    def add(part: str, batch: Batch) -> None:
        purpose = ARCHITECTURE_STEP if part == "logits" else WEIGHT_STEP
        noise = generator_for((3, 1, 0, purpose))
        module.zero_grad()
        logits = module.architecture.logits
        if part == "logits":
            module.supernet.set_mixture(module.strategy.relaxation(logits, temperature, noise))
            with frozen_statistics(module.network):
                loss = module.summed_loss(module.losses, module.network(batch.images, batch.n_visible), batch)[0]
        else:
            module.supernet.set_mixture(module.strategy.weight_relaxation(logits.detach(), temperature, noise))
            loss = module.summed_loss(module.losses, module.network(batch.images, batch.n_visible), batch)[0]
        loss.backward()
        for name, parameter in module.named_parameters():
            if parameter.grad is not None and (name == "architecture.logits") == (part == "logits"):
                sums[part][name] = sums[part].get(name, 0) + parameter.grad.clone() / RANKS

    module.load_state_dict(run[0]["first"]["state"])
    for rank in run:
        add("logits", rank["first"]["batch"].architecture)
    optimizer = module.strategy.architecture_optimizer.build({"logits": [module.architecture.logits]})
    module.architecture.logits.grad = sums["logits"]["architecture.logits"].clone()
    optimizer.step()  # the architecture step comes first and moves the logits that the weight step samples from
    for rank in run:
        add("weights", rank["first"]["batch"].weights)
    return sums


def test_reduced_gradients_equal_one_process(run: tuple[Run, Path], name: str) -> None:
    expected = reference_gradients(name, run[0])
    for rank in run[0]:
        assert list(rank["first"]["gradients"]) == ["logits", "weights"]
        logits = rank["first"]["gradients"]["logits"]["architecture.logits"]
        torch.testing.assert_close(logits, expected["logits"]["architecture.logits"], rtol=1e-4, atol=1e-7)
        weights = rank["first"]["gradients"]["weights"]
        reached = {found for found, value in weights.items() if value is not None and found != "architecture.logits"}
        assert reached == set(expected["weights"]), "candidates that the sample skipped get no gradient on any rank"
        for parameter, value in expected["weights"].items():
            torch.testing.assert_close(weights[parameter], value, rtol=1e-4, atol=1e-6, msg=parameter)
