"""All cases. Each file of this folder holds those of one entry."""

from __future__ import annotations

from tests.trust.case import Case
from tests.trust.cases.archives import ARCHIVE_CASES
from tests.trust.cases.checkpoints import CHECKPOINTS
from tests.trust.cases.cifar import CIFAR
from tests.trust.cases.configurations import CONFIGURATIONS
from tests.trust.cases.genotypes import GENOTYPES
from tests.trust.cases.images import IMAGES
from tests.trust.cases.lists import LISTS
from tests.trust.cases.mat_files import MAT_FILES
from tests.trust.cases.names import NAMES_CASES
from tests.trust.cases.npz_files import NPZ_FILES
from tests.trust.cases.reports import REPORTS
from tests.trust.cases.results import RESULTS
from tests.trust.cases.shards import SHARDS
from tests.trust.cases.tables import TABLES
from tests.trust.cases.weights import WEIGHTS

CASES: tuple[Case, ...] = (
    *CHECKPOINTS,
    *ARCHIVE_CASES,
    *GENOTYPES,
    *CONFIGURATIONS,
    *LISTS,
    *TABLES,
    *MAT_FILES,
    *NPZ_FILES,
    *IMAGES,
    *CIFAR,
    *WEIGHTS,
    *RESULTS,
    *REPORTS,
    *SHARDS,
    *NAMES_CASES,
)
