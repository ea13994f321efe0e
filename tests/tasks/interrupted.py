"""Runs of ``vireid fit`` that are killed, and their resumption; a script of its own, so that a kill takes nothing else with it.

``python interrupted.py SCENARIOS.json``: a list of ``{"args": [...], "kill_after": batches or null, "kill_in_save": n-th save or null}``.
Every scenario runs in a forked child; the exit codes are printed as a JSON list.
"""

import json
import os
import signal
import sys
from pathlib import Path

import torch

from vireid.cli import main
from vireid.tasks import ReIDModule, RetrainModule, SearchModule


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_after(batches: int) -> None:
    """Die in the middle of the work that follows the given number of batches."""
    seen = 0
    for cls in (SearchModule, RetrainModule):
        original = cls.training_step

        def counted(self: ReIDModule, *args: object, _original=original, **kwargs: object) -> object:
            nonlocal seen
            if seen == batches:
                die()
            seen += 1
            return _original(self, *args, **kwargs)

        cls.training_step = counted


def kill_in_save(number: int) -> None:
    """Die when half of the n-th checkpoint is on the disk."""
    original = torch.save
    seen = 0

    def half(content: object, file: object) -> None:
        nonlocal seen
        seen += 1
        if seen < number:
            return original(content, file)
        original(content, file)
        file.flush()
        os.ftruncate(file.fileno(), file.tell() // 2)
        return die()

    torch.save = half


def run(scenario: dict) -> int:
    child = os.fork()
    if child == 0:
        torch.set_num_threads(1)
        if scenario.get("kill_after") is not None:
            kill_after(scenario["kill_after"])
        if scenario.get("kill_in_save") is not None:
            kill_in_save(scenario["kill_in_save"])
        code = 0
        try:
            main(scenario["args"])
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            sys.stdout.flush()
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    scenarios = json.loads(Path(sys.argv[1]).read_text())
    codes = [run(scenario) for scenario in scenarios]
    Path(sys.argv[1]).with_suffix(".codes").write_text(json.dumps(codes))
