"""All runs of a study, in order."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from vireid.commands.jobs.job import Job, State, Step, states
from vireid.commands.study.networks import Network, about, networks
from vireid.commands.study.recipes import Recipe, recipe
from vireid.commands.study.settings import StudySettings
from vireid.errors import SettingsError
from vireid.search import SearchSpace
from vireid.settings import instantiate, plain

LIGHTNING = "vireid.commands.lightning"
SCORES = "vireid.commands.study.scores"
QUIET = ("--trainer.enable_progress_bar=false",)


@dataclass(frozen=True)
class Plan:
    """What a study runs.

    Attributes:
        folder: folder for everything that it writes.
        settings: settings as configured.
        space: space of the baselines and random points.
        retrain: the recipe of every retraining.
        networks: the networks that are retrained.
        jobs: jobs in order; a job comes after the job that it needs.
    """

    folder: Path
    settings: StudySettings
    space: SearchSpace
    retrain: Recipe
    networks: tuple[Network, ...]
    jobs: tuple[Job, ...]

    def job(self, name: str) -> Job:
        """The job of this name."""
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, Job]:
        return {job.name: job for job in self.jobs}

    def states(self) -> dict[str, State]:
        """How far every job is now, by its name."""
        return states(self.jobs, self.folder)


def retrain_name(network: Network, seed: int) -> str:
    """Name of the job of a retraining, which is also the folder of its results."""
    return f"retrain/{network.name}-seed{seed}"


def make_plan(settings: StudySettings, folder: Path) -> Plan:
    """Check every recipe and list every job. This draws and trains nothing, and writes only the inline layers.

    Raises:
        SettingsError: recipes are refused or do not fit together.
        GenotypeError: an unknown baseline.
    """
    space = instantiate(settings.space)
    if not isinstance(space, SearchSpace):
        raise SettingsError(f"`space` must name a search space, got {settings.space.get('class_path')!r}.")
    searches = {
        name: recipe(f"searches.{name}", [*settings.data, *layers], folder / "configs") for name, layers in settings.searches.items()
    }
    retrain = recipe("retrain", [*settings.data, *settings.retrain], folder / "configs")
    _check(settings, space, searches, retrain)
    found = networks(settings, space)
    jobs = [_search_job(folder, name, searches[name], seed) for name in searches for seed in settings.search_seeds]
    jobs += [_retrain_job(folder, settings, retrain, network, seed) for network in found for seed in settings.retrain_seeds]
    if settings.fidelity is not None:
        ranked = [network for network in found if network.ranked]
        chosen = settings.fidelity.search
        jobs += [_score_job(folder, chosen, searches[chosen], ranked, seed) for seed in settings.search_seeds]
    return Plan(folder, settings, space, retrain, tuple(found), tuple(jobs))


def _check(settings: StudySettings, space: SearchSpace, searches: dict[str, Recipe], retrain: Recipe) -> None:
    if retrain.model("space") is not None:
        raise SettingsError("Every genotype of a study brings its own space: set `model.init_args.space` of `retrain` to null.")
    if retrain.data["init_args"].get("search_split", "none") != "none":
        raise SettingsError("Retraining takes all rows: set `data.init_args.search_split` to `none` in `retrain`.")
    if settings.fidelity is None:
        return
    if retrain.data["init_args"].get("validation") != "heldout":
        raise SettingsError(
            "`fidelity` compares networks on training identities that they did not see: set `data.init_args.validation` "
            "to `heldout` in `retrain`, or `fidelity` to null."
        )
    search = searches[settings.fidelity.search]
    if search.data["init_args"].get("search_split") != "identity" and search.data["init_args"].get("validation") != "heldout":
        raise SettingsError(
            "`fidelity` scores the supernet on identities that its weights never saw: set `data.init_args.search_split` to `identity`, "
            f"or `data.init_args.validation` to `heldout`, in `searches.{settings.fidelity.search}`."
        )
    searched = search.model("space")
    if searched is None or instantiate(plain(searched)).settings() != space.settings():
        raise SettingsError(
            f"The supernet of `searches.{settings.fidelity.search}` must be of the study's `space`, which `fidelity` samples."
        )


def _search_job(folder: Path, kind: str, recipe: Recipe, seed: int) -> Job:
    name = f"search/{kind}-seed{seed}"
    words = ("fit", *recipe.words, *QUIET, "--seed_everything", str(seed), "--run_dir", str(folder / name), "--ckpt_path", "last")
    settings: dict[str, Any] = {"recipe": recipe.resolved, "seed": seed}
    return Job(name, (Step("fit", LIGHTNING, words),), settings)


def _retrain_job(folder: Path, settings: StudySettings, recipe: Recipe, network: Network, seed: int) -> Job:
    name = retrain_name(network, seed)
    path = folder / name
    genotype = ("--model.init_args.genotype", str(folder / network.path))
    run = ("--seed_everything", str(seed), "--run_dir", str(path), "--ckpt_path", "last")
    steps = [Step("fit", LIGHTNING, ("fit", *recipe.words, *QUIET, *genotype, *run))]
    evaluations = {"validate": settings.fidelity is not None, "test": network.tested}
    steps += [_evaluation(kind, path, recipe) for kind, wanted in evaluations.items() if wanted]
    chosen = {"answer of": network.search} if network.genotype is None else about(network.genotype)
    return Job(name, tuple(steps), {"recipe": recipe.resolved, "seed": seed, "genotype": chosen}, needs=network.search or "")


def _evaluation(kind: str, run: Path, recipe: Recipe) -> Step:
    target = run / f"{kind}-1"
    checkpoint = run / "checkpoints" / "last.ckpt"
    words = (kind, "--ckpt_path", str(checkpoint), "--run_dir", str(target), *QUIET, *recipe.device_words())
    return Step(kind, LIGHTNING, words, clear=str(target))


def _score_job(folder: Path, kind: str, recipe: Recipe, ranked: list[Network], seed: int) -> Job:
    search = f"search/{kind}-seed{seed}"
    name = f"scores/{kind}-seed{seed}"
    files = [str(folder / network.path) for network in ranked]
    accelerator = str(recipe.resolved["trainer"].get("accelerator") or "auto")
    words = (str(folder / search / "checkpoints" / "last.ckpt"), str(folder / name / "scores.json"), accelerator, *files)
    points = {network.name: about(network.genotype) for network in ranked if network.genotype is not None}
    return Job(name, (Step("score", SCORES, words),), {"recipe": recipe.resolved, "seed": seed, "genotypes": points}, needs=search)
