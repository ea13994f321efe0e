"""Arguments of readers of datasets and images: training records, and whole batches."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from tests.arguments.data import FOLDER, write_trees
from tests.arguments.table import Change, Refused, Table
from vireid.data import (
    LLCM,
    MSMT17,
    SYSU,
    BatchRows,
    ClassImages,
    DukeMTMC,
    EvaluationBatches,
    ImageBatches,
    ImageSource,
    Market1501,
    PairedFolder,
    RegDB,
    SearchImages,
    SearchRows,
)
from vireid.errors import BadImageError
from vireid.structures import Batch, Modality, Record


def records(tree: str) -> tuple[Record, ...]:
    """Two images of each modality of one person."""
    names = (("Visible", "v", Modality.VISIBLE), ("Thermal", "t", Modality.INFRARED))
    places = [(folder, letter, modality, number) for folder, letter, modality in names for number in range(2)]
    return tuple(
        Record(str(FOLDER / f"{tree}/{folder}/1/male_front_{letter}_{number:05d}_1.bmp"), 1, modality + 1, modality)
        for folder, letter, modality, number in places
    )


class Grey(ImageSource):
    """As many images as asked for, each of one brightness."""

    def __init__(self, count: int) -> None:
        self.labels, self.classes = torch.arange(count) % 2, ("even", "odd")

    def pixels(self, rows: Sequence[int], key: tuple[int, ...]) -> Tensor:
        return torch.tensor(rows)[:, None, None, None].expand(-1, 3, 2, 2) + len(self.labels)


def described(batch: Batch) -> list[Any]:
    return [batch.images, batch.labels, batch.pids, batch.camids, batch.modalities, batch.positions]


def observe_batch(images: ImageBatches | ClassImages) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a damaged file
        try:
            return described(images[range(len(images))])
        except BadImageError as error:
            return str(error)


def observe_evaluation(batches: EvaluationBatches) -> list[Any]:
    return [described(batches[index]) for index in range(len(batches))]


def observe_search(images: SearchImages) -> list[Any]:
    both = images[SearchRows(BatchRows([0]), BatchRows([1]))]
    return [len(images), described(both.weights), described(both.architecture)]


def reader(cls: type[Any], tree: str, rows: dict[str, Any], observe: Any = lambda dataset: dataset.train_records()) -> Table:
    root = {"root": Refused(FOLDER / "absent", match="absent")}
    return Table(cls, observe, {**root, **rows}, {"root": FOLDER / tree}, prepare=write_trees)


SMALL = {"height": 16, "width": 8}
IMAGES, OTHERS = (ImageBatches(rows, **SMALL) for rows in (records("regdb"), records("regdb")[1:]))

TABLES = [
    reader(SYSU, "sysu", {}, lambda dataset: dataset.ids("train")),
    reader(RegDB, "regdb", {"trial": Change(2)}),
    reader(LLCM, "llcm", {}),
    reader(Market1501, "market", {}),
    reader(DukeMTMC, "duke", {}),
    reader(MSMT17, "msmt17", {"train_on": Change("trainval")}),
    reader(
        PairedFolder, "folder", {"test_fraction": Change(0.3), "seed": Change(1), "image_root": Refused("there", match="is for a table")}
    ),
    Table(
        ImageBatches,
        observe_batch,
        {
            "records": Change(records("regdb")[1:]),
            "labels": Change({1: 0}),
            "height": Change(8),
            "width": Change(16),
            "on_bad_image": Change("skip", {"records": records("damaged")}),
            "pixel_range": Change((0, 16383), {"records": records("deep")}),
            "draft": Change(True, {"records": records("large")}),
        },
        {"records": records("regdb"), **SMALL},
        prepare=write_trees,
    ),
    Table(
        EvaluationBatches,
        observe_evaluation,
        {"images": Change(OTHERS), "batch_size": Change(1), "rank": Change(1, {"world_size": 2}), "world_size": Change(2)},
        {"images": IMAGES, "batch_size": 2},
        prepare=write_trees,
    ),
    Table(
        SearchImages,
        observe_search,
        {"weights": Change(OTHERS), "architecture": Change(OTHERS)},
        {"weights": IMAGES, "architecture": IMAGES},
        prepare=write_trees,
    ),
    Table(ClassImages, observe_batch, {"source": Change(Grey(5)), "rows": Change([0, 1])}, {"source": Grey(4), "rows": [1, 2]}),
]
