"""The published split of CDNet's search, which leaks, and ours of the same sizes, which does not."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path

import pytest

from tests.golden.cdnet import golden
from vireid.data import Market1501DataModule, SYSUDataModule, split_few, split_leaking
from vireid.errors import SettingsError
from vireid.structures import Modality, Record

DATA = golden("split")
K = int(DATA["num_instance"])


def images(count: int, pid: int = 1, modality: Modality = Modality.VISIBLE) -> list[Record]:
    return [Record(f"{modality}/{pid}/{number}", pid, 1, modality) for number in range(count)]


@pytest.mark.parametrize("row", range(len(DATA["table"])))
@pytest.mark.parametrize("seed", [0, 1])
def test_sizes_of_the_published_split(row: int, seed: int) -> None:
    count, weights, architecture, shared, distinct = DATA["table"][row].tolist()
    found = split_leaking(images(count), seed, K)
    assert [len(part) for part in found] == [weights, architecture]
    if shared >= 0:
        assert len(set(found[0]) & set(found[1])) == shared
        assert len({*found[0], *found[1]}) == distinct
        assert max(Counter(found[0]).values()) == max(Counter(found[1]).values()) == 1
    else:
        assert {*found[0], *found[1]} <= set(images(count))


@pytest.mark.parametrize(("count", "few"), [(2, 1), (3, 1), (7, 3), (8, 4), (19, 4)])
def test_the_split_that_does_not_leak(count: int, few: int) -> None:
    weights, architecture = split_few(images(count), 0, K)
    assert (len(weights), len(architecture)) == (count - few, few)
    assert {*weights, *architecture} == set(images(count))


@pytest.mark.parametrize("split", [split_few, split_leaking])
def test_every_identity_and_modality_is_split_by_itself(split: type[object]) -> None:
    groups = [(pid, modality) for pid in (3, 8) for modality in Modality]
    records = [image for pid, modality in groups for image in images(10, pid, modality)]
    first, second = split(records, 0, K)  # type: ignore[call-arg, misc]
    assert Counter((r.pid, r.modality) for r in second) == dict.fromkeys(groups, 4)
    assert Counter((r.pid, r.modality) for r in first) == dict.fromkeys(groups, 8 if split is split_leaking else 6)
    draws = {tuple(r.path for r in split(records, seed, K)[1]) for seed in (0, 0, 1)}  # type: ignore[call-arg, misc]
    assert len(draws) == 2


def test_one_image_cannot_be_in_two_parts() -> None:
    with pytest.raises(SettingsError, match="`search_split: cdnet` needs two images of every identity and modality; 1 have one"):
        split_few(images(1), 0, K)


@pytest.mark.filterwarnings("ignore:.*hold fewer than 10 images:UserWarning")
def test_data_modules_name_it_and_say_that_it_leaks(market_root: Path, sysu_root: Path, caplog: pytest.LogCaptureFixture) -> None:
    for make, root in ((Market1501DataModule, market_root), (SYSUDataModule, sysu_root)):
        with caplog.at_level(logging.WARNING):
            data = make(root, search_split="cdnet_leaking", images_per_identity=2)
            shared = set(data.parts.weights) & set(data.parts.architecture)
            held = set(data.parts.architecture)
        said = f"{len(shared)} of the {len(held)} images of the architecture step train the weights too, as published"
        assert (said in caplog.text) == bool(shared)
        assert data.provenance()["search_split"] == "cdnet_leaking"
        clean = make(root, search_split="cdnet", images_per_identity=2).parts
        assert not set(clean.weights) & set(clean.architecture)
        assert clean.labels == data.parts.labels
        caplog.clear()
