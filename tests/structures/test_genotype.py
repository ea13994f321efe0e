"""The genotype file: what it may hold, how it is written, and CM-NAS's list."""

from __future__ import annotations

import errno
import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from vireid import Genotype
from vireid.errors import GenotypeError, OutputError, SettingsError, VireidError
from vireid.structures.resnet_sites import cmnas_order

SPACE = {"class_path": "vireid.search.BNSeparation", "init_args": {"backbone": "resnet10"}}


def genotype(**changes: str) -> Genotype:
    """All sites of ResNet-10 shared, but for ``changes`` (with ``_`` for ``.``)."""
    choices = dict.fromkeys(cmnas_order("resnet10"), "shared_bn")
    assert set(changes) <= {name.replace(".", "_") for name in choices}
    return Genotype(SPACE, {name: changes.get(name.replace(".", "_"), value) for name, value in choices.items()}, {"seed": 3})


def test_file_round_trip_keeps_everything_in_order(tmp_path: Path) -> None:
    original = genotype(layer2_0_bn1="separate_bn")
    original.save(tmp_path / "deep" / "genotype.json")
    loaded = Genotype.load(tmp_path / "deep" / "genotype.json")
    assert loaded == original
    assert list(loaded.choices) == list(original.choices)
    assert loaded.provenance == {"seed": 3}


def test_file_has_the_published_format(tmp_path: Path) -> None:
    genotype().save(tmp_path / "g.json")
    content = json.loads((tmp_path / "g.json").read_text())
    assert list(content) == ["format", "version", "space", "choices", "provenance"]
    assert (content["format"], content["version"], content["space"]) == ("vireid.genotype", 1, SPACE)
    (tmp_path / "plain").write_text("")
    assert (tmp_path / "g.json").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_provenance_does_not_count_in_comparisons() -> None:
    assert genotype() == Genotype(SPACE, genotype().choices, {"seed": 4})
    assert genotype() != genotype(bn1="separate_bn")


def no_space(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("call", ["open", "fsync", "replace"])
def test_full_disk_leaves_the_old_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    path = tmp_path / "genotype.json"
    genotype().save(path)
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(Path if call == "replace" else os, call, no_space)
        with pytest.raises(OutputError, match=r"Cannot write .*genotype\.json.*No space left.*what was there before is intact"):
            genotype(bn1="separate_bn").save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="Cannot write"):
        genotype().save(tmp_path / "file" / "g.json")


# --- what a file may hold -----------------------------------------------------------------------------------------------------------


def written(path: Path, **changes: Any) -> Path:
    path.write_text(json.dumps({**genotype().to_dict(), **changes}))
    return path


def test_newer_version_asks_for_an_upgrade(tmp_path: Path) -> None:
    with pytest.raises(GenotypeError, match="version 2; it was written by a newer vireid: upgrade"):
        Genotype.load(written(tmp_path / "g.json", version=2))


@pytest.mark.parametrize("version", [0, "1", None, 1.5])
def test_other_versions_say_what_is_expected(tmp_path: Path, version: Any) -> None:
    with pytest.raises(GenotypeError, match="expected version 1"):
        Genotype.load(written(tmp_path / "g.json", version=version))


@pytest.mark.parametrize("content", [[], 3, "text", None, {}, {"format": "other"}])
def test_other_json_is_no_genotype(content: Any) -> None:
    with pytest.raises(GenotypeError, match='is not a genotype: expected a JSON object with "format"'):
        Genotype.from_dict(content)


def test_all_wrong_types_are_listed_at_once(tmp_path: Path) -> None:
    path = written(tmp_path / "g.json", space={"class_path": 3}, choices={"bn1": 0}, provenance=[])
    with pytest.raises(GenotypeError) as caught:
        Genotype.load(path)
    assert "g.json" in str(caught.value)
    for part in ('"space" must be an object', '"choices" must be a non-empty object of texts', '"provenance" must be an object'):
        assert part in str(caught.value)


@pytest.mark.parametrize("space", [None, "vireid.search.BNSeparation", {}, {"class_path": "vireid.X", "init_args": []}])
def test_space_must_name_a_class(space: Any) -> None:
    with pytest.raises(GenotypeError, match='"space" must be an object with "class_path"'):
        Genotype.from_dict({**genotype().to_dict(), "space": space})


@pytest.mark.parametrize("choices", [None, [], {}, {"bn1": None}])
def test_choices_must_be_texts(choices: Any) -> None:
    with pytest.raises(GenotypeError, match='"choices" must be a non-empty object'):
        Genotype.from_dict({**genotype().to_dict(), "choices": choices})


def test_missing_file_is_both_a_missing_file_and_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no genotype file .*absent\.json") as caught:
        Genotype.load(tmp_path / "absent.json")
    assert isinstance(caught.value, VireidError)


@pytest.mark.parametrize("content", [b"", b"{", b"bn1: 1", b"[" * 100_000])
def test_no_json_is_reported_with_the_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "g.json").write_bytes(content)
    with pytest.raises(GenotypeError, match=r"g\.json' is not a JSON file"):
        Genotype.load(tmp_path / "g.json")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", pickle.dumps({"a": 1}), None])
def test_binary_files_and_folders_are_no_genotypes(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path if content is None else tmp_path / "g.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(GenotypeError, match="cannot be read"):
        Genotype.load(path)


# --- CM-NAS's list ------------------------------------------------------------------------------------------------------------------


def test_list_follows_construction_order_with_the_downsample_site_first(tmp_path: Path) -> None:
    order = cmnas_order("resnet50")
    assert len(order) == 53
    assert order[:6] == ["bn1", "layer1.0.downsample.1", "layer1.0.bn1", "layer1.0.bn2", "layer1.0.bn3", "layer1.1.bn1"]
    for position, site in enumerate(order):
        path = tmp_path / f"{position}.cfg"
        path.write_text(" ".join("0" if i == position else "1" for i in range(53)))
        choices = Genotype.from_cmnas_cfg(path).choices
        assert {name for name, candidate in choices.items() if candidate == "separate_bn"} == {site}


def test_list_round_trip(tmp_path: Path) -> None:
    original = genotype(bn1="separate_bn", layer3_0_downsample_1="separate_bn")
    original.to_cmnas_cfg(tmp_path / "list.cfg")
    assert (tmp_path / "list.cfg").read_text() == "0 1 1 1 1 1 0 1 1 1 1 1\n"
    assert Genotype.from_cmnas_cfg(tmp_path / "list.cfg", "resnet10") == original


def test_any_white_space_separates_and_only_the_first_line_counts(tmp_path: Path) -> None:
    (tmp_path / "list.cfg").write_text("0\t1  1 1 1 1 1 1 1 1 1 0 \r\nnot read 7\n")
    choices = Genotype.from_cmnas_cfg(tmp_path / "list.cfg", "resnet10").choices
    assert [name for name, candidate in choices.items() if candidate == "separate_bn"] == ["bn1", "layer4.0.bn2"]


@pytest.mark.parametrize("text", ["", "\n" + "1 " * 12, "1 " * 11, "1 " * 13])
def test_wrong_count_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "list.cfg").write_text(text)
    with pytest.raises(GenotypeError, match=r"list\.cfg' holds \d+ values, but resnet10 has 12 sites"):
        Genotype.from_cmnas_cfg(tmp_path / "list.cfg", "resnet10")


@pytest.mark.parametrize("value", ["2", "-1", "0.0", "true", "111111111111"])
def test_other_values_are_an_error(tmp_path: Path, value: str) -> None:
    (tmp_path / "list.cfg").write_text("1 " * 11 + value)
    with pytest.raises(GenotypeError, match=rf"only 0 \(separate\) and 1 \(shared\), found {value}"):
        Genotype.from_cmnas_cfg(tmp_path / "list.cfg", "resnet10")


def test_a_missing_or_binary_list_and_an_unknown_backbone_are_errors_of_ours(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no genotype file .*absent\.cfg") as caught:
        Genotype.from_cmnas_cfg(tmp_path / "absent.cfg")
    assert isinstance(caught.value, VireidError)
    (tmp_path / "list.cfg").write_bytes(b"\xff\xfe1")
    with pytest.raises(GenotypeError, match="cannot be read"):
        Genotype.from_cmnas_cfg(tmp_path / "list.cfg")
    with pytest.raises(SettingsError, match=r"`backbone` must be one of resnet10, .* got 'resnet9'"):
        Genotype.from_cmnas_cfg(tmp_path / "list.cfg", "resnet9")


@pytest.mark.parametrize(
    ("space", "choices"),
    [
        ({"class_path": "vireid.search.OSNetAIN", "init_args": {}}, genotype().choices),
        (SPACE, {**genotype().choices, "bn1": "ibn"}),
        (SPACE, {"bn1": "shared_bn"}),
    ],
)
def test_only_points_of_a_resnet_become_lists(tmp_path: Path, space: Any, choices: Any) -> None:
    with pytest.raises(GenotypeError, match="holds only separate_bn and shared_bn for every site of a ResNet"):
        Genotype(space, choices).to_cmnas_cfg(tmp_path / "list.cfg")
    assert not (tmp_path / "list.cfg").exists()


# --- differences --------------------------------------------------------------------------------------------------------------------


def test_diff_lists_what_differs_and_what_is_missing() -> None:
    mine = Genotype(SPACE, {"a": "shared_bn", "b": "shared_bn", "c": "in"})
    theirs = Genotype(SPACE, {"a": "shared_bn", "b": "separate_bn", "d": "ibn"})
    assert mine.diff(theirs) == {"b": ("shared_bn", "separate_bn"), "c": ("in", None), "d": (None, "ibn")}
    assert theirs.diff(mine) == {name: pair[::-1] for name, pair in mine.diff(theirs).items()}
    assert mine.diff(mine) == {}
