"""Which values are tried."""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vireid.commands.sweep.ranges import Range, Values
from vireid.errors import SettingsError
from vireid.settings import Recorded

Trial = Mapping[str, Any]
Scored = Sequence[tuple[Trial, float]]


class Sampler(Recorded, ABC):
    """Proposes the options of trials. A proposal is a function of its number, and of the trials that are finished."""

    @abstractmethod
    def count(self, options: Mapping[str, Values]) -> int:
        """Number of trials.

        Raises:
            SettingsError: the sampler cannot take these options.
        """

    @abstractmethod
    def propose(self, number: int, options: Mapping[str, Values], finished: Scored) -> dict[str, Any]:
        """Values of trial ``number``, from 0.

        Args:
            number: of the trial.
            options: what may be taken, by option.
            finished: values and score of each finished trial; a larger score is better.
        """


class GridSampler(Sampler):
    """Every combination of the listed values; the last option changes first."""

    def count(self, options: Mapping[str, Values]) -> int:
        if wide := [name for name, values in options.items() if isinstance(values, Range)]:
            raise SettingsError(f"A grid needs lists of values: `options.{wide[0]}` is a range. List its values, or take `RandomSampler`.")
        return math.prod(len(values) for values in options.values() if isinstance(values, list))

    def propose(self, number: int, options: Mapping[str, Values], finished: Scored) -> dict[str, Any]:  # noqa: ARG002 (interface)
        lists = [values for values in options.values() if isinstance(values, list)]
        return dict(zip(options, next(itertools.islice(itertools.product(*lists), number, None)), strict=True))


class RandomSampler(Sampler):
    """Independent draws.

    Args:
        trials: number of trials.
        seed: of the draws; a trial's values depend on it and on the trial's number alone.
    """

    def __init__(self, trials: int = 10, seed: int = 0) -> None:
        _check(trials)
        self.trials, self.seed = trials, seed

    def count(self, options: Mapping[str, Values]) -> int:  # noqa: ARG002 (interface)
        return self.trials

    def propose(self, number: int, options: Mapping[str, Values], finished: Scored) -> dict[str, Any]:  # noqa: ARG002 (interface)
        generator = np.random.default_rng([self.seed, number])
        return {
            name: values.draw(generator) if isinstance(values, Range) else values[int(generator.integers(len(values)))]
            for name, values in options.items()
        }


class OptunaSampler(Sampler):
    """A sampler of Optuna, which learns from finished trials.

    Args:
        name: of the class in ``optuna.samplers``, such as ``TPESampler`` or ``GPSampler``.
        trials: number of trials.
        seed: of the sampler.
    """

    def __init__(self, name: str = "TPESampler", trials: int = 10, seed: int = 0) -> None:
        _check(trials)
        self.name, self.trials, self.seed = name, trials, seed

    def count(self, options: Mapping[str, Values]) -> int:  # noqa: ARG002 (interface)
        self._class()
        return self.trials

    def propose(self, number: int, options: Mapping[str, Values], finished: Scored) -> dict[str, Any]:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(direction="maximize", sampler=self._class()(seed=self.seed + number))
        spaces = {name: _space(values) for name, values in options.items()}
        for trial, score in finished:
            taken = {name: _key(options[name], value) for name, value in trial.items()}
            study.add_trial(optuna.trial.create_trial(params=taken, distributions=spaces, value=score))
        asked = study.ask(spaces).params
        return {name: _value(values, asked[name]) for name, values in options.items()}

    def _class(self) -> Any:
        try:
            from optuna import samplers
        except ImportError as error:
            raise SettingsError("optuna must be installed for its samplers: pip install 'vireid[sweep]'.") from error
        known = {
            name for name in dir(samplers) if name.endswith("Sampler") and name not in ("BaseSampler", "GridSampler", "PartialFixedSampler")
        }
        if self.name not in known:
            raise SettingsError(f"`name` must be one of Optuna's samplers ({', '.join(sorted(known))}), got {self.name!r}.")
        return getattr(samplers, self.name)


def _check(trials: int) -> None:
    if trials < 1:
        raise SettingsError(f"`trials` must be at least 1, got {trials}.")


def _space(values: Values) -> Any:
    from optuna import distributions

    if isinstance(values, list):
        return distributions.CategoricalDistribution(range(len(values)))
    if values.whole:
        return distributions.IntDistribution(int(values.low), int(values.high), log=values.log)
    return distributions.FloatDistribution(values.low, values.high, log=values.log)


def _key(values: Values, value: Any) -> Any:
    """What stands for a value in Optuna: of a list, its place."""
    return values.index(value) if isinstance(values, list) else value


def _value(values: Values, key: Any) -> Any:
    return values[key] if isinstance(values, list) else key
