"""Reading image files in whole batches."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from vireid.data.image_files import read_image
from vireid.data.pixel_store import PixelStore, StoredPixels
from vireid.data.pixels import PixelRange, check_range
from vireid.data.samplers.base import BatchRows
from vireid.data.samplers.search_sampler import SearchRows
from vireid.errors import BadImageError, DatasetNotFoundError
from vireid.settings.choices import check_choices
from vireid.structures import Batch, Modality, Record, SearchBatch
from vireid.terminal import track

OnBadImage = Literal["error", "skip"]


class ImageBatches(Dataset[Batch]):
    """Images of records, read one whole batch at a time: ``dataset[rows]`` is a :class:`~vireid.structures.Batch` of uint8 images.

    A data loader with a batch sampler uses it through ``__getitems__``. It is safe for forked and spawned workers.

    Args:
        records: images that row numbers refer to.
        labels: class index of every identity; an identity that is absent here gets -1.
        height, width: size to which images are resized, in pixels.
        on_bad_image: what to do with an unreadable image. ``"error"`` stops with the name of the file. ``"skip"`` takes another image of
            the same identity and modality (the next readable one in the order of the records), with one warning per file and worker.
            Use ``"skip"`` for training only.
        pixel_range: values that become black and white in images of more than 8 bits with one channel, such as (0, 16383); ``None``: 0
            and the largest number of the file's depth. Images of 8 bits are not changed by it.
        draft: whether large JPEG files are decoded at a part of their size, see :func:`~vireid.data.image_files.read_image`.

    Raises:
        SettingsError: ``on_bad_image`` has another value, or ``pixel_range`` is not two different numbers.

    Example::

        images = ImageBatches(RegDB("data/RegDB").train_records(), height=288, width=144)
        batch = images[[0, 1, 2]]  # three images of 288 x 144, uint8
    """

    def __init__(
        self,
        records: Sequence[Record],
        labels: Mapping[int, int] | None = None,
        height: int = 256,
        width: int = 128,
        on_bad_image: OnBadImage = "error",
        pixel_range: PixelRange | None = None,
        draft: bool = False,
    ) -> None:
        check_choices({"on_bad_image": OnBadImage}, {"on_bad_image": on_bad_image})
        self.records = tuple(records)
        self.height = height
        self.width = width
        self.on_bad_image = on_bad_image
        self.pixel_range = check_range(pixel_range)
        self.draft = draft
        labels = labels or {}
        table = [(labels.get(r.pid, -1), r.pid, r.camid, int(r.modality)) for r in self.records]
        self._table = torch.tensor(table, dtype=torch.int64).reshape(-1, 4)  # label, pid, camid, modality
        self._cache: Tensor | None = None
        self._stored: StoredPixels | None = None
        self._warned: set[int] = set()
        self._groups: dict[tuple[int, int], list[int]] = defaultdict(list)
        if on_bad_image == "skip":
            for row, record in enumerate(self.records):
                self._groups[record.pid, record.modality].append(row)

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, rows: Sequence[int]) -> Batch:
        return self.__getitems__(rows)

    def __getitems__(self, rows: Sequence[int]) -> Batch:
        positions = torch.tensor(rows, dtype=torch.int64)
        labels, pids, camids, modalities = self._table.index_select(0, positions).T.contiguous()
        if not isinstance(rows, BatchRows):
            rows = BatchRows(rows, int((modalities == Modality.VISIBLE).sum()))
        images = self._cache.index_select(0, positions) if self._cache is not None else self._read(rows)
        return Batch(images, labels, pids, camids, modalities, positions, rows.n_visible, rows.key, rows.images_per_identity)

    def cache(self, workers: int = 4) -> ImageBatches:
        """Read all images into one tensor in shared memory, ``3 * height * width`` bytes each, with a progress bar.

        Args:
            workers: number of threads that decode.
        """
        with torch.inference_mode(False):  # an evaluation may read images that a training uses later, and threads fill them
            store = torch.empty((len(self), 3, self.height, self.width), dtype=torch.uint8)
        store.share_memory_()  # type: ignore[no-untyped-call]  # torch has no annotation

        def fill(row: int) -> None:
            store[row] = torch.from_numpy(self._pixels(row).copy()).permute(2, 0, 1)

        with ThreadPoolExecutor(max(1, workers)) as pool:
            for _ in track(pool.map(fill, range(len(self))), "Reading images", len(self)):
                pass
        self._cache = store
        return self

    def keep(self, store: PixelStore) -> ImageBatches:
        """Read images from a store on disk where it has them."""
        self._stored = store.rows([record.path for record in self.records])
        return self

    def _read(self, rows: Sequence[int]) -> Tensor:
        stored = None if self._stored is None else self._stored.take(rows)
        if stored is not None:
            return torch.from_numpy(stored)
        pixels = np.empty((len(rows), self.height, self.width, 3), np.uint8)
        for index, row in enumerate(rows):
            pixels[index] = self._pixels(row)
        return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()

    def _pixels(self, row: int) -> NDArray[np.uint8]:
        record = self.records[row]
        try:
            return read_image(record.path, self.height, self.width, self.pixel_range, self.draft)
        except (BadImageError, DatasetNotFoundError) as error:
            if self.on_bad_image == "error":
                raise type(error)(f"{error} Training can go on without it: set `on_bad_image` to skip.") from error
            if row not in self._warned:
                self._warned.add(row)
                warnings.warn(f"{error} Taking another image of identity {record.who} instead.", stacklevel=2)
            return self._substitute(row, error)

    def _substitute(self, row: int, error: Exception) -> NDArray[np.uint8]:
        record = self.records[row]
        group = self._groups[record.pid, record.modality]
        place = group.index(row)
        for other in (*group[place + 1 :], *group[:place]):
            try:
                return read_image(self.records[other].path, self.height, self.width, self.pixel_range, self.draft)
            except (BadImageError, DatasetNotFoundError):
                continue
        raise BadImageError(f"{error} Identity {record.who} has no other readable {record.modality.name.lower()} image.") from error


class SearchImages(Dataset[SearchBatch]):
    """Images of both steps of a search: one batch of rows for each step gives a :class:`~vireid.structures.SearchBatch`.

    Args:
        weights, architecture: images of the weight step and of the architecture step.

    Example::

        images = SearchImages(ImageBatches(for_weights), ImageBatches(for_architecture))
    """

    def __init__(self, weights: Dataset[Batch], architecture: Dataset[Batch]) -> None:
        self.weights, self.architecture = weights, architecture

    def __len__(self) -> int:
        return len(self.weights)  # type: ignore[arg-type]  # torch's Dataset promises no length

    def __getitem__(self, rows: SearchRows) -> SearchBatch:
        return self.__getitems__(rows)

    def __getitems__(self, rows: SearchRows) -> SearchBatch:
        return SearchBatch(self.weights[rows.weights], self.architecture[rows.architecture])


class EvaluationBatches(Dataset[Batch]):
    """Single-modality batches over an evaluation's images in their order, distributed over ranks without padding or duplicates.

    Rank r takes the batches r, r + world_size, ... A part of the list, embedded by a job of its own, is dealt out in the same way, so that
    a batch holds the same images whatever the number of parts.

    Args:
        images: visible images first, then infrared ones.
        batch_size: number of images in a batch; the last batch of each modality may be smaller.
        rank, world_size: rank of this process, and number of processes.

    Example::

        batches = EvaluationBatches(ImageBatches(evaluation.records), batch_size=64)  # each of one modality
    """

    def __init__(self, images: ImageBatches, batch_size: int, rank: int = 0, world_size: int = 1) -> None:
        self.images = images
        visible = sum(record.modality == Modality.VISIBLE for record in images.records)
        spans = [
            range(start, min(start + batch_size, end))
            for first, end in ((0, visible), (visible, len(images)))
            for start in range(first, end, batch_size)
        ]
        self._spans = spans[rank::world_size]

    @property
    def positions(self) -> list[int]:
        """Positions of all images of these batches, ascending."""
        return [position for span in self._spans for position in span]

    def __len__(self) -> int:
        return len(self._spans)

    def __getitem__(self, index: int) -> Batch:
        return self.images[self._spans[index]]


def as_is(batch: Any) -> Any:
    """Collate function of loaders whose dataset returns whole batches."""
    return batch
