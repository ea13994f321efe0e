"""What the finished runs of a study found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vireid.commands.jobs.job import State, differences, state
from vireid.commands.study.networks import Network
from vireid.commands.study.plan import Plan, retrain_name
from vireid.commands.study.recipes import fixed_part, read_config
from vireid.errors import ResultsError
from vireid.results import Result, read_results
from vireid.structures import Genotype


@dataclass(frozen=True)
class Run:
    """One finished retraining.

    Attributes:
        network: what was trained.
        genotype: genotype of the network.
        seed: seed of the retraining.
        test: test result in the study's protocol; ``None`` for a network that is not tested.
        heldout: mAP on held-out training identities; ``None`` without ``fidelity``.
        seconds: seconds of the training; ``None`` if it was interrupted.
    """

    network: Network
    genotype: Genotype
    seed: int
    test: Result | None
    heldout: float | None
    seconds: float | None


def finished_runs(plan: Plan) -> list[Run]:
    """Every finished retraining, in the order of the plan.

    Raises:
        ResultsError: runs have different budgets or test images, or lack the study's protocol.
    """
    wanted = [(network, seed) for network in plan.networks for seed in plan.settings.retrain_seeds]
    states = plan.states()
    runs = [_run(plan, network, seed, done) for network, seed in wanted if (done := states[retrain_name(network, seed)]).finished]
    check_equal_budget(plan.folder / retrain_name(run.network, run.seed) for run in runs)
    tested = [run for run in runs if run.test is not None]
    if len({run.test.images_sha256 for run in tested if run.test is not None}) > 1:
        raise ResultsError("The runs of the study were tested on different images: the data changed in between. Name another --folder.")
    return runs


def check_equal_budget(folders: Iterable[Path]) -> None:
    """Check in the saved configurations that every run was trained as the first one, except for seed and genotype.

    Raises:
        ResultsError: a run differs; the message names it.
    """
    first: tuple[Path, dict[str, Any]] | None = None
    for folder in folders:
        found = fixed_part(read_config(folder / "config.yaml"))
        first = first or (folder, found)
        if differences(first[1], found):
            raise ResultsError(f"{str(folder)!r} was not trained as {str(first[0])!r} was: they differ in more than seed and genotype.")


def missing(plan: Plan) -> list[str]:
    """Names of the jobs that are not finished."""
    return [name for name, found in plan.states().items() if not found.finished]


def chosen_row(results: Sequence[Result], protocol: str, source: Path) -> Result:
    """The first row without a variant whose protocol begins with ``protocol``.

    Raises:
        ResultsError: there is no such row; the message lists the protocols.
    """
    for result in results:
        if result.protocol.startswith(protocol) and not result.variant:
            return result
    names = ", ".join(result.protocol for result in results)
    raise ResultsError(f"No row of {str(source)!r} begins with `protocol` {protocol!r}; it holds {names}.")


def search_seconds(plan: Plan, network: Network) -> float | None:
    """Seconds of the search that found a network; ``None`` without a search, or if it was interrupted."""
    if network.search is None:
        return None
    found = state(plan.job(network.search), plan.folder)
    return found.seconds.get("fit") if found.attempts == 1 else None


def _run(plan: Plan, network: Network, seed: int, done: State) -> Run:
    folder = plan.folder / retrain_name(network, seed)
    genotype = Genotype.load(plan.folder / network.path)
    test = chosen_row(read_results(folder / "test-1").results, plan.settings.protocol, folder) if network.tested else None
    heldout = read_results(folder / "validate-1").results[0].mean["mAP"] if plan.settings.fidelity is not None else None
    return Run(network, genotype, seed, test, heldout, done.seconds["fit"] if done.attempts == 1 else None)
