"""Value types that every layer shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vireid.lazy import lazy

if TYPE_CHECKING:
    from vireid.structures.batch import (
        Batch as Batch,
        SearchBatch as SearchBatch,
        generator_for as generator_for,
        stack_keys as stack_keys,
    )
    from vireid.structures.evaluation import Evaluation as Evaluation, Rule as Rule, Setting as Setting, Trial as Trial
    from vireid.structures.genotype import Genotype as Genotype
    from vireid.structures.records import Modality as Modality, Record as Record
    from vireid.structures.shards import Shard as Shard

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        ".batch": ["Batch", "SearchBatch", "generator_for", "stack_keys"],
        ".evaluation": ["Evaluation", "Rule", "Setting", "Trial"],
        ".genotype": ["Genotype"],
        ".records": ["Modality", "Record"],
        ".shards": ["Shard"],
    },
)
