"""Arguments of samplers: lengths, and the batches of two epochs."""

from __future__ import annotations

from typing import Any

from tests.arguments.table import Change, Table
from vireid.data import ARCHITECTURE, BatchRows, CrossModalitySampler, SearchSampler, UniformSampler, WithoutReplacementSampler
from vireid.data.samplers.base import KeyedSampler
from vireid.structures import Modality, Record

RECORDS = tuple(Record("", pid, 1, modality) for modality in Modality for pid in range(6) for _ in range(5))
VISIBLE = tuple(record for record in RECORDS if record.modality == Modality.VISIBLE)


def described(rows: BatchRows) -> list[Any]:
    return [list(rows), rows.n_visible, rows.key, rows.images_per_identity]


def observe(sampler: KeyedSampler) -> list[Any]:
    return [len(sampler), [described(sampler.batch(epoch, iteration)) for epoch in range(2) for iteration in range(2)]]


def observe_search(sampler: SearchSampler) -> list[Any]:
    return [[described(rows) for rows in step] for step in sampler]


def sampler(purpose: int = 0, seed: int = 0) -> CrossModalitySampler:
    return CrossModalitySampler(RECORDS, 2, 2, seed, purpose)


DRAWN = {"seed": Change(1), "purpose": Change(ARCHITECTURE), "rank": Change(1, {"world_size": 2}), "world_size": Change(2)}
PEOPLE = {"records": Change(VISIBLE), "identities_per_batch": Change(3), "images_per_identity": Change(1), **DRAWN}
SMALL = {"records": RECORDS, "identities_per_batch": 2, "images_per_identity": 2}

TABLES = [
    Table(
        BatchRows,
        described,
        {"rows": Change([1, 0]), "n_visible": Change(1), "key": Change((0, 1)), "images_per_identity": Change(2)},
    ),
    Table(CrossModalitySampler, observe, PEOPLE, SMALL),
    Table(WithoutReplacementSampler, observe, PEOPLE, SMALL),
    Table(
        UniformSampler,
        observe,
        {"records": Change(VISIBLE[:-2]), "images_per_batch": Change(3), **DRAWN},
        {"records": VISIBLE, "images_per_batch": 4},
    ),
    Table(
        SearchSampler,
        observe_search,
        {"weights": Change(sampler(seed=1)), "architecture": Change(sampler(ARCHITECTURE, seed=1))},
        {"weights": sampler(), "architecture": sampler(ARCHITECTURE)},
    ),
]
