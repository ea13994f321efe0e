"""Lists and tables from any program: encodings, line ends, paths, numbers, and what is no file."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import make_llcm, make_market, make_msmt17, make_regdb, make_sysu
from vireid.data import LLCM, MSMT17, SYSU, Market1501, PairedFolder, RegDB
from vireid.data.datasets.index import read_index
from vireid.data.datasets.texts import LARGEST, read_text, shown, whole_number
from vireid.errors import DatasetError, DatasetNotFoundError

LINES = ["Visible/1/张 三.bmp 0", "", r"Visible\2\b.bmp	1"]
READ = [("Visible/1/张 三.bmp", 0), ("Visible/2/b.bmp", 1)]
LISTS: dict[str, tuple[Callable[[Path], Path], str, Callable[[Path], Any]]] = {
    "regdb": (make_regdb, "idx/train_visible_1.txt", lambda root: RegDB(root).train_records()),
    "llcm": (make_llcm, "idx/train_nir.txt", lambda root: LLCM(root).train_records()),
    "llcm ids": (make_llcm, "idx/test_id.txt", lambda root: LLCM(root).test_ids()),
    "msmt17": (make_msmt17, "list_query.txt", lambda root: MSMT17(root).query_records()),
    "sysu": (make_sysu, "exp/train_id.txt", lambda root: SYSU(root).training_ids()),
}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_encodings_and_line_ends(encoding: str, end: str, tmp_path: Path) -> None:
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    (tmp_path / "list.txt").write_bytes(mark + end.join(LINES).encode(encoding))
    assert read_index(tmp_path, "list.txt", "<path> <label>") == READ


@pytest.mark.parametrize("encoding", ["gbk", "latin-1", "utf-16-le"])
def test_other_encodings_are_refused(encoding: str, tmp_path: Path) -> None:
    text = {"gbk": "a/1.bmp 0\nb/张.bmp 1\n", "latin-1": "a/1.bmp 0\nb/é.bmp 1\n"}.get(encoding, "a/1.bmp 0\n")
    (tmp_path / "list.txt").write_bytes(text.encode(encoding))
    match = "holds zero bytes" if encoding == "utf-16-le" else r"Line 2 of '.*list.txt' is not in UTF-8. Save it as UTF-8 \(in Excel"
    with pytest.raises(DatasetError, match=match):
        read_index(tmp_path, "list.txt", "<path> <label>")


def at_once(read: Callable[[], Any]) -> BaseException:
    """The error of a reader, which must not wait for the other end of a pipe."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            read()
        except Exception as error:
            failed.append(error)

    reader = threading.Thread(target=run, daemon=True)
    reader.start()
    reader.join(20)
    assert not reader.is_alive()
    return failed[0]


@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "loop", "huge"])
@pytest.mark.parametrize("name", LISTS)
def test_a_list_that_is_no_list_file(name: str, kind: str, tmp_path: Path) -> None:
    make, file, read = LISTS[name]
    root = make(tmp_path / "tree")
    path = root / file
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "huge":
        path.touch()
        os.truncate(path, LARGEST + 1)  # it takes no space
    else:
        path.symlink_to("/dev/zero" if kind == "device" else path)
    error = at_once(lambda: read(root))
    assert isinstance(error, DatasetError)
    messages = {"loop": f"Cannot read {str(path)!r}", "huge": "it has more than 100,000,000 bytes"}
    assert messages.get(kind, f"Cannot read {str(path)!r}: it is not a regular file") in str(error)
    if kind == "loop":
        path.unlink()
        with pytest.raises(FileNotFoundError):
            read_text(path)


def test_numbers_in_other_digits_and_of_any_length() -> None:
    assert [whole_number(text) for text in ("0", "0042", "9" * 18, "0" * 90 + "5")] == [0, 42, 10**18 - 1, 5]
    for text in ("", "²", "٣", "-1", "1_0", "1.0", " 1", "9" * 19, "9" * 5000, "1e3", "\uff10"):
        assert whole_number(text) is None
    assert shown("ab") == "'ab'"


@pytest.mark.parametrize("number", ["²", "٣", "9" * 5000])
def test_such_numbers_are_refused_by_every_reader(number: str, tmp_path: Path) -> None:
    makers = {"r": make_regdb, "l": make_llcm, "m": make_msmt17, "s": make_sysu, "b": make_market}
    regdb, llcm, msmt17, sysu, market = (make(tmp_path / name) for name, make in makers.items())
    table = tmp_path / "t.csv"
    table.write_text(f"path,pid,camid,modality\na.png,1,{number},visible\n", encoding="utf-8")
    (market / f"query/{number[:200]}_c1s1_000001_00.jpg").touch()
    readers: list[tuple[Path, str, Callable[[], Any]]] = [
        (regdb / "idx/train_visible_1.txt", f"Visible/1/a.bmp {number}", lambda: RegDB(regdb).train_records()),
        (regdb / "idx/train_visible_1.txt", f"Visible/{number}/a.bmp 0", lambda: RegDB(regdb).train_records()),
        (llcm / "idx/train_vis.txt", f"vis/{number}/0001_c01_a_vis.jpg 0", lambda: LLCM(llcm).train_records()),
        (llcm / "idx/train_vis.txt", f"vis/0001/0001_c{number}_a_vis.jpg 0", lambda: LLCM(llcm).train_records()),
        (msmt17 / "list_train.txt", f"0000/0000_000_{number}_a.jpg 0", lambda: MSMT17(msmt17).train_records()),
        (sysu / "exp/test_id.txt", f"10,{number}", lambda: SYSU(sysu).ids("test")),
        (tmp_path / "other", "", lambda: PairedFolder(table)),
        (tmp_path / "other", "", lambda: Market1501(market).records("query")),
    ]
    for file, line, read in readers:
        file.write_text(line, encoding="utf-8")
        with pytest.raises(
            DatasetError, match=r"must (read|name files|have lines|hold identity|be a whole number)|not named like"
        ) as caught:
            read()
        assert len(str(caught.value)) < 700  # the number is cut


def prefix(file: Path, start: str) -> None:
    file.write_text("".join(f"{start}/{line}\n" for line in file.read_text().splitlines()))


def test_absolute_paths_lie_in_the_root(tmp_path: Path) -> None:
    for number, start in enumerate(("{root}", "{root}/./other/..", ".", "{root}/idx\\..")):
        root = make_regdb(tmp_path / f"tree{number}")
        expected = RegDB(root).train_records()
        for file in (root / "idx").iterdir():
            prefix(file, start.format(root=root))
        assert RegDB(root).train_records() == expected
    root = tmp_path / "tree0"
    (tmp_path / "link").symlink_to(root)  # the lists name the place that the link leads to
    found = RegDB(tmp_path / "link").train_records()
    assert [Path(record.path).resolve() for record in found] == [Path(record.path) for record in RegDB(root).train_records()]
    msmt17 = make_msmt17(tmp_path / "m")
    listed = MSMT17(msmt17).query_records()
    prefix(msmt17 / "list_query.txt", f"{msmt17}/test")
    assert MSMT17(msmt17).query_records() == listed


OUTSIDE = ["/etc/a.png", "../a.png", r"..\..\a.png", "Visible/../../a.png", "C:/a.png", r"C:\RegDB\a.png", "//server/a", "Visible/.."]


@pytest.mark.parametrize("path", OUTSIDE)
def test_paths_that_lead_out_are_refused(path: str, tmp_path: Path) -> None:
    root = make_regdb(tmp_path / "tree")
    (root / "idx/train_visible_1.txt").write_text(f"Visible/1/a.bmp 0\n{path} 0")
    with pytest.raises(
        DatasetError, match=r"Line 2 of `idx/train_visible_1.txt` names '.*', which is outside '.*tree'. Write paths that are"
    ):
        RegDB(root).train_records()


def test_one_number_with_two_spellings(tmp_path: Path) -> None:
    regdb, llcm, market = make_regdb(tmp_path / "r"), make_llcm(tmp_path / "l"), make_market(tmp_path / "b")
    (regdb / "idx/train_thermal_1.txt").write_text("Thermal/01/a.bmp 0\nThermal/1/a.bmp 0\n")
    with pytest.raises(
        DatasetError, match=r"'0?1' and '0?1' in the lists of '.*r' are one number: rename one, so that every person has one"
    ):
        RegDB(regdb).train_records()
    (llcm / "idx/train_nir.txt").write_text("nir/1/0001_c01_a_nir.jpg 0\n")
    with pytest.raises(DatasetError, match=r"'0001' and '1' in the lists of"):
        LLCM(llcm).train_records()
    (market / "query/3_c1s1_000001_00.jpg").touch()
    with pytest.raises(DatasetError, match=r"'0003' and '3' in the names of images under"):
        Market1501(market).records("query")


def test_an_absent_list_is_absent(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match=r"There is no `a.txt` under"):
        read_index(tmp_path, "a.txt", "")
