"""Conversion of lists of query and gallery records to an :class:`~vireid.structures.Evaluation`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from vireid.errors import DatasetError
from vireid.structures import Evaluation, Modality, Record, Rule, Setting, Trial

Draw = tuple[Sequence[Record], Sequence[Record]]


def assemble(rule: Rule, draws: Mapping[str, Sequence[Draw]]) -> Evaluation:
    """Evaluation over the union of all images, visible first.

    Args:
        rule: scoring rule of every setting.
        draws: per protocol id and trial, the query and the gallery in protocol order.

    Raises:
        DatasetError: a query or a gallery has no image.
    """
    for protocol, trials in draws.items():
        for number, (query, gallery) in enumerate(trials):
            if not query or not gallery:
                raise DatasetError(f"Trial {number} of `{protocol}` has {len(query)} query and {len(gallery)} gallery images.")
    union = dict.fromkeys(record for trials in draws.values() for draw in trials for records in draw for record in records)
    records = sorted(union, key=_order)
    position = {record: row for row, record in enumerate(records)}

    def rows(drawn: Sequence[Record]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.fromiter((position[record] for record in drawn), np.int64, len(drawn))

    settings = tuple(
        Setting(protocol, rule, tuple(Trial(rows(query), rows(gallery)) for query, gallery in trials)) for protocol, trials in draws.items()
    )
    return Evaluation(tuple(records), settings)


def _order(record: Record) -> tuple[int, int, int, str]:
    return record.modality, record.pid, record.camid, record.path


def by_modality(records: Iterable[Record]) -> tuple[list[Record], list[Record]]:
    """Visible and infrared records, each in the given order."""
    split: tuple[list[Record], list[Record]] = ([], [])
    for record in records:
        split[int(record.modality == Modality.INFRARED)].append(record)
    return split


def both_directions(name: str, records: Iterable[Record], suffix: str = "") -> dict[str, list[Draw]]:
    """All images of one modality against all of the other, in one trial, in both directions.

    Args:
        name: first part of the protocol ids, e.g. ``"regdb"``.
        records: images of both modalities.
        suffix: last part of the ids, e.g. ``"/trial-1"``.

    Example:
        >>> list(both_directions("regdb", [], "/trial-1"))
        ['regdb/visible-to-infrared/trial-1', 'regdb/infrared-to-visible/trial-1']
    """
    visible, infrared = by_modality(records)
    return {
        f"{name}/visible-to-infrared{suffix}": [(visible, infrared)],
        f"{name}/infrared-to-visible{suffix}": [(infrared, visible)],
    }


def first_trials(evaluation: Evaluation) -> Evaluation:
    """The same settings with their first trial only, and only the images of this trial."""
    draws = {
        setting.protocol: [
            (
                [evaluation.records[row] for row in setting.trials[0].query],
                [evaluation.records[row] for row in setting.trials[0].gallery],
            )
        ]
        for setting in evaluation.settings
    }
    return assemble(evaluation.settings[0].rule, draws)
