"""The process of one job: ``python -m vireid.commands.study.child FILE``. It ends when the study that started it does."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path
from typing import TextIO

from vireid.commands.stopping import stop_code, terminable
from vireid.commands.study.jobs import run
from vireid.errors import VireidError


def main() -> None:
    """Run the job of the given file until it is finished or standard input closes."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a study started in the background may have handed down that it is ignored
    threading.Thread(target=terminate_at_end, args=(sys.stdin,), daemon=True).start()
    try:
        with terminable():
            run(Path(sys.argv[1]))
    except KeyboardInterrupt as stop:
        sys.stderr.write("The job was stopped.\n")
        raise SystemExit(stop_code(stop)) from None
    except VireidError as error:
        sys.stderr.write(f"vireid: error: {error}\n")
        raise SystemExit(2) from None


def terminate_at_end(pipe: TextIO) -> None:
    """Ask this process to end, as ``kill`` does, when the other end of ``pipe`` closes. It also closes when its process dies."""
    pipe.read()
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)


if __name__ == "__main__":
    main()
