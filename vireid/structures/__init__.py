"""Value types that every layer shares."""

from vireid.structures.batch import Batch, Modality, Record, SearchBatch, generator_for, stack_keys
from vireid.structures.evaluation import Evaluation, Rule, Setting, Trial
from vireid.structures.genotype import Genotype
from vireid.structures.settings import Recorded, instantiate, settings_of

__all__ = [
    "Batch",
    "Evaluation",
    "Genotype",
    "Modality",
    "Record",
    "Recorded",
    "Rule",
    "SearchBatch",
    "Setting",
    "Trial",
    "generator_for",
    "instantiate",
    "settings_of",
    "stack_keys",
]
