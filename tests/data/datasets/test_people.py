"""People as they are called on disk: names, numbers, and tables and folders of any program and system."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.classes import write_imagenet
from tests.conftest import make_folder, make_llcm, make_market, make_sysu
from vireid.commands.data import main
from vireid.data import LLCM, SYSU, CrossModalitySampler, ImageBatches, Market1501, PairedFolder, check_dataset, split_images
from vireid.data.datasets.imagenet import ImageNetSource
from vireid.data.datasets.listing import Lister
from vireid.errors import DatasetError, SettingsError
from vireid.results.queries import with_queries, write_queries
from vireid.results.scoring import score
from vireid.structures import Modality, Record
from vireid.tasks.evaluation.embeddings import write_embeddings

NAMES = ("20260101123456789012", "carol", "²", "O'Neil", "张三", "x\x1b[31m")


def write_table(folder: Path, head: str = "path,pid,modality", separator: str = ",", pids: Any = ("1", "2"), **writing: Any) -> Path:
    """A table over the images of folders; fields are joined by ``separator``."""
    rows = [head.replace(",", separator)]
    for path in sorted(folder.rglob("*.png")):
        if path.parent.name in pids:
            rows.append(separator.join((str(path.relative_to(folder)), path.parent.name, path.parent.parent.name)))
    file = folder / "people.csv"
    file.write_text("\n".join(rows), **{"encoding": "utf-8", **writing})
    return file


# --- names ------------------------------------------------------------------------------------------------------------------------------


def test_names_are_kept_beside_numbers(tmp_path: Path) -> None:
    records = [*(data := PairedFolder(make_folder(tmp_path, NAMES))).train_records(), *data.test_records()]
    assert {record.pid: record.name for record in records} == dict(enumerate(sorted(NAMES), start=1))
    assert {Path(record.path).parent.name for record in records if record.name == "²"} == {"²"}
    assert Record("", 3, 1, Modality.VISIBLE).who == "3"
    assert next(record.who for record in records if "x" in record.name) == r"x\x1b[31m"  # no control bytes in a terminal


def test_numbers_as_written_are_names_too(tmp_path: Path) -> None:
    records = PairedFolder(make_folder(tmp_path, ("0007", "12"))).train_records()
    assert {(record.pid, record.who) for record in records} < {(7, "0007"), (12, "12")}


@pytest.mark.parametrize("pids", [("1", "01", "2"), ("1", "01", "carol")])
def test_one_number_with_two_spellings_is_refused(pids: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"'01' and '1' in '.*' are one number: rename one, so that every person has one name"):
        PairedFolder(make_folder(tmp_path, pids))


def test_messages_speak_of_people_by_name(tmp_path: Path) -> None:
    root = make_folder(tmp_path, ("alice", "bob", "carol", "dave"))
    for path in (root / "infrared/bob").iterdir():
        path.unlink()
    (root / "infrared/bob").rmdir()
    assert any(error.startswith("identity bob of") for error in check_dataset(root).errors)
    records = [*(data := PairedFolder(root)).train_records(), *data.test_records()]
    with pytest.raises(DatasetError, match=r"these have one kind only: bob \(visible\)"):
        CrossModalitySampler(records, 1, 1)
    (root / "visible/dave/1.png").unlink()
    with pytest.raises(SettingsError, match=r"e\.g\. identities dave"):
        split_images([record for record in records if Path(record.path).is_file()], 0)
    (root / "visible/carol/0.png").write_bytes(b"no image")
    carol = [record for record in records if record.name == "carol"]
    with pytest.warns(UserWarning, match="Taking another image of identity carol instead"):
        ImageBatches(carol, None, 8, 4, on_bad_image="skip")[[0]]
    (root / "visible/carol/1.png").write_bytes(b"no image")
    with pytest.warns(UserWarning, match="carol"), pytest.raises(ValueError, match="Identity carol has no other readable visible image"):
        ImageBatches(carol, None, 8, 4, on_bad_image="skip")[[0]]


def test_files_of_results_hold_names(tmp_path: Path) -> None:
    for name, pids in (("named", ("alice", "bob", "carol", "dave")), ("numbered", ("1", "2", "3", "4"))):
        evaluation = PairedFolder(make_folder(tmp_path / name, pids)).evaluation()
        embeddings = torch_rows(len(evaluation.records))
        results = tuple(score(evaluation, embeddings))
        write_queries(tmp_path / f"{name}.npz", results)
        read = with_queries(tmp_path / f"{name}.npz", results)
        people = read[0].per_query[0].people
        expected = [evaluation.records[row].name for row in evaluation.settings[0].trials[0].query]
        assert (None if people is None else people.tolist()) == (expected if name == "named" else None)
        write_embeddings(tmp_path / f"{name}-embeddings.npz", {"embeddings": embeddings}, evaluation.records)
        written = np.load(tmp_path / f"{name}-embeddings.npz")
        assert ("people" in written) == (name == "named")
        if name == "named":
            assert written["people"].tolist() == [record.name for record in evaluation.records]


def test_embeddings_are_written_as_a_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = PairedFolder(make_folder(tmp_path / "people")).evaluation().records
    path = tmp_path / "embeddings.npz"
    write_embeddings(path, {"embeddings": torch_rows(len(records))}, records)
    before = path.read_bytes()

    def killed(file: Any, **_: Any) -> None:
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", killed)
    with pytest.raises(KeyboardInterrupt):
        write_embeddings(path, {"embeddings": torch_rows(len(records))}, records)
    assert path.read_bytes() == before


def torch_rows(count: int) -> Any:
    import torch

    return torch.nn.functional.normalize(torch.randn(count, 5, generator=torch.Generator().manual_seed(0)))


# --- folders ----------------------------------------------------------------------------------------------------------------------------

STRAYS = ("._0000.jpg", ".DS_Store", "Thumbs.db")


def test_hidden_files_are_strays_in_every_layout(tmp_path: Path) -> None:
    folder, sysu, llcm, market = (
        make_folder(tmp_path / "f"),
        make_sysu(tmp_path / "s"),
        make_llcm(tmp_path / "l"),
        make_market(tmp_path / "m"),
    )
    imagenet = write_imagenet(tmp_path / "i")

    def counts() -> list[int]:
        return [
            len(PairedFolder(folder).train_records()),
            len(SYSU(sysu).train_records([1, 2])),
            len(LLCM(llcm).test_records(Modality.VISIBLE)),
            len(Market1501(market).train_records()),
            len(ImageNetSource(imagenet, "train", 8, 9).labels),
        ]

    before = counts()
    for place in (
        "f/visible/1",
        "f/infrared",
        "s/cam1/0001",
        "l/test_vis/cam1/0003",
        "m/bounding_box_train",
        "i/train/n01440760",
        "i/train",
    ):
        for name in STRAYS:
            (tmp_path / place / name).touch()
    for place in ("f/visible", "i/train"):
        (tmp_path / place / "__MACOSX").mkdir()
    with pytest.warns(UserWarning, match=r"Ignored \d+ entries under .* that are not images"):
        assert counts() == before


def test_links_to_themselves_and_pipes_among_people(tmp_path: Path) -> None:
    root = make_folder(tmp_path)
    (root / "visible/loop").symlink_to(root / "visible/loop")
    os.mkfifo(root / "visible/pipe")
    with pytest.warns(UserWarning, match="Ignored 2 entries"):
        PairedFolder(root)
    lister = Lister(root)
    with pytest.raises(DatasetError, match=r"Cannot list the folder '.*loop': Too many levels of symbolic links"):
        lister.images("visible/loop")
    assert lister.folders("absent") == []


# --- tables -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("separator", [",", ", ", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_tables_of_other_programs(encoding: str, separator: str, tmp_path: Path) -> None:
    root = make_folder(tmp_path)
    expected = PairedFolder(write_table(root)).train_records()
    file = write_table(root, separator=separator, encoding=encoding)
    file.write_bytes(file.read_text(encoding).replace("/", "\\").replace("\n", "\r\n").encode(encoding))
    assert PairedFolder(file).train_records() == expected


def test_paths_of_a_table_stay_in_a_folder(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "images")
    expected = PairedFolder(write_table(root)).train_records()
    lists = tmp_path / "lists"
    lists.mkdir()
    file = lists / "people.csv"
    relative = (root / "people.csv").read_text().splitlines()
    file.write_text("\n".join([relative[0], *(f"{root}/{line}" for line in relative[1:])]))
    with pytest.raises(DatasetError, match=r"Line 2 of .* names '.*', which is outside '.*lists'. Set `image_root` to a folder that holds"):
        PairedFolder(file)
    assert PairedFolder(file, image_root=root).train_records() == expected
    file.write_text("\n".join(relative))
    assert PairedFolder(file, image_root=root).train_records() == expected
    assert main(["data", "check", str(file), f"--image_root={root}"]) == 0
    with pytest.raises(SettingsError, match="`image_root` is for a table"):
        PairedFolder(root, image_root=root)
    with pytest.raises(SettingsError, match="`image_root` is for a CSV file"):
        check_dataset(root, image_root=root)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"a.png,{'7' * 300},visible", r"Line 2 of .*: `pid` has 300 characters, at most 255 are read"),
        (f"{'a' * 200_000},1,visible", r"Line 2 of .* cannot be read as a line of a table: field larger than field limit"),
        (f"a.png,1,{'v' * 9000}", r"`modality` must be visible or infrared, got 'v{100}…'"),
        ("a.png", r"Line 2 of .* needs a path and a pid"),
        ("a\0.png,1,visible", "holds zero bytes"),
    ],
)
def test_tables_that_are_refused(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text(f"path,pid,modality\n{text}\n")
    with pytest.raises(DatasetError, match=message) as caught:
        PairedFolder(file)
    assert len(str(caught.value)) < 500


def test_camera_zero_is_a_camera(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text(
        "path,pid,camid,modality\n" + "".join(f"{pid}{kind}.png,{pid},0,{kind}\n" for pid in (1, 2) for kind in ("visible", "infrared"))
    )
    assert {record.camid for record in PairedFolder(file).train_records()} == {0}
