"""The lock of a folder: one process at a time, and nobody is kept out by a process that is no more."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from vireid import locks
from vireid.errors import OutputError
from vireid.locks import LOCK_FILE, FolderLock

HOLD = """
import sys, time
from pathlib import Path
from vireid.locks import FolderLock
FolderLock(Path(sys.argv[1])).take()
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture(params=["flock", "exclusive creation"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With the locks of the system, and on a file system that has none."""

    class Without:
        LOCK_EX = LOCK_NB = 0

        @staticmethod
        def flock(file: int, how: int) -> None:
            raise OSError(errno.ENOLCK, "No locks available")

    if request.param != "flock":
        monkeypatch.setattr(locks, "fcntl", Without)
    return str(request.param)


def test_a_folder_is_of_one_and_is_free_afterwards(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    with FolderLock(folder):
        assert (folder / LOCK_FILE).read_text() == f"{os.getpid()} {socket.gethostname()}\n"
        with pytest.raises(OutputError, match=rf"is in use: process {os.getpid()} on \S+ writes into it.*name another folder") as refused:
            FolderLock(folder, patience=0).take()
        assert ("delete" in str(refused.value)) == (kind != "flock")
    assert not list(folder.iterdir())
    with FolderLock(folder, patience=0):
        pass


def test_a_lock_beside_a_folder_does_not_make_it(kind: str, tmp_path: Path) -> None:
    with FolderLock(tmp_path / "later", beside=True):
        assert [path.name for path in tmp_path.iterdir()] == [".later.lock"]
        with pytest.raises(OutputError, match="is in use"):
            FolderLock(tmp_path / "later", beside=True, patience=0).take()
    assert not list(tmp_path.iterdir())


def test_a_file_that_stays_is_neither_made_nor_written_again(kind: str, tmp_path: Path) -> None:
    path = tmp_path / LOCK_FILE
    path.write_text("1 another-process-of-before, with a longer name\n" if kind == "flock" else f"{2**22 + 1} {socket.gethostname()}\n")
    lock, written = FolderLock(tmp_path, stays=True), []
    for _ in range(3):
        with lock:
            assert path.read_text() == f"{os.getpid()} {socket.gethostname()}\n"
            with pytest.raises(OutputError, match=f"process {os.getpid()} on"):
                FolderLock(tmp_path, patience=0, stays=True).take()
            written.append((path.stat().st_ino, path.stat().st_mtime_ns))
        assert path.exists() == (kind == "flock")  # where there are no locks, the file is the lock
    assert len(set(written)) == 1 or kind != "flock"
    with FolderLock(tmp_path):
        pass
    assert not path.exists()
    with lock:  # another one has removed the file in between
        assert path.exists()


def test_a_process_that_was_killed_keeps_nobody_out(kind: str, tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(OutputError, match=f"process {holder.pid} on"):
        FolderLock(tmp_path, patience=0).take()
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    assert (tmp_path / LOCK_FILE).exists()
    with FolderLock(tmp_path):
        assert (tmp_path / LOCK_FILE).read_text().split()[0] == str(os.getpid())


def test_without_locks_another_host_is_asked_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "fcntl", None)
    for text in ("1 another-host\n", "x\n", "", "99999999999999999999 " + socket.gethostname()):
        (tmp_path / LOCK_FILE).write_text(text)
        with pytest.raises(OutputError, match="is in use"):
            FolderLock(tmp_path, patience=0).take()
        assert (tmp_path / LOCK_FILE).read_text() == text


def test_a_fork_neither_frees_nor_keeps_a_folder(tmp_path: Path) -> None:
    with FolderLock(tmp_path) as lock:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            lock.release()
            os.read(reading, 1)  # lives on
            os._exit(0)
        with pytest.raises(OutputError, match="is in use"):
            FolderLock(tmp_path, patience=0).take()
    with FolderLock(tmp_path, patience=0):
        os.write(writing, b"x")
    assert os.waitpid(child, 0)[1] == 0


def test_a_link_in_its_place_is_not_written_through(tmp_path: Path) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    (tmp_path / LOCK_FILE).symlink_to(mine)
    with pytest.raises(OutputError, match="Cannot write into"):
        FolderLock(tmp_path, patience=0).take()
    assert mine.read_text() == "mine"


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"Cannot write into '.*file/run'.*Name a folder that can be written"):
        FolderLock(tmp_path / "file" / "run").take()
