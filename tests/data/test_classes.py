"""CIFAR-100 and ImageNet as data: what is read, in which order, what is cropped, cut out and refused."""

from __future__ import annotations

import logging
import os
import pickle
import random
from collections.abc import Callable
from hashlib import md5
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from torchvision.transforms import CenterCrop, Resize

from tests.classes import write_cifar100, write_imagenet
from vireid.data import CIFAR100DataModule, CutoutAugmentation, ImageNetDataModule
from vireid.data.augmentation.crops import centre_crop, random_box
from vireid.data.augmentation.cutout import CIFAR100_MEAN, CIFAR100_STD
from vireid.data.datasets.cifar import CIFAR100Source
from vireid.data.datasets.imagenet import ImageNetSource
from vireid.errors import BadImageError, DatasetError, DatasetNotFoundError, SettingsError
from vireid.settings import instantiate, settings_of
from vireid.structures import Batch, SearchBatch

SMALL: dict[str, Any] = {"num_workers": 0, "batch_size": 4}


def content(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = pickle.loads(path.read_bytes())
    return found


# --- CIFAR-100 --------------------------------------------------------------------------------------------------------------------------


def test_cifar100_images_and_classes(tmp_path: Path) -> None:
    root = write_cifar100(tmp_path)
    source, known = CIFAR100Source(root, True), content(root / "cifar-100-python/train")
    assert list(source.classes) == ["colour_0", "colour_1", "colour_2"]
    assert source.labels.tolist() == known["fine_labels"]
    images = source.pixels([5, 0], ())
    assert images.dtype == torch.uint8
    for image, row in zip(images, (5, 0), strict=True):
        assert np.array_equal(image.numpy(), known["data"][row].reshape(3, 32, 32))  # red, green, blue plane, each by rows


def test_files_of_the_release_are_known_by_their_checksums(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    root = write_cifar100(tmp_path)
    with caplog.at_level(logging.WARNING):
        CIFAR100Source(root, False)
    assert "train, test, meta" in caplog.text
    assert "not as released, by the checksum" in caplog.text
    caplog.clear()
    sums = {name: md5((root / "cifar-100-python" / name).read_bytes()).hexdigest() for name in ("train", "test", "meta")}
    release = torchvision.datasets.CIFAR100
    monkeypatch.setattr(release, "train_list", [["train", sums["train"]]])
    monkeypatch.setattr(release, "test_list", [["test", sums["test"]]])
    monkeypatch.setattr(release, "meta", {**release.meta, "md5": sums["meta"]})
    with caplog.at_level(logging.WARNING):
        ours = CIFAR100Source(root, False)
    assert caplog.text == ""
    theirs = release(root, train=False)
    assert ours.labels.tolist() == theirs.targets
    assert np.array_equal(ours.pixels(range(9), ()).permute(0, 2, 3, 1).numpy(), theirs.data)


def test_the_old_name_of_numpys_module_is_read(tmp_path: Path) -> None:
    train = write_cifar100(tmp_path) / "cifar-100-python/train"
    old = train.read_bytes().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")  # as in the release
    train.write_bytes(old)
    assert len(CIFAR100Source(tmp_path, True).labels) == 24


class Malicious:
    """Runs a command when it is unpickled by a reader that trusts."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.mkdir, ("harm",)


@pytest.mark.parametrize("name", ["train", "test", "meta"])
def test_a_pickle_that_would_run_code_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_cifar100(tmp_path) / "cifar-100-python" / name
    path.write_bytes(pickle.dumps({**content(path), "more": Malicious()}))
    with pytest.raises(DatasetError, match=rf"{name}' is damaged, or not a file of CIFAR-100: it asks to import posix.mkdir"):
        CIFAR100Source(tmp_path, True)
    assert not (tmp_path / "harm").exists()


def test_absent_files_are_named_and_fetched_only_if_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DatasetNotFoundError, match=r"expected the files train, test, meta in .*cifar-100-python'. `download` is off"):
        CIFAR100Source(tmp_path, True)
    (write_cifar100(tmp_path) / "cifar-100-python/meta").unlink()
    with pytest.raises(DatasetNotFoundError, match="No CIFAR-100 under"):
        CIFAR100Source(tmp_path, True)

    def offline(*_: object, **__: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr("torchvision.datasets.cifar.download_and_extract_archive", offline)
    with pytest.raises(DatasetNotFoundError, match=r"The download failed: .*no route to host"):
        CIFAR100DataModule(tmp_path, download=True).prepare_data()


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("train", lambda old: {}, "does not hold CIFAR-100: KeyError"),
        ("train", lambda old: {**old, "data": old["data"][:, :100]}, "does not hold CIFAR-100: ValueError"),
        ("train", lambda old: {**old, "fine_labels": old["fine_labels"][:-1]}, "holds 24 images, but 23 labels"),
        ("train", lambda old: {**old, "fine_labels": [7] * 24}, "names 3 classes, but a label is 7"),
        ("meta", lambda old: {}, "does not hold CIFAR-100: KeyError"),
    ],
)
def test_damaged_files(name: str, change: Callable[[dict[str, Any]], Any], message: str, tmp_path: Path) -> None:
    path = write_cifar100(tmp_path) / "cifar-100-python" / name
    path.write_bytes(pickle.dumps(change(content(path))))
    with pytest.raises(DatasetError, match=message):
        CIFAR100Source(tmp_path, True)


# --- ImageNet and crops -----------------------------------------------------------------------------------------------------------------


def test_imagenet_images_and_classes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = write_imagenet(tmp_path)
    with caplog.at_level(logging.WARNING):
        source = ImageNetSource(root, "val", 28, 32)
    assert "holds 3 classes, ImageNet 1000" in caplog.text
    assert source.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert list(source.classes) == ["n01440760", "n01440761", "n01440762"]
    with Image.open(root / "val/n01440761/n01440761_1.JPEG") as file:
        expected = CenterCrop(28)(Resize(32)(file))  # 45 x 43
    found = source.pixels([3], ())[0].permute(1, 2, 0).numpy().astype(int)
    assert np.abs(found - np.asarray(expected).astype(int)).max() <= 2  # the longer side may differ by a rounded pixel
    crops = [source.pixels([3], key) for key in ((0, 0, 0, 0, 0), (0, 0, 0, 0, 0), (0, 0, 0, 1, 0))]
    assert torch.equal(crops[0], crops[1])
    assert not torch.equal(crops[0], crops[2])
    assert crops[0].shape == (1, 3, 28, 28)


@pytest.mark.parametrize("size", [(100, 50), (31, 64), (40, 40)])
def test_centre_crop_is_torchvisions(size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    assert np.array_equal(np.asarray(centre_crop(image, 24, 32)), np.asarray(CenterCrop(24)(Resize(32)(image))))


def test_random_boxes_keep_their_ranges() -> None:
    rng, shares, ratios = random.Random(0), [], []
    for _ in range(3000):
        left, top, right, bottom = random_box(rng, 200, 200)
        assert 0 <= left < right <= 200
        assert 0 <= top < bottom <= 200
        shares.append((right - left) * (bottom - top) / 200**2)
        ratios.append((right - left) / (bottom - top))
    assert 0.075 < min(shares) < 0.1
    assert 0.9 < max(shares) <= 1.0
    assert np.mean(np.log(ratios)) == pytest.approx(0.0, abs=0.02)  # log-uniform around 1
    assert 0.73 < min(ratios) < 0.77
    assert 1.3 < max(ratios) < 1.37
    assert np.percentile(shares, 25) == pytest.approx(0.08 + 0.25 * 0.92, abs=0.05)


@pytest.mark.parametrize(("size", "box"), [((400, 2), (199, 0, 202, 2)), ((2, 400), (0, 199, 2, 202))])
def test_what_fits_no_random_box_is_cropped_in_the_middle(size: tuple[int, int], box: tuple[int, ...]) -> None:
    found = random_box(random.Random(0), *size, area=(0.9, 1.0))
    assert found[2] - found[0] == box[2] - box[0]
    assert found[3] - found[1] == box[3] - box[1]
    assert found[0] + found[2] in (box[0] + box[2], box[0] + box[2] - 2)


def test_imagenet_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match=r"No ImageNet under .*expected train/n01440764/\*.JPEG and val/.*cannot be downloaded"):
        ImageNetDataModule(tmp_path).num_classes  # noqa: B018
    (tmp_path / "train").mkdir()
    with pytest.raises(DatasetError, match="is not in the layout of ImageNet"):
        ImageNetDataModule(tmp_path).num_classes  # noqa: B018
    root = write_imagenet(tmp_path / "real")
    (root / "val/n01440761").rename(root / "val/n09999999")
    with pytest.raises(DatasetError, match="Training and test of imagenet have different classes: n01440761, n09999999"):
        ImageNetDataModule(root, **SMALL).test_dataloader()
    (root / "train/n01440760/n01440760_0.JPEG").write_bytes(b"no image")
    with pytest.raises(BadImageError, match=r"Cannot read image '.*n01440760_0.JPEG'"):
        ImageNetSource(root, "train", 32, 36).pixels([0], ())


# --- augmentation -----------------------------------------------------------------------------------------------------------------------


def test_cutout_is_a_square_around_any_pixel_clipped_at_the_borders() -> None:
    augmentation = CutoutAugmentation(length=4, padding=0, flip_probability=0.0, mean=(0.5,) * 3, std=(0.25,) * 3)  # type: ignore[arg-type]
    images = torch.full((200, 3, 8, 8), 255, dtype=torch.uint8)
    out = augmentation(images, (1,))
    seen = set()
    for image in out:
        zero = (image == 0).all(0)
        assert torch.equal(zero.unsqueeze(0).expand(3, -1, -1), image == 0)  # white is 2 after normalisation
        rows, columns = zero.any(1).nonzero().flatten().tolist(), zero.any(0).nonzero().flatten().tolist()
        assert int(zero.sum()) == len(rows) * len(columns)
        seen.add(((rows[0], rows[-1]), (columns[0], columns[-1])))
    sides = {(max(0, centre - 2), min(7, centre + 1)) for centre in range(8)}  # centre - 2 .. centre + 1
    assert {rows for rows, _ in seen} == {columns for _, columns in seen} == sides
    assert torch.equal(out, augmentation(images, (1,)))
    assert (CutoutAugmentation(length=0, padding=0)(images[:2], (1,)) != 0).all()


def test_cutout_defaults_are_those_of_the_published_code() -> None:
    augmentation = CutoutAugmentation()
    assert (augmentation.length, augmentation.padding, augmentation.flip_probability) == (16, 4, 0.5)
    assert [round(255 * value, 9) for value in (*CIFAR100_MEAN, *CIFAR100_STD)] == [129.3, 124.1, 112.4, 68.2, 65.4, 70.4]
    with pytest.raises(SettingsError, match="`length` must be at least 0, got -1"):
        CutoutAugmentation(length=-1)


# --- data modules -----------------------------------------------------------------------------------------------------------------------


def test_an_epoch_is_a_random_order_in_whole_batches(tmp_path: Path) -> None:
    data = CIFAR100DataModule(write_cifar100(tmp_path, train=22), **SMALL)
    loader = data.train_dataloader()
    epochs = []
    for epoch in range(2):
        loader.batch_sampler.set_epoch(epoch)  # type: ignore[union-attr]
        batches = list(loader)
        assert all(isinstance(batch, Batch) and batch.n_visible == len(batch) == 4 for batch in batches)
        rows = torch.cat([batch.positions for batch in batches]).tolist()
        assert len(rows) == len(set(rows)) == 20
        assert torch.equal(torch.cat([batch.labels for batch in batches]), data.training.labels[rows])
        epochs.append(rows)
    assert epochs[0] != epochs[1]
    again = [row for batch in CIFAR100DataModule(tmp_path, **SMALL).train_dataloader() for row in batch.positions.tolist()]
    assert again == epochs[0]


def test_parts_of_the_training_images(tmp_path: Path) -> None:
    root = write_cifar100(tmp_path, train=40)
    data = CIFAR100DataModule(root, **SMALL, search_split="image", validation="heldout", heldout_fraction=0.25)
    weights, architecture, held = map(set, data.rows)
    assert (len(weights), len(architecture), len(held)) == (15, 15, 10)
    assert weights | architecture | held == set(range(40))
    batch = next(iter(data.train_dataloader()))
    assert isinstance(batch, SearchBatch)
    assert set(batch.weights.positions.tolist()) <= weights
    assert set(batch.architecture.positions.tolist()) <= architecture
    (loader,) = data.val_dataloader()
    assert torch.cat([batch.positions for batch in loader]).tolist() == sorted(held)
    assert CIFAR100DataModule(root, **SMALL).val_dataloader() == []
    (test,) = CIFAR100DataModule(root, **SMALL, validation="faithful_test_set", eval_batch_size=5).val_dataloader()
    assert [len(batch) for batch in test] == [5, 4]
    assert data.provenance() == {"dataset": "cifar100", "search_split": "image", "search_pids": []}


def test_settings_rebuild_the_module(tmp_path: Path) -> None:
    data = CIFAR100DataModule(write_cifar100(tmp_path), download=True, batch_size=6)
    settings = settings_of(data)
    assert settings["init_args"]["download"] is False  # a test of a checkpoint fetches nothing by itself
    assert instantiate(settings).batch_size == 6
    assert settings_of(ImageNetDataModule(tmp_path, size=32))["init_args"]["size"] == 32


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "`batch_size` must be at least 1, got 0"),
        ({"eval_batch_size": 0}, "`eval_batch_size` must be at least 1"),
        ({"num_workers": -1}, "`num_workers` must be at least 0"),
        ({"heldout_fraction": 1.0}, "`heldout_fraction` must be between 0 and 1"),
        ({"search_split": "identity"}, "`search_split` must be none or image, got 'identity'"),
    ],
)
def test_constructor_errors(arguments: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=message):
        CIFAR100DataModule(tmp_path, **arguments)


def test_what_classes_do_not_have(tmp_path: Path) -> None:
    data = CIFAR100DataModule(write_cifar100(tmp_path), num_workers=0, batch_size=25)
    with pytest.raises(SettingsError, match="25, but there are 24"):
        data.train_dataloader()
    with pytest.raises(SettingsError, match="writes embeddings of people"):
        data.predict_dataloader()
    with pytest.raises(SettingsError, match="Images of classes have no protocol of retrieval"):
        data.evaluation("test")
    with pytest.raises(SettingsError, match="`size` must be at least 1, got 0"):
        ImageNetDataModule(tmp_path, size=0)
