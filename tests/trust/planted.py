"""Bad readers: each does one thing that no reader may do, and must be caught."""

from __future__ import annotations

import importlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.trust.case import Case, Limits
from tests.trust.cases.making import PLANTED, both, in_place, pipe, put
from vireid.errors import SettingsError


def imports() -> None:
    importlib.import_module("planted_code")


def imports_the_standard_library() -> None:
    importlib.import_module("antigravity")


def unpickles() -> None:
    import pickle

    with Path("a.pkl").open("rb") as file:
        pickle.load(file)


def opens_a_socket() -> None:
    socket.socket().close()


def asks_for_an_address() -> None:
    socket.getaddrinfo("localhost", 80)


def forks() -> None:
    if os.fork() == 0:
        os._exit(0)


def starts_a_program() -> None:
    subprocess.run(["true"], check=True)


def asks_the_shell() -> None:
    os.system("true")


def writes_outside() -> None:
    Path("../outside").write_text("x")


def writes_beside_the_run() -> None:
    Path("owned").write_text("x")


def makes_a_folder() -> None:
    Path("../outside").mkdir()


def removes() -> None:
    Path("a.pkl").unlink()


def writes_where_python_sees_nothing() -> None:
    import torch

    torch._C.PyTorchFileWriter("owned").write_end_of_file()


def takes_memory() -> None:
    sys.stdout.write(str(len(bytearray(3 << 30))))


def hides_that_it_took_memory() -> None:
    try:
        takes_memory()
    except MemoryError:
        raise SettingsError("It failed.") from None


def computes() -> None:
    while True:
        pass


def waits() -> None:
    time.sleep(1000)


def reads_a_pipe() -> None:
    Path("pipe").read_bytes()


def ends_in_a_traceback() -> None:
    raise KeyError("x")


def prints_a_traceback() -> None:
    import traceback

    try:
        ends_in_a_traceback()
    except KeyError:
        traceback.print_exc()
    raise SettingsError("It failed.")


def dies() -> None:
    os.abort()


def leaves() -> None:
    os._exit(0)


def prints_control_bytes() -> None:
    raise SettingsError("There is no '\x1b[2J'.")


def says_too_much() -> None:
    raise SettingsError("It failed.\n" * 7)


def says_nothing() -> None:
    raise SystemExit(2)


def fails() -> None:
    raise SystemExit(1)


def reads_everything() -> None:
    """A reader that refuses nothing."""


SHORT = Limits(seconds=1, waiting=2)
CAUGHT: dict[Callable[[], None], str] = {
    imports: "import",
    imports_the_standard_library: "import",
    unpickles: "import",
    opens_a_socket: "socket",
    asks_for_an_address: "socket",
    forks: "process",
    starts_a_program: "process",
    asks_the_shell: "process",
    writes_outside: "write",
    writes_beside_the_run: "write",
    makes_a_folder: "write",
    removes: "write",
    writes_where_python_sees_nothing: "write",
    takes_memory: "memory",
    hides_that_it_took_memory: "memory",
    computes: "time",
    waits: "time",
    reads_a_pipe: "time",
    ends_in_a_traceback: "traceback",
    prints_a_traceback: "traceback",
    dies: "died",
    leaves: "died",
    prints_control_bytes: "control bytes",
    says_too_much: "message",
    says_nothing: "message",
    fails: "code",
    reads_everything: "code",
}
"""Readers, and the kind of fault that each of them is."""


def planted() -> list[Case]:
    """One case for each bad reader."""
    write = both(put("planted_code.py", PLANTED), in_place("pipe", pipe), put("a.pkl", b"\x80\x02cplanted_code\nPlanted\n)\x81."))
    return [Case("planted", reader.__name__, write, reader, limits=SHORT) for reader in CAUGHT]
