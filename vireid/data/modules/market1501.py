"""Data module of Market-1501."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from vireid.data.datasets.market import Market1501
from vireid.data.images import OnBadImage
from vireid.data.modules.parts import SearchSplit, Validation
from vireid.data.modules.single import SingleModalityDataModule
from vireid.data.transforms import Augmentation
from vireid.structures import Evaluation, Record


class Market1501DataModule(SingleModalityDataModule):
    """Market-1501: visible images, six cameras; distractors stay in the gallery, junk is dropped.

    Args:
        root: folder with ``bounding_box_train``, ``query`` and ``bounding_box_test``, or the one above it that holds
            ``Market-1501-v15.09.15``.
        height: of network input, in pixels; images are resized with the Lanczos filter.
        width: of network input, in pixels.
        identities_per_batch: P, the identities in a batch (of each process).
        images_per_identity: K, the images of each identity in a batch, drawn with replacement.
        augmentation: what happens to training images; its mean and std normalise all images. Null is
            ``vireid.data.CMNASAugmentation`` with its defaults.
        search_split: images of the architecture step of a search: ``none`` (plain training), ``identity`` (held-out identities) or
            ``image`` (half the images of every identity; the weight step gets the other half).
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

    dataset_name = "market1501"

    def __init__(
        self,
        root: str | Path,
        height: int = 256,
        width: int = 128,
        identities_per_batch: int = 16,
        images_per_identity: int = 4,
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
        super().__init__(
            height=height,
            width=width,
            identities_per_batch=identities_per_batch,
            images_per_identity=images_per_identity,
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
        self.dataset = Market1501(root)
        self.record(root=str(self.dataset.root))

    def _splits(self) -> Mapping[str, Sequence[Record]]:
        return self.dataset.splits()

    def _training_records(self) -> list[Record]:
        return self.dataset.train_records()

    def _test_evaluation(self) -> Evaluation:
        return self.dataset.evaluation()
