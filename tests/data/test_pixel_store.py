"""Decoded images on disk are those of the files, whoever wrote them and however the writing ended."""

from __future__ import annotations

import errno
import os
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vireid.cli import main
from vireid.data import pixel_store
from vireid.data.image_files import read_image
from vireid.data.images import ImageBatches
from vireid.data.pixel_store import PixelStore
from vireid.structures import Modality, Record

HEIGHT, WIDTH = 12, 6


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    """Nine images of different sizes."""
    generator = np.random.default_rng(0)
    names = []
    for number in range(9):
        path = tmp_path / "images" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (20 + number, 9, 3), dtype=np.uint8)).save(path)
        names.append(str(path))
    return names


def store_in(folder: Path, **changed: Any) -> PixelStore:
    return PixelStore(**{"height": HEIGHT, "width": WIDTH, **changed}, parent=folder / "stores")


def expected(paths: list[str]) -> np.ndarray[Any, Any]:
    return np.stack([read_image(path, HEIGHT, WIDTH).transpose(2, 0, 1) for path in paths])


def decoded_by(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths that are decoded from now on."""
    seen: list[str] = []

    def read(path: str, *size: Any) -> Any:
        seen.append(path)
        return read_image(path, *size)

    monkeypatch.setattr(pixel_store, "read_image", read)
    return seen


def test_images_are_those_of_the_files_and_are_decoded_once(tmp_path: Path, paths: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    seen = decoded_by(monkeypatch)
    store_in(tmp_path).fill([*paths[:5], *paths[:5]])
    store_in(tmp_path).fill(paths)  # as another run with more images
    assert sorted(seen) == paths
    rows = store_in(tmp_path).rows(paths)
    found = pickle.loads(pickle.dumps(rows)).take([3, 0, 8, 3])  # as in a worker
    assert np.array_equal(found, expected([paths[3], paths[0], paths[8], paths[3]]))
    assert found.flags.writeable, "torch warns of arrays that are not"


def test_a_file_that_was_changed_is_read_again(tmp_path: Path, paths: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    store_in(tmp_path).fill(paths)
    Image.new("RGB", (9, 30), (1, 2, 3)).save(paths[4])
    seen = decoded_by(monkeypatch)
    store_in(tmp_path).fill(paths)
    assert seen == [paths[4]]
    assert np.array_equal(store_in(tmp_path).rows(paths).take(range(9)), expected(paths))


@pytest.mark.parametrize("changed", [{"height": 13}, {"width": 7}, {"pixel_range": (0.0, 9.0)}, {"draft": True}], ids=str)
def test_stores_of_other_sizes_are_others(tmp_path: Path, changed: dict[str, Any]) -> None:
    assert store_in(tmp_path, **changed).folder != store_in(tmp_path).folder


def test_a_decoder_of_another_version_begins_another_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = store_in(tmp_path).folder
    monkeypatch.setattr(pixel_store, "pillow", "0.0")
    assert store_in(tmp_path).folder != before


def test_unreadable_and_missing_images_are_left_out_and_told_when_they_are_needed(tmp_path: Path, paths: list[str]) -> None:
    Path(paths[2]).write_bytes(b"no image")
    names = [*paths, str(tmp_path / "absent.png")]
    store_in(tmp_path).fill(names)
    rows = store_in(tmp_path).rows(names)
    assert [row for row, place in enumerate(rows.places) if place < 0] == [2, 9]
    assert rows.take([1, 2]) is None
    images = ImageBatches([Record(path, 0, 0, Modality.VISIBLE) for path in names], {0: 0}, HEIGHT, WIDTH).keep(store_in(tmp_path))
    assert np.array_equal(images[[1, 3]].images.numpy(), expected([paths[1], paths[3]]))
    with pytest.raises(Exception, match="it is not an image in a known format"):
        images[[1, 2]]


@pytest.mark.parametrize("lost", ["index", "pixels", "half of the pixels"])
def test_damaged_files_are_written_again(tmp_path: Path, paths: list[str], lost: str) -> None:
    store = store_in(tmp_path)
    store.fill(paths)
    if lost == "index":
        (store.folder / pixel_store.INDEX).write_bytes(b"\x93NUMPY")
    elif lost == "pixels":
        (store.folder / pixel_store.PIXELS).unlink()
    else:
        os.truncate(store.folder / pixel_store.PIXELS, 4 * store.bytes_of_an_image)
    store.fill(paths)
    assert np.array_equal(store.rows(paths).take(range(9)), expected(paths))


def test_a_full_disk_is_told_and_what_fits_is_kept(tmp_path: Path, paths: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(store: PixelStore, file: Any, keys: list[bytes]) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    store = store_in(tmp_path)
    store.fill(paths[:4])
    with monkeypatch.context() as patch:
        patch.setattr(PixelStore, "_name", full)
        with pytest.warns(UserWarning, match="No space left on device.*Training goes on"):
            store.fill(paths)
    assert (store.rows(paths).places >= 0).sum() == 4
    store.fill(paths)
    assert np.array_equal(store.rows(paths).take(range(9)), expected(paths))


KILLED = """
import os, signal, sys
from pathlib import Path
from vireid.data import pixel_store
pixel_store.AT_ONCE, pixel_store.BETWEEN = 1, 2
store = pixel_store.PixelStore({height}, {width}, parent=Path({parent!r}))
write, left = pixel_store.PixelStore._name, [3]
def name(self, file, keys):
    left[0] -= 1
    if left[0] == 0:
        file.write(b"half an image")
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    return write(self, file, keys)
pixel_store.PixelStore._name = name
store.fill({paths!r}, 1)
"""


def test_a_killed_process_leaves_whole_images(tmp_path: Path, paths: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    script = textwrap.dedent(KILLED).format(height=HEIGHT, width=WIDTH, parent=str(tmp_path / "stores"), paths=paths)
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    store, seen = store_in(tmp_path), decoded_by(monkeypatch)
    rows = store.rows(paths)
    kept = [row for row, place in enumerate(rows.places) if place >= 0]
    assert len(kept) == 4
    assert np.array_equal(rows.take(kept), expected([paths[row] for row in kept]))
    store.fill(paths)
    assert len(seen) == 5
    assert np.array_equal(store.rows(paths).take(range(9)), expected(paths))


def test_two_processes_decode_an_image_once(tmp_path: Path, paths: list[str]) -> None:
    script = f"""
from pathlib import Path
from vireid.data import pixel_store
read = pixel_store.read_image
pixel_store.read_image = lambda path, *size: (print(path), read(path, *size))[1]
pixel_store.PixelStore({HEIGHT}, {WIDTH}, parent=Path({str(tmp_path / "stores")!r})).fill({paths!r}, 1)
"""
    both = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    decoded = [line for process in both for line in process.communicate()[0].split()]
    assert sorted(decoded) == paths
    assert np.array_equal(store_in(tmp_path).rows(paths).take(range(9)), expected(paths))


def test_the_command_keeps_the_images_of_a_folder(
    sysu_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    main(["data", "cache", str(sysu_root), "--height", "16", "--width", "8"])
    said = " ".join(capsys.readouterr().out.split())
    assert "images are kept at 16 x 8" in said
    assert "--data.cache_images disk" in said
    folder = next((tmp_path / ".cache" / "vireid" / "images").iterdir())
    assert folder.name.startswith("16x8-")
