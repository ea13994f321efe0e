"""Data module of MSMT17."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from vireid.data.augmentation.base import Augmentation
from vireid.data.datasets.msmt17 import MSMT17, TrainOn
from vireid.data.images import OnBadImage
from vireid.data.modules.division import SearchSplit, Validation
from vireid.data.modules.single import EVERYTHING, SingleModalityDataModule, known_part
from vireid.data.samplers.without_replacement import Sampling
from vireid.structures import Record


class MSMT17DataModule(SingleModalityDataModule):
    """MSMT17, version 1 or 2: visible images, fifteen cameras; test identities count from 10000, see :class:`vireid.data.MSMT17`.

    Args:
        root: folder with the four lists, or the one above it that holds ``MSMT17_V1`` or ``MSMT17_V2``.
        train_on: ``train``: ``list_train.txt`` alone; ``trainval``: with ``list_val.txt``. Published results exist of both. ``all``:
            with the lists of query and gallery too ("combineall" in published code), for a test on another dataset. This one has no
            test then.
        height: of network input, in pixels; images are resized with the Lanczos filter.
        width: of network input, in pixels.
        identities_per_batch: P, the identities in a batch (of each process).
        images_per_identity: K, the images of each identity in a batch.
        images_per_batch: instead of P x K images, so many drawn uniformly, whoever they show: a random order of all images per epoch,
            whose last, incomplete batch is dropped (of each process). Losses that need runs of K images cannot be used then.
        sampling: ``with_replacement``: identities and images are drawn anew for every batch; ``without_replacement``: no image comes
            twice in an epoch, see :class:`vireid.data.WithoutReplacementSampler`.
        augmentation: what happens to training images; its mean and std normalise all images. Null is
            ``vireid.data.CMNASAugmentation`` with its defaults.
        search_split: images of the architecture step of a search: ``none`` (plain training), ``identity`` (held-out identities),
            ``image`` (half the images of every identity; the weight step gets the other half), ``cdnet`` (K of them; the
            weight step gets the others) or ``cdnet_leaking`` (the published form of that, in which both steps share images).
        heldout_fraction: share of the training identities that is held out by seed, in (0, 1).
        validation: ``none``; ``heldout`` (training identities that the weight step never sees; with ``search_split: identity`` they
            are those of the architecture step; the first image of each identity and camera
            searches among the others); ``faithful_test_set`` (the test, as published scripts select
            on: not a fair selection).
        seed: of sampling, augmentation and held-out identities.
        num_workers: processes that read images; 0 reads in the training process.
        eval_batch_size: images in an evaluation batch.
        on_bad_image: an unreadable training image stops with its name (``error``) or is replaced by another image of the same
            identity, with a warning (``skip``). Evaluation always stops.
        cache_images: read all training images once and keep them, resized, in memory (98 kB each at 256 x 128, per process on a
            node).

    Raises:
        DatasetNotFoundError: ``root`` lacks one of its folders.
        SettingsError: a number out of range.
    """

    dataset_name = "msmt17"

    def __init__(
        self,
        root: str | Path,
        train_on: Literal["train", "trainval", "all"] = "train",
        height: int = 256,
        width: int = 128,
        identities_per_batch: int = 16,
        images_per_identity: int = 4,
        images_per_batch: int | None = None,
        sampling: Sampling = "with_replacement",
        augmentation: Augmentation | None = None,
        search_split: SearchSplit = "none",
        heldout_fraction: float = 0.2,
        validation: Validation = "none",
        seed: int = 0,
        num_workers: int = 4,
        eval_batch_size: int = 128,
        on_bad_image: OnBadImage = "error",
        cache_images: bool = False,
    ) -> None:
        known_part(train_on, ("train", "trainval", EVERYTHING))
        self._lists: TrainOn = "train" if train_on == "train" else "trainval"
        super().__init__(
            root,
            "all" if train_on == EVERYTHING else "train",
            height=height,
            width=width,
            identities_per_batch=identities_per_batch,
            images_per_identity=images_per_identity,
            images_per_batch=images_per_batch,
            sampling=sampling,
            augmentation=augmentation,
            search_split=search_split,
            heldout_fraction=heldout_fraction,
            validation=validation,
            seed=seed,
            num_workers=num_workers,
            eval_batch_size=eval_batch_size,
            on_bad_image=on_bad_image,
            cache_images=cache_images,
        )
        self.train_on = train_on

    def _open(self, root: str | Path) -> MSMT17:
        return MSMT17(root, self._lists)

    def _splits(self) -> Mapping[str, Sequence[Record]]:
        splits = dict(super()._splits())
        if self._lists == "train":
            del splits["train"]  # the published total is that of both lists
        return splits
