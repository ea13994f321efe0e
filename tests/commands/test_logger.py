"""``metrics.csv`` of a run that is resumed again and again."""

from pathlib import Path

import pytest
from pytorch_lightning.utilities import rank_zero_only

from vireid.commands.logger import RunLogger


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
