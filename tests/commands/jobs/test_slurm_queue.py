"""What is made of SLURM's answers: programs of its names stand in for it."""

from __future__ import annotations

import pickle
import time
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from vireid.commands.jobs.engine import LOST
from vireid.commands.jobs.slurm_cluster import SlurmCluster, _SlurmJob
from vireid.commands.jobs.slurm_queue import SlurmQueue
from vireid.errors import SettingsError

submitit = pytest.importorskip("submitit")


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let programs be found before all others; each is lines of a shell."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=":")

    def write(**lines: str) -> None:
        for name, text in lines.items():
            (folder / name).write_text(f"#!/bin/sh\n{text}\n")
            (folder / name).chmod(0o755)

    return write


def test_a_job_is_lost_when_it_is_no_longer_in_the_queue_and_hopeless_when_it_asks_for_too_much(programs: Any) -> None:
    programs(squeue="echo 5 None; echo 6 PartitionTimeLimit; echo ' 7 Resources'")
    queue = SlurmQueue(every=0)
    assert [queue.lost(job, 0) for job in ("5", "6", "7", "8")] == [False, False, False, True]
    assert [queue.hopeless(job, 0) for job in ("5", "6", "7", "8")] == ["", "PartitionTimeLimit", "", ""]
    programs(squeue="exit 1")
    assert not queue.lost("8", 0)
    assert queue.hopeless("6", 0) == ""


def test_one_question_serves_all_jobs_but_those_that_came_after_it(programs: Any, tmp_path: Path) -> None:
    programs(squeue=f"echo asked >> {tmp_path / 'asked'}; echo 5 None")
    queue = SlurmQueue(every=60)
    began = time.monotonic()
    assert [queue.lost("5", began), queue.lost("6", began), bool(queue.hopeless("5", began))] == [False, True, False]
    assert (tmp_path / "asked").read_text().count("asked") == 1
    assert queue.lost("7", time.monotonic())
    assert (tmp_path / "asked").read_text().count("asked") == 2


def test_a_job_that_left_no_result_is_lost_and_one_that_did_is_finished(
    programs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs(squeue="true")
    job = submitit.slurm.slurm.SlurmJob(tmp_path, "5")
    monkeypatch.setattr("vireid.commands.jobs.slurm_cluster.PATIENCE", 0.2)
    running = _SlurmJob(submitit, job, SlurmQueue(every=0))
    assert running.poll() is None  # a network's file system may be late
    time.sleep(0.25)
    assert running.poll() == LOST
    job.paths.result_pickle.write_bytes(pickle.dumps(("success", [3])))
    assert _SlurmJob(submitit, job, SlurmQueue(every=0)).poll() == 3


def test_the_error_of_a_job_is_told_and_not_what_is_said_around_it() -> None:
    said = "Job failed with trace:\n----\n  File x\nModuleNotFoundError: No module named 'vireid'\n\n----\nYou can check logs at:\n- a.err"
    running = _SlurmJob(submitit, SimpleNamespace(stderr=lambda: "srun: error: n1: Exited with exit code 1\n"), None)
    assert running.last_words() == "srun: error: n1: Exited with exit code 1"
    running._said = said
    assert running.last_words() == "ModuleNotFoundError: No module named 'vireid'"


def test_what_slurm_refuses_or_would_never_begin_is_a_sentence(programs: Any, tmp_path: Path) -> None:
    programs(
        sbatch="echo 'sbatch: error: invalid partition specified: nope' >&2; exit 1", srun="true", scancel=f"touch {tmp_path / 'gone'}"
    )
    (tmp_path / "jobs").mkdir()
    with pytest.raises(SettingsError, match=r"SLURM refuses the job: invalid partition specified: nope\. Change the engine's settings"):
        SlurmCluster(partition="nope").__enter__().check(tmp_path)
    programs(sbatch="echo Submitted batch job 5", squeue="echo 5 PartitionTimeLimit")
    with pytest.raises(SettingsError, match=r"SLURM would never begin a job that asks for so much \(PartitionTimeLimit\)"):
        SlurmCluster(minutes=10**6).__enter__().check(tmp_path)
    assert (tmp_path / "gone").exists()


def test_where_slurm_is_a_command_gives_no_advice_to_use_it(programs: Any) -> None:
    from lightning_fabric.plugins.environments import SLURMEnvironment

    from vireid.commands.lightning_warnings import quiet_lightning

    programs(srun="true")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        SLURMEnvironment._validate_srun_used()
        assert len(told) == 1
        quiet_lightning()
        SLURMEnvironment._validate_srun_used()
    assert len(told) == 1
