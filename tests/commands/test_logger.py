"""``metrics.csv`` of a run that is resumed again and again."""

import errno
import os
import resource
from pathlib import Path

import pytest
from pytorch_lightning.utilities import rank_zero_only

from vireid.commands.logger import RunLogger
from vireid.errors import OutputError


def write(folder: Path, value: float) -> None:
    logger = RunLogger(folder)
    logger.log_metrics({"loss": value}, step=0)
    logger.save()


def test_every_part_of_a_run_that_is_resumed_twice_is_kept(tmp_path: Path) -> None:
    for value in (1.0, 2.0, 3.0):
        write(tmp_path, value)
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["metrics-before-resume-1.csv", "metrics-before-resume-2.csv", "metrics.csv"]
    assert [float((tmp_path / name).read_text().split()[1].split(",")[0]) for name in files] == [1.0, 2.0, 3.0]


def test_other_ranks_leave_the_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, 1.0)
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    _ = RunLogger(tmp_path).experiment
    assert not list(tmp_path.glob("metrics-before*"))


def test_a_new_column_keeps_the_rows_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logger = RunLogger(tmp_path)
    for step, row in enumerate(({"b": 1.0}, {"b": 2.0}, {"a": 3.0, "b": 4.0}, {"a": 5.0})):
        logger.log_metrics(row, step=step)
        logger.save()
    assert (tmp_path / "metrics.csv").read_text().split() == ["a,b,step", ",1.0,0", ",2.0,1", "3.0,4.0,2", "5.0,,3"]
    kept = (tmp_path / "metrics.csv").read_bytes()

    def fails(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("vireid.files.os.fsync", fails)
    logger.log_metrics({"c": 6.0}, step=4)
    with pytest.raises(OutputError, match=r"Cannot write .*metrics\.csv' \(No space left on device\)"):
        logger.save()
    with pytest.raises(OutputError):  # Lightning tries again at the end
        logger.finalize("failed")
    assert (tmp_path / "metrics.csv").read_bytes() == kept


def test_half_a_row_is_taken_back(tmp_path: Path) -> None:
    logger = RunLogger(tmp_path)
    logger.log_metrics({"loss": 1.0}, step=0)
    logger.save()
    path = tmp_path / "metrics.csv"
    kept = path.read_bytes()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    logger.log_metrics({"loss": 2.0}, step=1)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(kept) + 2, before[1]))
    try:
        with pytest.raises(OutputError, match=r"Cannot write .*metrics\.csv' \(File too large\); what was there before is intact"):
            logger.save()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == kept
    logger.save()
    assert path.read_text().split() == ["loss,step", "1.0,0", "2.0,1"]
