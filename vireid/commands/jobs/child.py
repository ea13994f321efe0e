"""The process of jobs: ``python -m vireid.commands.jobs.child [FILE]``. It ends when the process that started it does."""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import TextIO

from vireid.commands.jobs.job import run
from vireid.commands.stopping import stop_code, terminable
from vireid.errors import VireidError


def main() -> None:
    """Run the job of the given file, or the jobs whose files stand on the lines of standard input, until that closes."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a study started in the background may have handed down that it is ignored
    given: queue.SimpleQueue[str] = queue.SimpleQueue()
    busy = threading.Event()
    threading.Thread(target=take_until_end, args=(sys.stdin, given, busy), daemon=True).start()
    try:
        with terminable():
            if sys.argv[1:]:
                busy.set()
                run(Path(sys.argv[1]))
            else:
                work(given, busy)
    except KeyboardInterrupt as stop:
        if not busy.is_set():
            return
        sys.stderr.write("The job was stopped.\n")
        raise SystemExit(stop_code(stop)) from None
    except VireidError as error:
        sys.stderr.write(f"vireid: error: {error}\n")
        raise SystemExit(2) from None


def work(given: queue.SimpleQueue[str], busy: threading.Event) -> None:
    """Run jobs until there are no more. Each is a pair of its file and its log; an answer of one byte says that it is finished."""
    answers = os.dup(1)
    while line := given.get():
        file, log = json.loads(line)
        target = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        for stream in (1, 2):
            os.dup2(target, stream)
        os.close(target)
        busy.set()
        run(Path(file))
        sys.stdout.flush()
        sys.stderr.flush()
        busy.clear()
        os.write(answers, b".")


def take_until_end(pipe: TextIO, given: queue.SimpleQueue[str], busy: threading.Event) -> None:
    """Pass on lines. When the other end closes, as it also does when its process dies, ask this process to end, as ``kill`` does."""
    for line in pipe:
        given.put(line)
    given.put("")
    if busy.is_set():
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)


if __name__ == "__main__":
    main()
