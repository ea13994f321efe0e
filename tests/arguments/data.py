"""Arguments of data modules: rows of batches, images as a training step gets them, protocols, and how often files are opened."""

from __future__ import annotations

import atexit
import functools
import hashlib
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from PIL import Image

from tests import conftest
from tests.arguments.table import Change, Refused, Table
from tests.classes import write_cifar100, write_imagenet
from vireid.data import (
    CIFAR100DataModule,
    DukeMTMCDataModule,
    ImageNetDataModule,
    LLCMDataModule,
    Market1501DataModule,
    MSMT17DataModule,
    Normalise,
    PairedFolderDataModule,
    RegDBDataModule,
    SyntheticDataModule,
    SYSUDataModule,
)
from vireid.data.modules.base import ReIDDataModule
from vireid.data.modules.classification import ClassificationDataModule
from vireid.data.modules.loading import BatchDataModule
from vireid.errors import BadImageError, SettingsError
from vireid.structures import SearchBatch

KEPT = tempfile.TemporaryDirectory(prefix="vireid-arguments-")  # until the process ends
atexit.register(KEPT.cleanup)
FOLDER = Path(KEPT.name)
TREES = ("sysu", "regdb", "folder", "llcm", "market", "duke", "msmt17")


@functools.cache
def write_trees() -> None:
    """Every layout; a RegDB whose first image of every identity is damaged, one whose thermal images have 14 bits in files of 16, and one
    whose images are large JPEG files.
    """
    for name in TREES:
        getattr(conftest, f"make_{name}")(FOLDER / name)
    write_cifar100(FOLDER / "cifar100")
    write_imagenet(FOLDER / "imagenet")
    shutil.copytree(FOLDER / "regdb", FOLDER / "damaged")
    for path in (FOLDER / "damaged").glob("*/*/*_00000_*.bmp"):
        path.write_bytes(b"no image")
    shutil.copytree(FOLDER / "regdb", FOLDER / "deep")
    for path in (FOLDER / "deep/Thermal").glob("*/*.bmp"):
        with Image.open(path) as image:
            Image.fromarray(np.asarray(image).astype(np.uint16) * 64).save(path, "PNG")
    shutil.copytree(FOLDER / "regdb", FOLDER / "large")
    for path in (FOLDER / "large").glob("*/*/*.bmp"):
        with Image.open(path) as image:
            image.resize((64, 128)).save(path, "JPEG")


def read(module: BatchDataModule) -> list[Any]:
    """The order of an epoch, its first batch, how many files were opened for it, and the processes that read."""
    torch.manual_seed(0)
    with mock.patch("PIL.Image.open", wraps=Image.open) as opened:
        loader = module.train_dataloader()
        order = [_plain(rows) for rows in loader.batch_sampler]
        loader.batch_sampler.set_epoch(0)
        first = next(iter(loader.batch_sampler))
        try:
            batch = module.on_after_batch_transfer(loader.dataset[first], 0)
        except BadImageError as error:
            return [order, str(error)]
        count = opened.call_count
    batches = [batch.weights, batch.architecture] if isinstance(batch, SearchBatch) else [batch]
    return [order, [(one.images, one.labels, one.pids, one.key) for one in batches], count, loader.num_workers]


def _plain(rows: Any) -> Any:
    return [list(rows.weights), list(rows.architecture)] if hasattr(rows, "architecture") else list(rows)


def observe(module: ReIDDataModule) -> list[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the trees are small, and some images are damaged
        return [module.num_classes, module.parts, read(module), *evaluated(module)]


def evaluated(module: ReIDDataModule) -> list[Any]:
    """Protocols of validation and test, and numbers of batches."""
    protocols = []
    for stage in ("validate", "test"):
        try:
            evaluation = module.evaluation(stage)
        except SettingsError as error:  # there is none
            protocols.append(str(error))
            continue
        trials = [[(trial.query.tolist(), trial.gallery.tolist()) for trial in setting.trials] for setting in evaluation.settings]
        protocols.append([evaluation.records, [setting.protocol for setting in evaluation.settings], trials])
    loaders = [len(loader.dataset) for loader in module.val_dataloader()]
    if not isinstance(protocols[1], str):
        loaders.append(len(module.test_dataloader().dataset))
    return [protocols, loaders]


def observe_classes(module: ClassificationDataModule) -> list[Any]:
    with mock.patch("vireid.data.datasets.cifar.CIFAR100.download") as download:
        module.prepare_data()
        tested = [len(loader.dataset) for loader in (*module.val_dataloader(), module.test_dataloader())]
        images = module.test_dataloader().dataset[0].images
        return [module.num_classes, module.rows, read(module), tested, images, download.called]


def observe_drawn(module: Any) -> list[Any]:
    """Where the images are written, and what they are."""
    meant = module.root
    with tempfile.TemporaryDirectory() as folder:
        module.root = Path(folder) / "drawn"
        module.prepare_data()
        files = sorted(path for path in module.root.rglob("*.jpg"))
        return [
            meant,
            [(str(path.relative_to(folder)), hashlib.sha256(path.read_bytes()).hexdigest()) for path in files],
            module.test_pids(),
        ]


def table(cls: type[BatchDataModule], name: str, rows: dict[str, Any], seen: Any = observe, **others: Any) -> Table:
    """A table of a module that reads the tree of this name."""
    root = {"root": Refused(str(FOLDER / "absent"), match="absent")}
    return Table(cls, seen, {**root, **rows}, {"root": str(FOLDER / name), "num_workers": 0, **others}, prepare=write_trees)


HELD = {"validation": "heldout"}
SMALL = {"height": 32, "width": 16, "identities_per_batch": 2, "images_per_identity": 2}
PEOPLE = {
    "height": Change(16),
    "width": Change(8),
    "identities_per_batch": Change(3),
    "images_per_identity": Change(3),
    "sampling": Change("without_replacement"),
    "augmentation": Change(Normalise()),
    "search_split": Change("image"),
    "on_bad_image": Change("skip", {"root": str(FOLDER / "damaged")}),
    "cache_images": Change(True),
    "pixel_range": Change((0, 16383), {"root": str(FOLDER / "deep")}),
    "draft_jpeg": Change(True, {"root": str(FOLDER / "large")}),
}
ALL = {
    "validation": Change("faithful_test_set"),
    "heldout_fraction": Change(0.5, HELD),
    "seed": Change(1),
    "num_workers": Change(2),
    "eval_batch_size": Change(5),
}
TABLES = [
    table(RegDBDataModule, "regdb", {"trial": Change(2), **PEOPLE, **ALL}, **SMALL),
    table(
        SYSUDataModule,
        "sysu",
        {
            "gallery": Refused("official", match="no `exp/rand_perm_cam.mat`", given={"trials": 1}),
            "heldout": Change("seeded", HELD),
            "train_ids": Change("train"),
            "trials": Change(1),
        },
        **SMALL,
    ),
    table(LLCMDataModule, "llcm", {"trials": Change(1), "swapped": Change(True)}, **SMALL),
    table(
        PairedFolderDataModule,
        "folder",
        {"test_fraction": Change(0.3), "test_seed": Change(1), "image_root": Refused("there", match="is for a table")},
        **SMALL,
    ),
    table(Market1501DataModule, "market", {"train_on": Change("all"), "images_per_batch": Change(3)}, **SMALL),
    table(DukeMTMCDataModule, "duke", {}, **SMALL),
    table(MSMT17DataModule, "msmt17", {"train_on": Change("trainval")}, **SMALL),
    table(
        CIFAR100DataModule,
        "cifar100",
        {
            "download": Change(True),
            "augmentation": Change(Normalise()),
            "batch_size": Change(6),
            "search_split": Change("image"),
            **ALL,
        },
        observe_classes,
        batch_size=4,
    ),
    table(
        ImageNetDataModule,
        "imagenet",
        {"size": Change(16), "augmentation": Change(Normalise()), "num_workers": Change(2)},
        observe_classes,
        batch_size=4,
        size=24,
    ),
    Table(
        SyntheticDataModule,
        observe_drawn,
        {
            "root": Change("drawn"),
            "identities": Change(5),
            "test_identities": Change(2),
            "images": Change(2),
            "seed_data": Change(1),
            "style": Change("thermal"),
            "world": Change("bars"),
            "image_height": Change(48),
            "image_width": Change(24),
            "difficulty": Change({"noise": 1.0}),
        },
        {"identities": 4, "test_identities": 1, "images": 1, "image_height": 32, "image_width": 16},
    ),
]
