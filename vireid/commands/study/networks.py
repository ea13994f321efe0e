"""The genotypes of a study, and the source of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vireid.commands.study.settings import StudySettings
from vireid.errors import GenotypeError, SettingsError
from vireid.search import SearchSpace, space_of
from vireid.search.choices import choice_problems
from vireid.search.provenance import with_site_provenance
from vireid.settings import instantiate
from vireid.structures import Genotype, generator_for
from vireid.structures.sites import groups

RANDOM, STRATIFIED = "random", "stratified"


@dataclass(frozen=True)
class Network:
    """One genotype that is retrained.

    Attributes:
        name: name of its runs.
        group: the row of the table that it belongs to.
        path: its file, in the folder of the study.
        genotype: its content; ``None`` if a search finds it during the study.
        search: name of the job that finds it; ``None`` if no search does.
        ranked: whether it is one of the genotypes on which the supernet is judged.
        tested: whether it is tested; the others serve only to judge the supernet.
    """

    name: str
    group: str
    path: Path
    genotype: Genotype | None = None
    search: str | None = None
    ranked: bool = False
    tested: bool = True


def networks(settings: StudySettings, space: SearchSpace) -> list[Network]:
    """Every genotype of the study: searched, baselines, random, and samples for the supernet's judgement.

    Raises:
        GenotypeError: an unknown baseline.
        SettingsError: ``baseline_space`` is not a search space.
    """
    found = [
        Network(
            f"{kind}-search{seed}",
            f"searched ({kind})",
            Path("search", f"{kind}-seed{seed}", "genotype.json"),
            search=f"search/{kind}-seed{seed}",
        )
        for kind in settings.searches
        for seed in settings.search_seeds
    ]
    ranked = _ranked(settings)
    hand = space if settings.baseline_space is None else _space(settings.baseline_space)
    fixed = [(name, name, hand.baseline(name)) for name in settings.genotypes]
    fixed += [(f"{RANDOM}-{seed}", RANDOM, space.baseline(f"{RANDOM}-{seed}")) for seed in range(settings.random)]
    order = [name for name, group, _ in fixed if group == RANDOM]
    order += [name for name, _, genotype in fixed[: len(settings.genotypes)] if not choice_problems(genotype.choices, space.sites())]
    chosen = set(order[:ranked])
    found += [Network(name, group, _file(name), genotype, ranked=name in chosen) for name, group, genotype in fixed]
    more = ranked - len(chosen)
    for number in range(more):
        name = f"{STRATIFIED}-{number}"
        genotype = stratified_sample(space, (number + 0.5) / more, number)
        found.append(Network(name, STRATIFIED, _file(name), genotype, ranked=True, tested=False))
    return found


def _space(settings: dict[str, Any]) -> SearchSpace:
    space = instantiate(settings)
    if not isinstance(space, SearchSpace):
        raise SettingsError(f"`baseline_space` must name a search space, got {settings.get('class_path')!r}.")
    return space


def stratified_sample(space: SearchSpace, share: float, seed: int) -> Genotype:
    """A random point that departs from the first candidate at a given share of its sites.

    All uniform points have about the same number of sites of each kind. These points spread over the whole range.

    Args:
        space: any space.
        share: share of the sites, or groups of tied sites, that take another candidate, in [0, 1].
        seed: seed of the draw of sites and candidates.
    """
    counts = [len(members[0].candidates) for members in groups(space.sites())]
    generator = generator_for((seed, 1))
    free = [place for place, count in enumerate(counts) if count > 1]
    code = [0] * len(counts)
    for pick in torch.randperm(len(free), generator=generator)[: round(share * len(free))].tolist():
        code[free[pick]] = 1 + int(torch.randint(counts[free[pick]] - 1, (1,), generator=generator))
    return space.decode(code)


def write_genotypes(found: list[Network], folder: Path) -> None:
    """Write the files of genotypes that do not exist yet.

    Raises:
        GenotypeError: a file exists and holds another genotype.
    """
    for network in found:
        if network.genotype is None:
            continue
        path = folder / network.path
        if not path.exists():
            with_site_provenance(space_of(network.genotype), network.genotype).save(path)
        elif Genotype.load(path) != network.genotype:
            raise GenotypeError(f"{str(path)!r} is not {network.name} of this study any more: name another --folder, or restore the file.")


def about(genotype: Genotype) -> dict[str, Any]:
    """Space and choices of a genotype: the parts that a run depends on."""
    return {"space": dict(genotype.space), "choices": dict(genotype.choices)}


def _ranked(settings: StudySettings) -> int:
    return 0 if settings.fidelity is None else settings.fidelity.genotypes


def _file(name: str) -> Path:
    return Path("genotypes", f"{name}.json")
