"""What a study compares, read from its configuration file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # ships no type information

from vireid.commands.layers import read_configuration, yaml_problem
from vireid.errors import SettingsError

Layers = list[Any]
"""Names of configuration files and inline parts of such files. Later ones win."""

MOST_RUNS = 10_000  # of searches and trainings: a file of a few bytes may ask for any number
REQUIRED = ("data", "space", "searches", "retrain")
IGNORED = "definitions"
"""Key whose content is free. It is a place for YAML anchors, such as the numbers of a budget."""


@dataclass(frozen=True)
class Fidelity:
    """Settings of the measurement how well a supernet ranks networks.

    Attributes:
        search: name of the search whose supernet is measured.
        genotypes: number of genotypes that are ranked: the random ones, the baselines, and stratified samples up to this number.
    """

    search: str
    genotypes: int = 20


@dataclass(frozen=True)
class StudySettings:
    """Settings of a study.

    Attributes:
        data: layers of the data configuration, below those of every search and of the retraining.
        space: settings (``class_path``, ``init_args``) of the space of baselines and random points.
        baseline_space: settings of the space of the baselines, if they need freer sites than those of ``space``; ``None`` for ``space``.
        searches: layers by name; every search runs once for each search seed.
        retrain: layers of the one recipe by which every genotype is trained.
        genotypes: names of baselines of that space; a supernet ranks only those that are points of ``space``.
        random: number of uniformly random points, which are named ``random-0``, ``random-1``, ...
        search_seeds: seeds of the searches; every search runs once for each.
        retrain_seeds: seeds of the retrainings; every genotype is trained once for each.
        protocol: protocol of the test results that is reported, or the beginning of its name.
        reference: the genotype with which every group is compared, beside the random mean.
        fidelity: whether and how supernet and stand-alone scores are compared; ``None`` leaves it out.
        template: whether the untrained grey template is a row of the table.
    """

    data: Layers
    space: dict[str, Any]
    searches: dict[str, Layers]
    retrain: Layers
    genotypes: list[str]
    random: int = 10
    search_seeds: tuple[int, ...] = (0, 1, 2)
    retrain_seeds: tuple[int, ...] = (0, 1)
    protocol: str = ""
    reference: str = "all_shared"
    fidelity: Fidelity | None = None
    template: bool = True
    baseline_space: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values. :meth:`from_dict` makes an equal object from them."""
        return asdict(self)

    @classmethod
    def load(cls, path: Path) -> StudySettings:
        """Read a YAML (or JSON) file.

        Raises:
            SettingsError: the file is not YAML, or :meth:`from_dict` refuses it.
        """
        try:
            content = read_configuration(path)
        except (OSError, UnicodeDecodeError, RecursionError, yaml.YAMLError) as error:
            raise SettingsError(f"{str(path)!r} cannot be read as YAML: {yaml_problem(error)}.") from error
        return cls.from_dict(content, repr(str(path)))

    @classmethod
    def from_dict(cls, content: Any, source: str = "the study") -> StudySettings:
        """Settings from plain values.

        Raises:
            SettingsError: keys are unknown or missing, or values do not fit; the message names the first problem.
        """
        if not isinstance(content, Mapping):
            raise SettingsError(f"{source} must be a mapping with the keys {', '.join(REQUIRED)}, got {type(content).__name__}.")
        given = {key: value for key, value in content.items() if key != IGNORED}
        _check_keys(given, [field.name for field in fields(cls)], REQUIRED, source)
        for name in ("data", "retrain"):
            _check_layers(given[name], name, source)
        for name, layers in _mapping(given, "searches", source).items():
            _check_layers(layers, f"searches.{name}", source)
        for name in ("space", "baseline_space"):
            if given.get(name) is not None:
                _mapping(given, name, source)
        given["genotypes"] = _names(given.get("genotypes", ["all_shared"]), source)
        for name in ("search_seeds", "retrain_seeds"):
            if name in given:
                given[name] = _seeds(given[name], name, source)
        given["fidelity"] = _fidelity(given.get("fidelity"), given["searches"], source)
        _check_rest(given, source)
        found = cls(**given)
        if found.runs() > MOST_RUNS:
            raise SettingsError(
                f"{source} asks for {found.runs():,} searches and trainings, and at most {MOST_RUNS:,} are run: lower `random`, "
                "`genotypes`, `fidelity.genotypes` or the seeds."
            )
        return found

    def runs(self) -> int:
        """Number of searches and trainings, at most."""
        searches = len(self.searches) * len(self.search_seeds)
        ranked = 0 if self.fidelity is None else self.fidelity.genotypes
        return searches + (searches + len(self.genotypes) + self.random + ranked) * len(self.retrain_seeds)


def _check_keys(given: Mapping[str, Any], known: Sequence[str], required: Sequence[str], source: str) -> None:
    for key in given:
        if key not in known:
            close = get_close_matches(str(key), known, n=1)
            hint = f" Did you mean `{close[0]}`?" if close else ""
            raise SettingsError(f"{source} has an unknown key `{key}`.{hint} Keys: {', '.join(known)}.")
    missing = [name for name in required if name not in given]
    if missing:
        raise SettingsError(f"{source} lacks {', '.join(f'`{name}`' for name in missing)}.")


def _check_layers(value: Any, name: str, source: str) -> None:
    if not isinstance(value, list) or not all(isinstance(layer, (str, Mapping)) for layer in value):
        raise SettingsError(f"`{name}` of {source} must be a list of configuration files and inline settings, got {value!r}.")


def _mapping(given: Mapping[str, Any], name: str, source: str) -> Mapping[str, Any]:
    value = given[name]
    if not isinstance(value, Mapping):
        raise SettingsError(f"`{name}` of {source} must be a mapping, got {value!r}.")
    return value


def _names(value: Any, source: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value) or len(set(value)) != len(value):
        raise SettingsError(f"`genotypes` of {source} must be a list of names of baselines, each once, got {value!r}.")
    return value


def _seeds(value: Any, name: str, source: str) -> tuple[int, ...]:
    listed = tuple(value) if isinstance(value, (list, tuple)) else ()
    if not listed or not all(_is_count(seed, 0) for seed in listed) or len(set(listed)) != len(listed):
        raise SettingsError(f"`{name}` of {source} must be a list of at least one seed (whole numbers from 0, each once), got {value!r}.")
    return listed


def _fidelity(value: Any, searches: Mapping[str, Any], source: str) -> Fidelity | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise SettingsError(f"`fidelity` of {source} must be a mapping with `search` and `genotypes`, or null, got {value!r}.")
    _check_keys(value, ("search", "genotypes"), ("search",), f"`fidelity` of {source}")
    found = Fidelity(**value)
    if found.search not in searches:
        raise SettingsError(f"`fidelity.search` of {source} must be one of the searches ({', '.join(searches)}), got {found.search!r}.")
    if not _is_count(found.genotypes, 3):
        raise SettingsError(f"`fidelity.genotypes` of {source} must be a whole number of at least 3, got {found.genotypes!r}.")
    return found


def _check_rest(given: Mapping[str, Any], source: str) -> None:
    if not _is_count(given.get("random", 0), 0):
        raise SettingsError(f"`random` of {source} must be a whole number from 0, got {given['random']!r}.")
    for name, kind in (("protocol", str), ("reference", str), ("template", bool)):
        if name in given and not isinstance(given[name], kind):
            raise SettingsError(f"`{name}` of {source} must be of type {kind.__name__}, got {given[name]!r}.")
    wrong = [name for name in given["searches"] if not str(name).isidentifier()]
    if wrong:
        raise SettingsError(f"Names of searches become folders: letters, digits and underscores only, got {wrong[0]!r}.")
    reference = given.get("reference", "all_shared")
    if reference not in given["genotypes"]:
        raise SettingsError(f"`reference` of {source} must be one of `genotypes`, got {reference!r}.")


def _is_count(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
