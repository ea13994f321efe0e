"""Reading of image files in batches, good and bad ones."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from tests.conftest import write_image
from vireid.data import BatchRows, EvaluationBatches, ImageBatches, read_image
from vireid.data.images import as_is
from vireid.errors import BadImageError, DatasetNotFoundError
from vireid.structures import Modality, Record


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    """Identities 5 and 9, three images of each modality; infrared files have one channel."""
    rng = np.random.default_rng(3)
    return [
        Record(str(write_image(tmp_path / f"{modality}{pid}{n}.png", rng, grey=bool(modality))), pid, 3 if modality else 1, modality)
        for modality in Modality
        for pid in (5, 9)
        for n in range(3)
    ]


def test_a_batch_holds_what_the_files_and_records_say(records: list[Record]) -> None:
    rows = BatchRows([4, 0, 7], 2, (1, 2, 3))
    batch = ImageBatches(records, {5: 0, 9: 1}, 24, 12)[rows]
    assert (batch.n_visible, batch.key, batch.positions.tolist()) == (2, (1, 2, 3), [4, 0, 7])
    assert (batch.pids.tolist(), batch.labels.tolist()) == ([9, 5, 5], [1, 0, 0])
    assert (batch.camids.tolist(), batch.modalities.tolist()) == ([1, 1, 3], [0, 0, 1])
    assert batch.images.dtype == torch.uint8
    for image, row in zip(batch.images, rows, strict=True):
        with Image.open(records[row].path) as file:
            expected = np.asarray(file.convert("RGB"))
        np.testing.assert_array_equal(image.permute(1, 2, 0).numpy(), expected)
    assert torch.equal(batch.images[2, 0], batch.images[2, 2])  # infrared: three equal channels


def test_resize_is_lanczos(records: list[Record]) -> None:
    with Image.open(records[0].path) as file:
        expected = np.asarray(file.resize((8, 16), Image.Resampling.LANCZOS))
    np.testing.assert_array_equal(read_image(records[0].path, 16, 8), expected)
    assert ImageBatches(records, None, 16, 8)[[0, 1]].images.shape == (2, 3, 16, 8)


def test_labels_are_minus_one_without_a_class_and_counting_is_by_modality(records: list[Record]) -> None:
    batch = ImageBatches(records, {5: 0}, 24, 12)[[0, 4, 10]]
    assert batch.labels.tolist() == [0, -1, -1]
    assert (batch.n_visible, batch.key) == (2, ())


def test_images_that_an_evaluation_caches_can_be_trained_on(records: list[Record]) -> None:
    with torch.inference_mode():
        images = ImageBatches(records, {5: 0}, 24, 12).cache()
    assert not images[[0, 4]].images.is_inference()


def test_cached_images_are_the_same(records: list[Record]) -> None:
    plain, cached = ImageBatches(records, None, 16, 8), ImageBatches(records, None, 16, 8).cache(2)
    rows = [3, 11, 0]
    before = plain[rows].images
    for record in records:
        Path(record.path).unlink()
    assert torch.equal(cached[rows].images, before)


@pytest.mark.parametrize("method", [method for method in ("fork", "spawn") if method in multiprocessing.get_all_start_methods()])
@pytest.mark.parametrize("cache", [False, True])
def test_worker_processes_read_the_same(records: list[Record], method: str, cache: bool) -> None:
    images = ImageBatches(records, {5: 0, 9: 1}, 16, 8)
    batches = [BatchRows([0, 6], 1, (1,)), BatchRows([4, 10], 1, (2,))]
    expected = [images[rows] for rows in batches]
    if cache:
        images.cache()
    loader = DataLoader(images, batch_sampler=batches, collate_fn=as_is, num_workers=1, multiprocessing_context=method)
    for batch, reference in zip(loader, expected, strict=True):
        assert torch.equal(batch.images, reference.images)
        assert batch.key == reference.key


def damage(path: str, kind: str) -> None:
    file = Path(path)
    if kind == "empty":
        file.write_bytes(b"")
    elif kind == "truncated":
        file.write_bytes(file.read_bytes()[:150])
    elif kind == "text":
        file.write_text("this is no image")
    else:
        file.unlink()


DAMAGE = {"empty": r"empty \(0 bytes\)", "truncated": "truncated", "text": "not an image", "missing": "There is no image"}


@pytest.mark.parametrize(("kind", "message"), DAMAGE.items())
def test_a_bad_image_stops_with_its_name(records: list[Record], kind: str, message: str) -> None:
    damage(records[1].path, kind)
    images = ImageBatches(records, None, 24, 12)
    with pytest.raises((BadImageError, DatasetNotFoundError), match=message) as caught:
        _ = images[[0, 1]]
    assert records[1].path in str(caught.value)


def test_a_worker_process_passes_the_name_on(records: list[Record]) -> None:
    damage(records[1].path, "empty")
    loader = DataLoader(ImageBatches(records, None, 24, 12), batch_sampler=[[0, 1]], collate_fn=as_is, num_workers=1)
    with pytest.raises(BadImageError, match=r"empty \(0 bytes\)") as caught:
        list(loader)
    assert records[1].path in str(caught.value)


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_bad_image_is_replaced_by_the_next_of_the_same_identity_and_modality(records: list[Record], kind: str) -> None:
    damage(records[2].path, kind)
    images = ImageBatches(records, None, 24, 12, on_bad_image="skip")
    with pytest.warns(UserWarning, match="Taking another image of identity 5 instead") as caught:
        batch = images[[2, 2, 3]]
    assert len(caught) == 1  # once per file
    assert records[2].path in str(caught[0].message)
    assert torch.equal(batch.images[0], images[[0]].images[0])  # row 2 is the last of identity 5: the search goes round
    assert batch.pids.tolist() == [5, 5, 9]


def test_nothing_to_replace_with(records: list[Record]) -> None:
    for row in (6, 7, 8):
        damage(records[row].path, "empty")
    images = ImageBatches(records, None, 24, 12, on_bad_image="skip")
    with (
        pytest.warns(UserWarning, match="identity 5"),
        pytest.raises(BadImageError, match="Identity 5 has no other readable infrared image"),
    ):
        _ = images[[7]]


@pytest.mark.parametrize("world_size", [1, 2, 3, 5])
def test_evaluation_batches_hold_one_modality_and_every_image_once(records: list[Record], world_size: int) -> None:
    images = ImageBatches(records, None, 8, 4)
    ranks = [EvaluationBatches(images, 4, rank, world_size) for rank in range(world_size)]
    positions = []
    for rank in ranks:
        for index in range(len(rank)):
            batch = rank[index]
            assert batch.n_visible in (0, len(batch))
            positions.extend(batch.positions.tolist())
    assert sorted(positions) == list(range(len(records)))
    assert [len(rank) for rank in ranks] == [len(range(r, 4, world_size)) for r in range(world_size)]
