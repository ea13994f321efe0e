"""Jobs of SLURM: a folder for each task, and the way back into the queue, with a stand-in for its command."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.commands.runs import SPACE, everything, run, small
from tests.tasks.test_resume import assert_equal
from vireid.commands.run_directory import RunDirectory
from vireid.commands.slurm import JOB_FILE, Job, Requeue
from vireid.tasks import ReIDModule, read_checkpoint

Capsys = pytest.CaptureFixture[str]
VARIABLES = {
    "SLURM_JOB_ID": "77",
    "SLURM_JOB_NAME": "train",
    "SLURM_NTASKS": "1",
    "SLURM_NTASKS_PER_NODE": "1",
    "SLURM_PROCID": "0",
    "SLURM_LOCALID": "0",
    "SLURM_NODEID": "0",
    "SLURM_NODELIST": "node1",
    "SLURM_JOB_NODELIST": "node1",
}


@pytest.fixture(autouse=True)
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Inside a job, whose ``scontrol`` writes down what it is told; the file."""
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    for name in ("SLURM_RESTART_COUNT", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID"):
        monkeypatch.delenv(name, raising=False)
    told = tmp_path / "told.txt"
    stand_in = tmp_path / "bin" / "scontrol"
    stand_in.parent.mkdir()
    stand_in.write_text(f'#!/bin/sh\necho "$@" >> {told}\n')
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", f"{stand_in.parent}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    return told


def words(root: Path, folder: Path) -> list[str]:
    fit = ["fit", "-c", "data/sysu.yaml", "-c", "train/all_shared.yaml", "-c", str(small(folder)), f"--data.root={root}", *SPACE]
    return [*fit, "--trainer.enable_progress_bar=false"]


def signalled(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Let the time of the job be over in this training step."""
    original, calls = ReIDModule.seed_step, [0]

    def counted(self: ReIDModule, *args: Any) -> None:
        calls[0] += 1
        if calls[0] == step:
            os.kill(os.getpid(), signal.SIGUSR1)
        original(self, *args)

    monkeypatch.setattr(ReIDModule, "seed_step", counted)


@pytest.mark.parametrize("named", [True, False])
def test_the_same_command_goes_on_after_the_queue(
    named: bool, job: Path, sysu_root: Path, tmp_path: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [*words(sysu_root, tmp_path), *(("--run_dir", "mine") if named else ())]
    folder = Path("mine" if named else "runs/fit-1")
    handler = signal.getsignal(signal.SIGUSR1)
    with monkeypatch.context() as patch:
        signalled(patch, step=2)
        stopped = run(capsys, *command)
    assert stopped.code == 143, stopped.err
    assert "Job 77 was put back into the queue" in stopped.out
    assert job.read_text() == "requeue 77\n"
    assert signal.getsignal(signal.SIGUSR1) is handler
    last = folder / "checkpoints" / "last.ckpt"
    assert read_checkpoint(last)["global_step"] == 2
    assert run(capsys, *command).code == 0
    monkeypatch.delenv("SLURM_JOB_ID")
    assert run(capsys, *words(sysu_root, tmp_path), "--run_dir", "whole").code == 0
    found, wanted = (read_checkpoint(path) for path in (last, Path("whole/checkpoints/last.ckpt")))
    assert (found["global_step"], wanted["global_step"]) == (6, 6)
    assert_equal(found["state_dict"], wanted["state_dict"])
    assert [path.name for path in Path("runs").glob("*")] == ([] if named else ["fit-1"])


def test_a_finished_folder_is_not_gone_on_in_by_another_command(
    sysu_root: Path, tmp_path: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [*words(sysu_root, tmp_path), "--run_dir", "mine", "--trainer.max_epochs=1", "--trainer.limit_train_batches=1"]
    assert run(capsys, *command).code == 0
    before = everything(Path("mine"))
    again = run(capsys, *command)
    assert (again.code, "is not empty" in again.err) == (2, True)
    assert everything(Path("mine")) == before
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")  # of a job that was preempted: its script runs again from the first line
    assert run(capsys, *command).code == 0
    assert run(capsys, *command).code == 2


def noted(folder: Path, alone: bool = True, went_on: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    Job().note(folder, alone, went_on)
    return folder


def test_whose_a_folder_is(monkeypatch: pytest.MonkeyPatch) -> None:
    alone, shared = noted(Path("alone")), noted(Path("shared"), alone=False)
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    assert Job().goes_on_in(alone)
    monkeypatch.setenv("SLURM_PROCID", "1")
    assert (Job().goes_on_in(alone), Job().goes_on_in(shared)) == (False, True)
    noted(shared, alone=False, went_on=True)  # the first process was here before
    assert Job().goes_on_in(shared)
    noted(shared, alone=False)
    assert not Job().goes_on_in(shared)
    monkeypatch.setenv("SLURM_JOB_ID", "78")
    assert not Job().goes_on_in(shared)
    for text in ("[]", "{", '{"job": "78"}'):
        (alone / JOB_FILE).write_text(text)
        assert not Job().goes_on_in(alone) or text == '{"job": "78"}'
    monkeypatch.delenv("SLURM_JOB_ID")
    assert not Job().goes_on_in(alone)
    assert not (noted(Path("outside")) / JOB_FILE).exists()


def test_a_task_of_an_array_is_a_job_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "70")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    assert Job().name == "70_3"
    folder = noted(Path("runs/fit-1"))
    monkeypatch.setenv("SLURM_RESTART_COUNT", "2")
    assert RunDirectory("fit", None, None).path == folder
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "4")
    assert RunDirectory("fit", None, None).path == Path("runs/fit-2")
    assert RunDirectory("test", None, None).path == Path("runs/test-1")


@pytest.mark.parametrize("script", ["#!/bin/sh\necho no such job >&2; exit 1\n", None])
def test_a_queue_that_does_not_take_it_back_is_told_of(script: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = tmp_path / "bin" / "scontrol"
    if script is None:
        stand_in.unlink()
        monkeypatch.setenv("PATH", str(tmp_path))
    else:
        stand_in.write_text(script)
    requeue = Requeue(signal.SIGUSR1)
    try:
        assert requeue.put_back(tmp_path) == ""
        requeue.wanted = True
        assert f"`scontrol requeue 77` failed: {'No such file' if script is None else 'no such job'}" in requeue.put_back(tmp_path)
    finally:
        requeue.end()
