"""Commands that are stopped: 130 for Ctrl-C, 143 for SIGTERM, wherever they are."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.commands.runs import SPACE, run, small
from vireid.commands.stopping import Terminated, stop_code, terminable

Capsys = pytest.CaptureFixture[str]


def test_codes() -> None:
    assert [stop_code(stop) for stop in (KeyboardInterrupt(), Terminated(), SystemExit(1), None)] == [130, 143, 0, 0]


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
