"""Tasks whose best architecture is known, because an alteration that one candidate undoes was planted before chosen norms.

- ``separation``: infrared rows go through a fixed affine per channel; ``separate_bn`` at the planted sites is the truth.
- ``instance``: every row goes through an affine of its own, drawn anew each time; ``in`` at the planted sites is the truth.
- ``joint``: as ``separation``, but ``in`` is a candidate too. It undoes the plant as well, so a planted site may leave ``shared_bn``
  for either.

Both modalities are visible images of the same cameras: without a plant nothing differs. Sites are ranked by how much likelier the
search makes the candidate with the plant than without (same seed, batches, noise and cost). A task is recovered where the planted
sites are the highest of all.

Planted sites are the last norms (``bn2``) of two stages: an early pair (1, 2), a middle pair (2, 3), one early and one late (1, 4). For
``instance`` the late one is of stage 3, as instance norms take away what late maps carry.

Settings were developed on seeds from 100 to 199; seeds 200 to 209 are the score. What mattered for Gumbel samples:

- Steps. While a planted site is still undecided, half of the samples leave the alteration in, and the next instance norm
  (``layer4.0.downsample.1``) truly helps; its gain fades once the planted sites are settled. 6 epochs were too few, 12 are enough.
- One price for every site. By latency a late instance norm costs next to nothing, so that nothing took that preference back.
- A temperature that does not fall: at 0.3 gradients of sites without a plant scatter three times as much as at 2.

Run it: ``python -m tests.tasks.planted FOLDER --seeds 200-209 --tasks separation instance --workers 2``. Results are lines of
``FOLDER/planted.jsonl``; what is there is not computed again. ``--truths`` retrains the claimed truths instead.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from tests.tasks.planted_alterations import OFFSET, SCALE, Affine, ImageAffine, InfraredAffine, plant
from tests.tasks.planted_people import Pairs, draw_people, mean_average_precision
from tests.tasks.workers import pool
from vireid import RetrainModule, SearchModule
from vireid.losses import CrossEntropy, FourWayHardTriplet, Loss, SmoothAveragePrecision
from vireid.search import GumbelHard, GumbelSoft, JointNorm, Relaxation, Softmax
from vireid.search.space import CostKind
from vireid.tasks import SGD, Adam, ExpectedCost, Geometric, TwoLevels, WarmupCosine

BACKBONE, LAST_STRIDE, CHANNELS = "resnet10", 1, 8
STEPS, WARM_UP, ALTERNATING = 10, 3, 12  # batches an epoch; epochs
RETRAINING = 15  # epochs
COST = 0.06  # weight of the cost, which has one price for every site: a plant must not win or lose by where it is
CONTROL = ""
RELAXATIONS: dict[str, tuple[type[Relaxation], float, float]] = {  # of the architecture step, and its first and last temperature
    "softmax": (Softmax, 1.0, 1.0),
    "gumbel": (GumbelSoft, 1.0, 1.0),
}


@dataclass(frozen=True)
class Task:
    """A plant, the space that is searched, and the candidate that undoes it.

    ``sets`` are the planted stages.
    """

    candidate: str
    candidates: tuple[str, ...]
    alteration: Callable[[int, tuple[int, ...]], Affine]
    sets: tuple[str, ...]
    cost: CostKind
    cost_weight: float

    def space(self) -> JointNorm:
        return JointNorm(BACKBONE, candidates=self.candidates, last_stride=LAST_STRIDE, width=CHANNELS)

    def alterations(self, stages: str, seed: int) -> dict[str, Affine]:
        sites = {site.name: int(site.channels or 0) for site in self.space().sites()}
        names = planted_sites(stages)
        return {name: self.alteration(sites[name], (77, seed, number)) for number, name in enumerate(names)}


TASKS = {
    "separation": Task("separate_bn", ("shared_bn", "separate_bn"), InfraredAffine, ("12", "23", "14"), "modality_specific_sites", COST),
    "instance": Task("in", ("shared_bn", "in"), ImageAffine, ("12", "23", "13"), "unfoldable_sites", COST),
    "joint": Task("separate_bn", ("shared_bn", "separate_bn", "in"), InfraredAffine, ("12", "23", "14"), "modality_specific_sites", COST),
}


def planted_sites(stages: str) -> list[str]:
    """The last norm of each stage of ``stages``, digits."""
    return [f"layer{stage}.0.bn2" for stage in stages]


def losses() -> list[Loss]:
    return [CrossEntropy(label_smoothing=0.1), FourWayHardTriplet()]


def architecture_losses() -> list[Loss]:
    """Those of ``search/cm_nas.yaml``."""
    return [SmoothAveragePrecision(), SmoothAveragePrecision(on="embeddings", name="smooth_ap_embeddings")]


def fit(module: pl.LightningModule, batches: Pairs, epochs: int) -> None:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="pytorch_lightning|lightning_fabric|torch")
        trainer = pl.Trainer(
            max_epochs=epochs,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=folder,
        )
        trainer.fit(module, DataLoader(batches, batch_size=None))


@dataclass(frozen=True)
class Run:
    """One search, or one retraining where ``relaxation`` is empty and ``genotype`` says of what."""

    task: str
    stages: str
    seed: int
    relaxation: str = ""
    genotype: str = ""
    alternating: int = ALTERNATING
    settings: tuple[Any, ...] = ("smooth_ap", BACKBONE, CHANNELS, STEPS, WARM_UP, RETRAINING, SCALE, OFFSET)

    def search(self, tree: Path) -> dict[str, list[float]]:
        """Probabilities of the candidates by site."""
        task, (relaxation, start, end) = TASKS[self.task], RELAXATIONS[self.relaxation]
        people, epochs = draw_people(tree), WARM_UP + self.alternating
        strategy = TwoLevels(
            GumbelHard(),
            architecture_losses=architecture_losses(),
            relaxation=relaxation(),
            architecture_optimizer=Adam(0.03, weight_decay=0.0),
            temperature=Geometric(start, end),
            penalties=[ExpectedCost(task.cost_weight, task.cost)],
            warmup_epochs=WARM_UP,
        )
        module = SearchModule(
            len(people),
            task.space(),
            weights=None,
            losses=losses(),
            optimizer=SGD(0.05, schedule=WarmupCosine(epochs, 1)),
            strategy=strategy,
            seed=self.seed,
        )
        plant(module.network, task.alterations(self.stages, self.seed))
        fit(module, Pairs(people, self.seed, STEPS, search=True), epochs)
        return module.architecture.table()

    def retrain(self, tree: Path) -> float:
        """mAP of people that were not trained on, by a network that has the task's candidate at the sites of ``genotype``."""
        task, people = TASKS[self.task], draw_people(tree)
        space = task.space()
        inside = {"truth": planted_sites(self.stages), "shared": [], "all": [site.name for site in space.sites()]}[self.genotype]
        choices = {site.name: task.candidate if site.name in inside else "shared_bn" for site in space.sites()}
        module = RetrainModule(
            len(people),
            space.genotype(choices).to_dict(),
            weights=None,
            losses=losses(),
            optimizer=SGD(0.05, schedule=WarmupCosine(RETRAINING, 1)),
            seed=self.seed,
        )
        plant(module.network, task.alterations(self.stages, self.seed))
        fit(module, Pairs(people, self.seed, STEPS, search=False), RETRAINING)
        return mean_average_precision(module.network, people)

    def key(self) -> dict[str, Any]:
        task = TASKS[self.task]
        search = [*RELAXATIONS[self.relaxation][1:], task.cost, task.cost_weight] if self.relaxation else []
        return {**vars(self), "settings": [*self.settings, *search]}


def compute(run: Run, tree: Path) -> Any:
    torch.set_num_threads(1)
    return run.search(tree) if run.relaxation else run.retrain(tree)


def results(runs: list[Run], folder: Path, workers: int = 1) -> dict[Run, Any]:
    """What came out of every run; those in ``folder/planted.jsonl`` are read, the others computed and added."""
    file, tree = folder / "planted.jsonl", folder / "tree"
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    known = {json.dumps(line["run"], sort_keys=True): line["result"] for line in lines}
    names = {run: json.dumps(run.key(), sort_keys=True) for run in runs}
    missing = [run for run, name in names.items() if name not in known]
    draw_people(tree)
    for run, result in computed(missing, tree, workers):
        known[names[run]] = result
        with file.open("a") as stream:
            stream.write(json.dumps({"run": run.key(), "result": result}) + "\n")
    return {run: known[name] for run, name in names.items()}


def computed(runs: list[Run], tree: Path, workers: int) -> Iterator[tuple[Run, Any]]:
    """Results as they come."""
    if workers == 1:
        yield from ((run, compute(run, tree)) for run in runs)
        return
    with pool(workers) as processes:
        waiting = {processes.submit(compute, run, tree): run for run in runs}
        yield from ((waiting[done], done.result()) for done in as_completed(waiting))


def differences(task: Task, planted: dict[str, list[float]], control: dict[str, list[float]]) -> dict[str, float]:
    """How much likelier the plant makes the task's candidate, by site, the most first."""
    place = task.candidates.index(task.candidate)
    found = {site: planted[site][place] - control[site][place] for site in planted}
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def searches(names: list[str], seeds: list[int], relaxations: list[str]) -> list[Run]:
    """Every search of the study; a control serves all sets of its task."""
    return [
        Run(name, stages, seed, relaxation)
        for seed in seeds
        for name in names
        for relaxation in relaxations
        for stages in (CONTROL, *TASKS[name].sets)
    ]


def retrainings(names: list[str], seeds: list[int]) -> list[Run]:
    """The claimed truths, and what they must beat: the candidate nowhere and everywhere."""
    return [
        Run(name, stages, seed, genotype=genotype)
        for seed in seeds
        for name in names
        for stages in TASKS[name].sets
        for genotype in ("truth", "shared", "all")
    ]


def recovery_report(found: dict[Run, Any]) -> Iterator[str]:
    """A line for every task, set and relaxation, and one for every seed."""
    for run in sorted({Run(run.task, run.stages, 0, run.relaxation) for run in found if run.stages}, key=str):
        planted = planted_sites(run.stages)
        rows = []
        for seed in sorted({other.seed for other in found}):
            ranked = differences(
                TASKS[run.task],
                found[Run(run.task, run.stages, seed, run.relaxation)],
                found[Run(run.task, CONTROL, seed, run.relaxation)],
            )
            rows.append((seed, list(ranked).index, ranked))
        hits = sum(set(list(ranked)[: len(planted)]) == set(planted) for _, _, ranked in rows)
        yield f"{run.task} {run.stages} {run.relaxation}: {hits}/{len(rows)}"
        for seed, place, ranked in rows:
            ranks = ", ".join(f"{site} {place(site) + 1} ({ranked[site]:+.2f})" for site in planted)
            best = next((site, value) for site, value in ranked.items() if site not in planted)
            yield f"  seed {seed}: {ranks}; best other {best[0]} ({best[1]:+.2f})"


def truth_report(found: dict[Run, Any]) -> Iterator[str]:
    """A line for every task, set and seed."""
    for run in found:
        if run.genotype == "truth":
            values = {name: found[Run(run.task, run.stages, run.seed, genotype=name)] for name in ("truth", "shared", "all")}
            yield f"{run.task} {run.stages} seed {run.seed}: mAP " + ", ".join(f"{name} {value:.3f}" for name, value in values.items())


def seed_range(text: str) -> list[int]:
    first, _, last = text.partition("-")
    return list(range(int(first), int(last or first) + 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=seed_range, default=[0], help="such as 200-209")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--relaxations", nargs="+", choices=RELAXATIONS, default=list(RELAXATIONS))
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--truths", action="store_true", help="retrain the claimed truths instead of searching")
    asked = parser.parse_args()
    runs = retrainings(asked.tasks, asked.seeds) if asked.truths else searches(asked.tasks, asked.seeds, asked.relaxations)
    found = results(runs, asked.folder, asked.workers)
    for line in truth_report(found) if asked.truths else recovery_report(found):
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
