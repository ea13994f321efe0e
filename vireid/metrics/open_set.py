"""Identification among people who may be unknown: error rates, and the threshold that rejects strangers. Only NumPy is needed.

A search compares images of one person with a gallery of N people. The score of a person in the gallery is that of the best image. A
search is mated if its person is in the gallery. The same search with its own person taken out of the gallery is not mated, and whatever
it finds is wrong. A candidate is accepted if its score exceeds the threshold. NIST accepts a score equal to it, too; the two differ where
scores are tied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vireid.metrics.intervals import clopper_pearson, design_effect

SEARCHES_PER_TARGET = 30
"""A threshold for the rate r needs at least this number divided by r of searches that are not mated."""

ALARM_PEOPLE = 10
"""The false alarms at a threshold must be those of at least so many people."""

Floats = NDArray[np.float64]


class TooFewSearchesError(ValueError):
    """There are too few searches, or too few people, to choose a threshold for a rate."""


@dataclass(frozen=True)
class Searches:
    """The best scores of searches in a gallery, ``(S,)`` each.

    Attributes:
        people: labels of the people searched.
        mated: float64 score of the own person; NaN if he is not in the gallery.
        non_mated: float64 score of the best other person: the top score of the same search without the own person; NaN if there is none.
        ranks: float64 rank of the own person among people, from 1; another person with the same score is before him. NaN if he is not in
            the gallery.
        size: number of people in the gallery of a search that is not mated; the mean over searches, rounded.
    """

    people: NDArray[Any]
    mated: Floats
    non_mated: Floats
    ranks: Floats
    size: int


@dataclass(frozen=True)
class Threshold:
    """A score that candidates must exceed, and what is known of its false-positive identification rate.

    Attributes:
        target: wanted rate.
        value: the threshold.
        fpir: rate of the searches it was chosen from, at most ``target``.
        low, high: interval of the rate of other searches like these, at the effective sample size.
        searches, people: number of searches that are not mated, and of their people.
        alarm_people: number of people whose searches are the false alarms.
        effective: searches divided by the design effect over people.
        size: number of people in the gallery. The rate grows with it.
    """

    target: float
    value: float
    fpir: float
    low: float
    high: float
    searches: int
    people: int
    alarm_people: int
    effective: float
    size: int


def fpir(non_mated: ArrayLike, threshold: float) -> float:
    """False-positive identification rate: share of searches without a mate in which somebody is accepted.

    Args:
        non_mated: ``(S,)`` top scores of searches that are not mated; NaN is left out.
        threshold: score that must be exceeded.

    Raises:
        ValueError: there are no searches.

    Example:
        >>> fpir([0.1, 0.2, 0.3, 0.4], 0.3)
        0.25
    """
    return float(np.mean(_known("non_mated", non_mated) > threshold))


def fnir(mated: ArrayLike, ranks: ArrayLike, threshold: float, rank: float = 1) -> float:
    """False-negative identification rate: share of searches whose own person is not accepted, or is beyond a rank.

    Args:
        mated: ``(S,)`` scores of the own person; NaN is left out.
        ranks: ``(S,)`` rank of the own person among people, from 1.
        threshold: score that must be exceeded; minus infinity for an investigation, which looks at every candidate of the rank.
        rank: largest rank that counts; infinity for any.

    Raises:
        ValueError: shapes differ, or there are no searches.

    Example:
        >>> fnir([0.9, 0.8, 0.2], [1, 2, 1], 0.5), fnir([0.9, 0.8, 0.2], [1, 2, 1], 0.5, rank=2)
        (0.6666666666666666, 0.3333333333333333)
    """
    scores, places = np.asarray(mated, np.float64), np.asarray(ranks, np.float64)
    if scores.shape != places.shape:
        raise ValueError(f"`mated` and `ranks` must be equally long, got {scores.shape} and {places.shape}.")
    places = places[~np.isnan(scores)]
    return float(np.mean(~((_known("mated", scores) > threshold) & (places <= rank))))


def det_curve(searches: Searches, rank: float = 1) -> tuple[Floats, Floats, Floats]:
    """Detection error trade-off: both rates at every threshold where one of them changes.

    Args:
        searches: best scores.
        rank: largest rank of the own person that counts.

    Returns:
        ``(T,)`` thresholds, ascending from minus infinity; their FPIR, which falls; their FNIR, which rises.

    Raises:
        ValueError: no search is mated, or none is not.

    Example::

        thresholds, fpir, fnir = det_curve(searches)
    """
    strangers = np.sort(_known("non_mated", searches.non_mated))
    mates = _known("mated", searches.mated)
    found = np.sort(mates[searches.ranks[~np.isnan(searches.mated)] <= rank])
    thresholds = np.concatenate([[-np.inf], np.unique(np.concatenate([strangers, mates]))])
    false_alarms = 1 - np.searchsorted(strangers, thresholds, side="right") / len(strangers)
    misses = 1 - (len(found) - np.searchsorted(found, thresholds, side="right")) / len(mates)
    return thresholds, false_alarms, misses


def threshold_at(searches: Searches, target: float, level: float = 0.95) -> Threshold:
    """The smallest top score of a search that is not mated which at most the share ``target`` of such searches exceeds.

    The interval is that of Clopper and Pearson at the effective sample size: searches of one person resemble one another, and taken as
    independent they would promise more than they know.

    Args:
        searches: best scores of people who were not trained on.
        target: wanted false-positive identification rate, between 0 and 1.
        level: probability of the interval.

    Raises:
        TooFewSearchesError: there are fewer than ``30 / target`` searches, or the false alarms are those of fewer than 10 people.
        ValueError: ``target`` is out of range.

    Example::

        accepted = threshold_at(searches, target=0.01)

    Reference:
        Grother, Ngan, Hanaoka: Face Recognition Vendor Test Part 2: Identification, NIST IR 8271, 2019 (the rates).
    """
    if not 0 < target < 1:
        raise ValueError(f"`target` must be between 0 and 1, such as 0.01, got {target}.")
    known = ~np.isnan(searches.non_mated)
    scores, people = searches.non_mated[known], searches.people[known]
    needed = SEARCHES_PER_TARGET / target
    if len(scores) < needed * (1 - 1e-9):
        raise TooFewSearchesError(
            f"A threshold for a false-positive rate of {target:g} needs at least {needed:.0f} searches of people who are not in the "
            f"gallery, got {len(scores)}. Add images of more people, or take a larger rate."
        )
    value = float(np.sort(scores)[::-1][int(target * len(scores) * (1 + 1e-12))])
    alarms = scores > value
    alarm_people = len(np.unique(people[alarms]))
    if alarm_people < ALARM_PEOPLE:
        raise TooFewSearchesError(
            f"The false alarms at a rate of {target:g} are those of {alarm_people} people, and at least {ALARM_PEOPLE} are needed to say "
            "how often others cause one. Add images of more people, or take a larger rate."
        )
    effective = len(scores) / design_effect(alarms, people)
    rate = float(alarms.mean())
    low, high = clopper_pearson(rate * effective, effective, level)
    return Threshold(target, value, rate, low, high, len(scores), len(np.unique(people)), alarm_people, effective, searches.size)


@dataclass(frozen=True)
class OperatingPoint:
    """What a target rate costs: threshold and missed people, or the reason why there is no threshold.

    Attributes:
        target: wanted false-positive identification rate.
        threshold: chosen threshold; ``None`` if it was refused.
        fnir: share of the searches whose own person is not first, or not accepted; ``None`` if it was refused, or no search is mated.
        refused: reason; empty if there is a threshold.
    """

    target: float
    threshold: Threshold | None
    fnir: float | None
    refused: str = ""


def operating_points(searches: Searches, targets: Sequence[float]) -> tuple[OperatingPoint, ...]:
    """Threshold and FNIR at rank 1 for each target rate; :func:`threshold_at` says when one is refused.

    Args:
        searches: best scores of people who were not trained on.
        targets: wanted rates, each between 0 and 1.

    Raises:
        ValueError: a target is out of range.

    Example::

        for point in operating_points(searches, targets=(0.01, 0.1)):
            print(point)
    """
    points = []
    for target in targets:
        try:
            threshold = threshold_at(searches, target)
        except TooFewSearchesError as error:
            points.append(OperatingPoint(target, None, None, str(error)))
            continue
        missed = None if np.isnan(searches.mated).all() else fnir(searches.mated, searches.ranks, threshold.value)
        points.append(OperatingPoint(target, threshold, missed))
    return tuple(points)


def _known(name: str, values: ArrayLike) -> Floats:
    scores = np.asarray(values, dtype=np.float64)
    if scores.ndim != 1:
        raise ValueError(f"`{name}` must be a list of numbers, got shape {scores.shape}.")
    known = scores[~np.isnan(scores)]
    if not len(known):
        raise ValueError(f"`{name}` must hold at least one score that is not NaN.")
    return known
