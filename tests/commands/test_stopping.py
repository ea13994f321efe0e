"""Commands that are stopped: 130 for Ctrl-C, 143 for SIGTERM, wherever they are."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pytorch_lightning.utilities.exceptions import SIGTERMException

from tests.commands.runs import SPACE, run, small
from vireid.cli import main
from vireid.commands.stopping import Terminated, check_terminated, stop_behind, stop_code, stops, terminable
from vireid.tasks import ReIDModule, RetrainModule, read_checkpoint

Capsys = pytest.CaptureFixture[str]


def test_codes() -> None:
    assert [stop_code(stop) for stop in (KeyboardInterrupt(), Terminated(), SystemExit(1), None)] == [130, 143, 0, 0]


@pytest.mark.parametrize("code", [(), (143,)])  # Lightning 2.6 gives it no code, later versions 143
def test_what_lightning_made_of_a_stop(code: tuple[int, ...]) -> None:
    assert isinstance(stop_behind(SIGTERMException(*code)), Terminated)
    exit_after = SystemExit(1)
    exit_after.__context__ = KeyboardInterrupt()
    assert stop_behind(exit_after) is exit_after.__context__
    assert [stop_behind(end) for end in (SystemExit(1), SystemExit(), ValueError(), None)] == [None] * 4
    with pytest.raises(Terminated), stops():
        raise SIGTERMException(*code)
    with pytest.raises(SystemExit), stops():
        raise SystemExit(3)


def test_a_signal_is_raised_inside_and_the_handler_before_comes_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Terminated), terminable():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def test_other_threads_leave_the_handler_alone() -> None:
    seen = []

    def inside() -> None:
        with terminable():
            seen.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert seen == [before]


def test_a_command_that_is_terminated_says_so(capsys: Capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vireid.commands.genotype.main", lambda words: os.kill(os.getpid(), signal.SIGTERM))
    done = run(capsys, "genotype", "show", "x")
    assert (done.code, done.err) == (143, "\nTerminated.\n")


def test_one_that_lightning_turned_into_an_exit(capsys: Capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    def as_lightning_does(words: list[str]) -> int:
        try:
            raise Terminated
        except KeyboardInterrupt:
            sys.exit(1)

    monkeypatch.setattr("vireid.commands.genotype.main", as_lightning_does)
    assert run(capsys, "genotype", "show", "x").code == 143


def kill_in(monkeypatch: pytest.MonkeyPatch, step: str) -> list[int]:
    """Let the first call of a method of every task be followed by SIGTERM; the list grows with every call."""
    calls: list[int] = []
    original = getattr(ReIDModule, step)

    def followed(self: ReIDModule, *args: Any) -> Any:
        calls.append(len(calls))
        if len(calls) == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(self, *args)

    monkeypatch.setattr(ReIDModule, step, followed)
    return calls


@pytest.fixture(scope="module")
def trained(sysu_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with held-out people."""
    folder = tmp_path_factory.mktemp("trained")
    main([*fit_words(sysu_root, folder), "--trainer.max_epochs=1", "--trainer.limit_train_batches=1"])
    return folder / "run" / "checkpoints" / "last.ckpt"


def fit_words(root: Path, folder: Path) -> list[str]:
    words = ["fit", "-c", "data/sysu.yaml", "-c", "train/all_shared.yaml", "-c", str(small(folder)), f"--data.root={root}", *SPACE]
    return [*words, "--data.validation=heldout", "--data.eval_batch_size=8", "--run_dir", str(folder / "run")]


@pytest.mark.filterwarnings("ignore:.*hold fewer than 10 images:UserWarning")
@pytest.mark.parametrize("command", ["validate", "test", "predict"])
def test_an_evaluation_ends_after_the_batch(
    command: str, trained: Path, tmp_path: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = {"validate": "validation_step"}.get(command, f"{command}_step")
    calls = kill_in(monkeypatch, step)
    folder = tmp_path / "out"
    done = run(capsys, command, "--ckpt", trained, "--run_dir", folder)
    assert (done.code, done.err.splitlines()[-1], calls) == (143, "Terminated.", [0])
    assert {path.name for path in folder.iterdir()} == {"config.yaml"}


def test_a_training_ends_after_the_batch_and_keeps_it(
    sysu_root: Path, tmp_path: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = kill_in(monkeypatch, "seed_step")
    done = run(capsys, *fit_words(sysu_root, tmp_path))
    assert (done.code, done.err.splitlines()[-1], calls) == (143, "Terminated.", [0])
    assert f"To go on, give the same command with --run_dir {tmp_path / 'run'} --ckpt_path last" in done.out.replace("\n", " ")
    assert read_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt")["global_step"] == 1


def test_a_training_that_is_told_at_its_very_end_says_so_too(
    sysu_root: Path, tmp_path: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RetrainModule, "on_train_end", lambda self: os.kill(os.getpid(), signal.SIGTERM))
    done = run(capsys, *fit_words(sysu_root, tmp_path), "--trainer.max_epochs=1")
    assert (done.code, "Results in" in done.out) == (143, True)


def test_commands_with_trainings_of_their_own_end_too(tmp_path: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = kill_in(monkeypatch, "seed_step")
    done = run(capsys, "demo", "--fast", "--output", tmp_path / "demo")
    assert (done.code, calls) == (143, [0])
    assert "What is finished lies in" in done.out
    assert done.err.endswith("\nTerminated.\n")
    calls.clear()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    sizes = ("--width=4", "--people=48", "--steps=20", "--image_height=32", "--image_width=16")
    assert (run(capsys, "pretrain", "resnet10", *sizes).code, calls) == (143, [0])
    assert not list((tmp_path / "home").rglob("*.pth"))


def test_a_trainer_that_no_longer_looks() -> None:
    check_terminated(SimpleNamespace(received_sigterm=False))
    with pytest.raises(Terminated):
        check_terminated(SimpleNamespace(received_sigterm=True))


@pytest.mark.parametrize(("number", "code", "word"), [(signal.SIGTERM, 143, "Terminated."), (signal.SIGINT, 130, "Interrupted.")])
def test_a_training_that_is_stopped_says_how_it_goes_on(
    number: signal.Signals, code: int, word: str, sysu_root: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    words = ["fit", "-c", "data/sysu.yaml", "-c", "train/all_shared.yaml", "-c", str(small(tmp_path)), f"--data.root={sysu_root}", *SPACE]
    words += ["--trainer.max_epochs=10000", "--run_dir", str(folder)]
    default = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # a background job inherits that it is ignored
    program = [sys.executable, "-c", f"{default}; from vireid.cli import main; main()", *words]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    last = folder / "checkpoints" / "last.ckpt"
    end = time.monotonic() + 600  # of a machine that has much else to do
    while not last.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.2)
    begun = last.exists()
    process.send_signal(number)
    out, err = process.communicate(timeout=600)
    assert begun, err
    assert process.returncode == code, err
    assert f"To go on, give the same command with --run_dir {folder} --ckpt_path last" in out
    assert err.rstrip().endswith(word)
    assert "Traceback" not in err
