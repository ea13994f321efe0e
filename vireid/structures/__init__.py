"""Value types that every layer shares."""

from vireid.structures.batch import Batch, Modality, Record, SearchBatch, generator_for, stack_keys
from vireid.structures.evaluation import Evaluation, Rule, Setting, Trial
from vireid.structures.genotype import Genotype

__all__ = [
    "Batch",
    "Evaluation",
    "Genotype",
    "Modality",
    "Record",
    "Rule",
    "SearchBatch",
    "Setting",
    "Trial",
    "generator_for",
    "stack_keys",
]
