"""A run as its folder holds it: training, search, and the newest test."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from vireid.errors import MissingFileError
from vireid.files import read_text
from vireid.results.course import Course, read_course
from vireid.results.files import METRICS_FILE, RunResults, find_metrics, read_results
from vireid.results.training import Training, read_training
from vireid.structures import Genotype

GENOTYPE_FILE, CONFIG_FILE = "genotype.json", "config.yaml"


@dataclass(frozen=True)
class Run:
    """A run.

    Attributes:
        name: folder, as the user named it.
        folder: of the run; that of the test if it lies elsewhere.
        tested: its test; ``None`` if there is none yet.
        training: what it logged; ``None`` if nothing.
        genotype: architecture that was tested, or that the search has chosen so far; ``None`` if unknown.
        course: of a search; ``None`` of a training.
        config: text of its ``config.yaml``; empty if there is none.
    """

    name: str
    folder: Path
    tested: RunResults | None = None
    training: Training | None = None
    genotype: Genotype | None = None
    course: Course | None = None
    config: str = ""

    @property
    def is_search(self) -> bool:
        """Whether the folder is that of a search."""
        return (self.folder / GENOTYPE_FILE).is_file()


def read_run(path: str | os.PathLike[str]) -> Run:
    """Everything that the folder of a run tells.

    Args:
        path: folder of a run or of a test, or a ``metrics.json``.

    Raises:
        MissingFileError: there is no such folder, or it is no run.
        ResultsError, GenotypeError: a file is damaged, or several tests must be told apart.
    """
    given = Path(path)
    tested = _tested(given)
    folder = _home(given if given.is_dir() else given.parent)
    training, course = read_training(folder), read_course(folder)
    genotype = Genotype.load(folder / GENOTYPE_FILE) if (folder / GENOTYPE_FILE).is_file() else _genotype_of(tested)
    if tested is None and training is None and genotype is None:
        raise MissingFileError(
            f"{os.fspath(path)!r} is no run: it holds no {METRICS_FILE} of a test, no metrics.csv of a training and no {GENOTYPE_FILE} of "
            "a search. Name the folder of a run or of a test."
        )
    config = folder / CONFIG_FILE
    return Run(os.fspath(path), folder, tested, training, genotype, course, read_text(config) if config.is_file() else "")


def _tested(path: Path) -> RunResults | None:
    try:
        found = find_metrics(path)
    except MissingFileError:
        if not path.exists():
            raise
        return None
    return read_results(found)


def _home(folder: Path) -> Path:
    """The folder of the run that a test's folder lies in; the folder itself if that is no run."""
    return folder.parent if not _is_run(folder) and _is_run(folder.parent) else folder


def _is_run(folder: Path) -> bool:
    return any((folder / name).exists() for name in ("checkpoints", GENOTYPE_FILE))


def _genotype_of(tested: RunResults | None) -> Genotype | None:
    if tested is None or tested.about.get("genotype") is None:
        return None
    return Genotype.from_dict(tested.about["genotype"], source=f"The genotype in {os.fspath(tested.path)!r}")
