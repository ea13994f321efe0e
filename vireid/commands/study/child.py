"""The process of one job: ``python -m vireid.commands.study.child FILE``. It ends when the study that started it does."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from pathlib import Path
from typing import TextIO

from vireid.commands.study.jobs import run
from vireid.errors import VireidError


def main() -> None:
    """Run the job of the given file until it is finished or standard input closes."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a study started in the background may have handed down that it is ignored
    threading.Thread(target=interrupt_at_end, args=(sys.stdin,), daemon=True).start()
    try:
        run(Path(sys.argv[1]))
    except VireidError as error:
        sys.stderr.write(f"vireid: error: {error}\n")
        raise SystemExit(2) from None


def interrupt_at_end(pipe: TextIO) -> None:
    """Interrupt the main thread, as Ctrl-C does, when the other end of ``pipe`` closes. It also closes when its process dies."""
    pipe.read()
    _thread.interrupt_main()


if __name__ == "__main__":
    main()
