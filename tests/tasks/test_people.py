"""Whom a training saw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vireid import PairedFolderDataModule, SyntheticDataModule
from vireid.errors import CheckpointError
from vireid.tasks.people import SeenPeople


def test_equal_numbers_are_other_people_in_another_folder(folder_root: Path, tmp_path: Path) -> None:
    half = {"test_fraction": 0.5, "identities_per_batch": 2, "images_per_identity": 2}
    seen = SeenPeople.of_training(PairedFolderDataModule(folder_root, test_seed=0, **half))
    assert seen is not None
    assert len(seen.pids) == 3
    assert not seen.are_tested(PairedFolderDataModule(folder_root, test_seed=0, **half))
    assert seen.are_tested(PairedFolderDataModule(folder_root, test_seed=1, **half))
    (tmp_path / "other").symlink_to(folder_root)
    assert seen.are_tested(PairedFolderDataModule(tmp_path / "other", test_seed=1, **half))
    assert not SeenPeople({**seen.origin, "root": "elsewhere"}, seen.pids).are_tested(
        PairedFolderDataModule(folder_root, test_seed=1, **half)
    )


def test_drawn_people_are_others_with_another_seed(tmp_path: Path) -> None:
    origins = [SyntheticDataModule(tmp_path, seed_data=seed).origin() for seed in (0, 0, 1)]
    assert origins[0] == origins[1] != origins[2]


def test_it_is_read_as_it_was_written() -> None:
    seen = SeenPeople({"dataset": "regdb"}, frozenset({2, 1}))
    assert SeenPeople.read(seen.plain()) == seen
    assert SeenPeople.read(None) is None
    assert SeenPeople.of_training(object()) is None


@pytest.mark.parametrize("content", [[1], {"pids": [1]}, {"pids": ["1"], "origin": {}}, {"pids": {}, "origin": {}}])
def test_other_values_are_refused(content: Any) -> None:
    with pytest.raises(CheckpointError, match="people of its training must be numbers of identities"):
        SeenPeople.read(content)
