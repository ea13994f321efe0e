"""A file is written as a whole or not at all."""

import errno
import io
import os
import resource
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from vireid import locks
from vireid.errors import OutputError
from vireid.files import atomic_file, open_regular, read_bytes, read_text, write_picture, write_text_atomically


def test_the_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    with atomic_file(path) as file:
        file.write(b"one")
        assert not path.exists()
    assert path.read_bytes() == b"one"
    assert list(path.parent.iterdir()) == [path]


def half_written(path: Path, error: BaseException) -> None:
    with atomic_file(path) as file:
        file.write(b"half")
        raise error


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("PytorchStreamWriter failed writing file")])
def test_a_failure_leaves_what_was_there(tmp_path: Path, error: Exception) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")
    with pytest.raises(OutputError, match=r"Cannot write '.*file' \((No space|Pytorch).*\); what was there before is intact"):
        half_written(path, error)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_names_that_are_no_text_are_written(tmp_path: Path) -> None:
    write_text_atomically(tmp_path / "a.md", "runs/\udcff\n")
    assert (tmp_path / "a.md").read_text(encoding="utf-8") == "runs/\\udcff\n"


def test_files_are_read_up_to_a_size(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("é\n".encode())
    assert read_text(tmp_path / "a.txt", 3) == "é\n"
    with pytest.raises(OSError, match="it has more than 2 bytes"):
        read_bytes(tmp_path / "a.txt", 2)
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(OSError, match="it is not a regular file"):
            open_regular(path)


def test_a_stop_leaves_nothing_half_written(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        half_written(tmp_path / "file", KeyboardInterrupt())
    assert not list(tmp_path.iterdir())


class Interrupted(io.BytesIO):
    """A file in whose third piece somebody presses Ctrl-C."""

    pieces = 0

    def write(self, piece: Any) -> int:
        self.pieces += 1
        if self.pieces == 3:
            raise KeyboardInterrupt
        return super().write(piece)


def test_a_stop_in_the_middle_of_a_checkpoint_is_a_stop(tmp_path: Path) -> None:
    """Torch's writer ends in a RuntimeError then."""
    with pytest.raises(RuntimeError, match="unexpected pos"):
        torch.save({"a": torch.zeros(9)}, Interrupted())
    with pytest.raises(KeyboardInterrupt), atomic_file(tmp_path / "file"):
        torch.save({"a": torch.zeros(9)}, Interrupted())
    assert not list(tmp_path.iterdir())


def test_a_full_disk_after_a_stop_is_a_full_disk(tmp_path: Path) -> None:
    """A checkpoint is written when a training is stopped."""
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt:
        with pytest.raises(OutputError, match="No space left"):
            half_written(tmp_path / "file", OSError(errno.ENOSPC, "No space left on device"))


def test_two_that_write_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with atomic_file(path) as file:
        file.write(b"first")
        with pytest.raises(OutputError, match=r"Cannot write '.*file' \(another process writes it\)"), atomic_file(path):
            pass
    assert path.read_bytes() == b"first"


def test_what_a_killed_process_left_is_written_over(tmp_path: Path) -> None:
    (tmp_path / ".file.part").write_bytes(b"much longer than the new one")
    with atomic_file(tmp_path / "file") as file:
        file.write(b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_file_that_was_moved_into_place_in_between_is_not_emptied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part, moved = tmp_path / ".file.part", tmp_path / "file"
    part.write_bytes(b"whole")
    real = locks.fcntl.flock

    def late(file: int, operation: int) -> None:
        if not moved.exists():
            part.rename(moved)
        real(file, operation)

    monkeypatch.setattr(locks.fcntl, "flock", late)
    os.close(locks.open_alone(part))
    assert (moved.read_bytes(), part.read_bytes()) == (b"whole", b"")


def test_a_file_system_without_locks_is_written_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(locks.fcntl, "flock", absent)
    with atomic_file(tmp_path / "file") as file:
        file.write(b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_picture_that_is_cut_short_is_an_error(tmp_path: Path) -> None:
    image = Image.effect_noise((64, 64), 50)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(OutputError, match=r"Cannot write '.*a\.png' \(File too large\)"):
            write_picture(tmp_path / "a.png", partial(image.save, format="PNG"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())
    write_picture(tmp_path / "a.png", partial(image.save, format="PNG"))
    with Image.open(tmp_path / "a.png") as read:
        assert read.tobytes() == image.tobytes()
