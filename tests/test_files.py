"""A file is written as a whole or not at all."""

import os
from pathlib import Path

import pytest

from vireid.errors import OutputError
from vireid.files import atomic_file, open_regular, read_bytes, read_text, write_text_atomically


def test_the_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    with atomic_file(path) as file:
        file.write(b"one")
        assert not path.exists()
    assert path.read_bytes() == b"one"
    assert list(path.parent.iterdir()) == [path]


def half_written(path: Path, error: Exception) -> None:
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
