"""Base of all data modules: classes, batches in a reproducible order, augmentation on the device."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, TypeVar

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Dataset

from vireid.data.augmentation.base import Augmentation
from vireid.data.images import as_is
from vireid.data.modules.division import SearchSplit, Validation
from vireid.data.samplers.base import KeyedSampler
from vireid.data.samplers.search_sampler import SearchSampler
from vireid.errors import SettingsError
from vireid.settings import Recorded
from vireid.structures import Batch, SearchBatch

T = TypeVar("T")
MOST_WORKERS, MOST_IMAGES, LONGEST_SIDE = 256, 4096, 2048  # a checkpoint may name any number of processes, images and pixels


def at_least(smallest: int, **arguments: int) -> None:
    """Raise ``SettingsError`` if an argument is below ``smallest``; the message names it."""
    for name, value in arguments.items():
        if value < smallest:
            raise SettingsError(f"`{name}` must be at least {smallest}, got {value}.")


def at_most(largest: int, **arguments: int) -> None:
    """Raise ``SettingsError`` if an argument is above ``largest``; the message names it."""
    for name, value in arguments.items():
        if value > largest:
            raise SettingsError(f"`{name}` must be at most {largest}, got {value}.")


class BatchDataModule(Recorded, pl.LightningDataModule, ABC):
    """Base class of all data modules.

    Args:
        validation: images of the validation loop: ``none``: no validation. ``heldout``: images that never train weights.
            ``faithful_test_set``: the test set (its first trial if there are several). Published scripts select on it, which is not a
            fair selection.
        heldout_fraction: share that is held out by the seed, in (0, 1).
        seed: seed of the order of images, of augmentation and of the choice of what is held out.
        num_workers: number of processes that read images, at most 256; 0 reads in the training process.
        eval_batch_size: number of images in an evaluation batch, at most 4096.

    Raises:
        SettingsError: a number is out of range.

    Attributes:
        dataset_name: name of the data in provenance.
        classifies: whether evaluation is classification; otherwise it is retrieval of people.
        augmentation: augmentation of training images; its mean and std normalise all images.
        search_split: which images the architecture step of a search gets.
        acting: names of arguments by which the module writes or fetches files.
        only_reads: whether it may do so only in its own cache, because a file named these arguments, and not the user.
    """

    dataset_name = ""
    classifies = False
    augmentation: Augmentation
    search_split: SearchSplit
    acting: ClassVar[tuple[str, ...]] = ()
    only_reads = False

    def __init__(
        self,
        *,
        validation: Validation = "none",
        heldout_fraction: float = 0.2,
        seed: int = 0,
        num_workers: int = 4,
        eval_batch_size: int = 128,
    ) -> None:
        super().__init__()
        at_least(1, eval_batch_size=eval_batch_size)
        at_least(0, num_workers=num_workers)
        at_most(MOST_WORKERS, num_workers=num_workers)
        at_most(MOST_IMAGES, eval_batch_size=eval_batch_size)
        if not 0 < heldout_fraction < 1:
            raise SettingsError(f"`heldout_fraction` must be between 0 and 1, got {heldout_fraction}.")
        self.validation, self.heldout_fraction = validation, heldout_fraction
        self.seed = seed
        self.num_workers = num_workers
        self.eval_batch_size = eval_batch_size

    @property
    @abstractmethod
    def num_classes(self) -> int:
        """Number of rows of the classifier."""

    @abstractmethod
    def provenance(self) -> dict[str, Any]:
        """Plain values that record which images a search or a training saw."""

    def _resume_point(self) -> tuple[int, int]:
        """Epoch and batch at which training begins: those after the last batch that the Trainer counts as processed."""
        if self.trainer is None:
            return 0, 0
        epochs: Any = self.trainer.fit_loop.epoch_progress.current  # typed too narrowly by Lightning
        batches: Any = self.trainer.fit_loop.epoch_loop.batch_progress
        if batches.is_last_batch:  # the epoch is over, whether or not its end was counted before the checkpoint was written
            return epochs.processed + int(epochs.processed < epochs.started), 0
        return epochs.processed, batches.current.processed

    def _training_loader(self, dataset: Dataset[Any], sampler: KeyedSampler | SearchSampler) -> DataLoader[Any]:
        """Batches from the point where training resumes."""
        if getattr(self.trainer, "overfit_batches", 0):
            sampler.hold()
        epoch, batch = self._resume_point()
        sampler.set_epoch(epoch)  # Lightning does so only after workers have begun to read
        sampler.start_at(min(batch, len(sampler)))
        return self._loader(dataset, batch_sampler=sampler)

    def _loader(self, dataset: Dataset[T], **batching: Any) -> DataLoader[T]:
        connector = getattr(self.trainer, "_accelerator_connector", None)
        if connector is not None:
            connector.use_distributed_sampler = False  # the samplers here share out the work; Lightning's would undo it
        return DataLoader(
            dataset,
            num_workers=self.num_workers,
            collate_fn=as_is,
            pin_memory=torch.cuda.is_available(),
            persistent_workers=self.num_workers > 0,
            generator=torch.Generator().manual_seed(self.seed),  # a loader without one would draw from the global generator
            **batching,
        )

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Augment training batches, which have a key, and normalise the others. This runs on the device."""
        if isinstance(batch, SearchBatch):
            return SearchBatch(
                self.on_after_batch_transfer(batch.weights, dataloader_idx),
                self.on_after_batch_transfer(batch.architecture, dataloader_idx),
            )
        if not isinstance(batch, Batch):
            return batch
        return (
            self.augmentation.augment(batch) if batch.key else batch.with_images(self.augmentation.normalise(batch.images, batch.n_visible))
        )
