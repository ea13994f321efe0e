"""Data module of a user's own people."""

from __future__ import annotations

from pathlib import Path

from vireid.data.augmentation.base import Augmentation
from vireid.data.datasets.evaluations import assemble, both_directions
from vireid.data.datasets.folder import PairedFolder
from vireid.data.images import OnBadImage
from vireid.data.modules.base import ReIDDataModule
from vireid.data.modules.division import SearchSplit, Validation
from vireid.data.samplers.without_replacement import Sampling
from vireid.structures import Evaluation, Record


class PairedFolderDataModule(ReIDDataModule):
    """People seen by a visible and an infrared camera: folders of identities, or a table.

    Folders are ``visible/<pid>/`` and ``infrared/<pid>/``, directly under ``root`` or under its ``train/`` and ``test/``. A table is a
    CSV file with the columns path (relative to the file), pid, modality (visible or infrared) and, if wanted, camid and split
    (train or test). The test ranks all images of one modality against all of the other, in both directions.

    Args:
        root: folder or CSV file.
        test_fraction: share of identities for the test, in (0, 1), where the data has no train and test of its own.
        test_seed: chooses these identities; separate from ``seed``, so that runs with different seeds are tested on the same people.
        height: of network input, in pixels; images are resized with the Lanczos filter.
        width: of network input, in pixels.
        identities_per_batch: P, the identities in a batch (of each process).
        images_per_identity: K, the images of each identity and modality in a batch.
        sampling: ``with_replacement``: identities and images are drawn anew for every batch; ``without_replacement``: no image comes
            twice in an epoch, see :class:`vireid.data.WithoutReplacementSampler`.
        augmentation: what happens to training images; its mean and std normalise all images. Null is
            ``vireid.data.CMNASAugmentation`` with its defaults.
        search_split: images of the architecture step of a search: ``none`` (plain training), ``identity`` (held-out identities),
            ``image`` (half the images of every identity and modality; the weight step gets the other half), ``cdnet`` (K of them; the
            weight step gets the others) or ``cdnet_leaking`` (the published form of that, in which both steps share images).
        heldout_fraction: share of the training identities that is held out by seed, in (0, 1).
        validation: ``none``; ``heldout`` (training identities that the weight step never sees; with ``search_split: identity`` they
            are those of the architecture step); ``faithful_test_set`` (the first trial of the test, as published scripts select
            on: not a fair selection).
        seed: of sampling, augmentation and held-out identities.
        num_workers: processes that read images; 0 reads in the training process.
        eval_batch_size: images in an evaluation batch, which holds one modality.
        on_bad_image: an unreadable training image stops with its name (``error``) or is replaced by another image of the same
            identity and modality, with a warning (``skip``). Evaluation always stops.
        cache_images: read all training images once and keep them, resized, in memory (98 kB each at 256 x 128, per process on a
            node).

    Raises:
        DatasetNotFoundError: ``root`` or one of its folders is absent.
        DatasetError: an identity folder without images, or a damaged table.
        SettingsError: a number out of range.
    """

    dataset_name = "folder"

    def __init__(
        self,
        root: str | Path,
        test_fraction: float = 0.5,
        test_seed: int = 0,
        height: int = 256,
        width: int = 128,
        identities_per_batch: int = 16,
        images_per_identity: int = 4,
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
        super().__init__(
            height=height,
            width=width,
            identities_per_batch=identities_per_batch,
            images_per_identity=images_per_identity,
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
        self.dataset = PairedFolder(root, test_fraction, test_seed)
        self.record(root=str(self.dataset.root))

    def _training_records(self) -> list[Record]:
        return self.dataset.train_records()

    def _test_evaluation(self) -> Evaluation:
        return self.dataset.evaluation()

    def _heldout_evaluation(self, records: tuple[Record, ...]) -> Evaluation:
        return assemble("regdb", both_directions("folder/heldout", records))
