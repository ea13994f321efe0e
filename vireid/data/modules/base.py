"""Base of the data modules of people: batches of both modalities, held-out parts, protocols, provenance."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Literal

from torch.utils.data import DataLoader

from vireid.data.augmentation.base import Augmentation
from vireid.data.augmentation.cm_nas import CMNASAugmentation
from vireid.data.datasets.evaluations import first_trials
from vireid.data.datasets.releases import Found, warn_of_differences
from vireid.data.images import EvaluationBatches, ImageBatches, OnBadImage, SearchImages
from vireid.data.modules.division import Parts, SearchSplit, divide, ids_digest
from vireid.data.modules.loading import LONGEST_SIDE, BatchDataModule, at_least, at_most
from vireid.data.pixel_store import PixelStore
from vireid.data.pixels import PixelRange, check_range
from vireid.data.samplers.base import ARCHITECTURE, TRAIN, KeyedSampler, rank_and_world_size
from vireid.data.samplers.search_sampler import SearchSampler
from vireid.data.samplers.without_replacement import SAMPLERS, Sampling
from vireid.data.split import split_ids
from vireid.errors import DatasetError, SettingsError
from vireid.structures import Batch, Evaluation, Record, Shard

Stage = Literal["validate", "test"]


class ReIDDataModule(BatchDataModule):
    """Base class of the data modules of people. A subclass defines the images.

    Lists are read when they are first needed; only loaders read images. Test identities are never part of training, search or
    held-out validation. With several processes, each one holds whole P x K batches with its own identities, and its share of the
    evaluation batches. The Trainer's ``use_distributed_sampler`` has no effect on this.

    Args:
        height: height of the network input, in pixels, at most 2048; images are resized with the Lanczos filter.
        width: width of the network input, in pixels, at most 2048.
        identities_per_batch: P, the number of identities in a batch of each process.
        images_per_identity: K, the number of images of each identity and modality in a batch.
        sampling: how batches are drawn. ``with_replacement``: identities and images are drawn anew for every batch.
            ``without_replacement``: no image comes twice in an epoch, see :class:`vireid.data.WithoutReplacementSampler`.
        augmentation: augmentation of training images; its mean and std normalise all images. Null is
            ``vireid.data.CMNASAugmentation`` with its defaults.
        search_split: images of the architecture step of a search. ``none``: no such step, as in plain training. ``identity``: held-out
            identities, the same as those of ``validation: heldout``. ``image``: half the images of every identity and modality; the
            weight step gets the other half. ``cdnet``: K images of every identity and modality; the weight step gets the others.
            ``cdnet_leaking``: the published form of ``cdnet``, in which both steps share images.
        on_bad_image: what to do with an unreadable training image. ``error``: stop with its name. ``skip``: take another image of the
            same identity and modality, with a warning. Evaluation always stops.
        cache_images: whether to read all training images once and keep them, resized, in memory. Each takes 98 kB at 256 x 128, in every
            process on a node. ``disk`` keeps them in a file under ``~/.cache/vireid/images`` instead, together with the images of
            evaluations. All runs and processes share it, and it takes no memory of theirs.
        pixel_range: values that become black and white in images of more than 8 bits with one channel, such as [0, 16383] for 14 bits in
            a file of 16; values beyond are clipped. Null is 0 and the largest number of the file's depth. Files of floating-point
            numbers need it. Images of 8 bits are not changed by it.
        draft_jpeg: whether JPEG files of at least twice the input's height and width are decoded at a half, a quarter or an eighth of
            their size, in about half the time. Pixels of all images, those of evaluations among them, then differ: by 1 to 7 of 255
            levels on average where there is as much fine detail as in photographs. A deployed model decodes whole images.
        shared: arguments for validation, seed and loading, as in :class:`BatchDataModule`. Identities are held out. A batch of
            evaluation holds one modality.

    Raises:
        SettingsError: a number is out of range.
    """

    single_modality = False
    """Whether all images are visible. A module with false here refuses such data."""

    shard: Shard | None = None
    """The part of the test's images that a prediction takes; ``None`` for all."""

    def __init__(
        self,
        *,
        height: int = 256,
        width: int = 128,
        identities_per_batch: int = 16,
        images_per_identity: int = 4,
        sampling: Sampling = "with_replacement",
        augmentation: Augmentation | None = None,
        search_split: SearchSplit = "none",
        on_bad_image: OnBadImage = "error",
        cache_images: bool | Literal["disk"] = False,
        pixel_range: PixelRange | None = None,
        draft_jpeg: bool = False,
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        at_least(1, height=height, width=width, identities_per_batch=identities_per_batch, images_per_identity=images_per_identity)
        at_most(LONGEST_SIDE, height=height, width=width)
        self.height, self.width = height, width
        self.identities_per_batch = identities_per_batch
        self.images_per_identity = images_per_identity
        self.sampling = sampling
        self.augmentation = augmentation if augmentation is not None else CMNASAugmentation()
        self.search_split = search_split
        self.on_bad_image = on_bad_image
        self.cache_images: bool | Literal["disk"] = cache_images
        self.pixel_range = check_range(pixel_range)
        self.draft_jpeg = draft_jpeg
        self._evaluations: dict[Stage, Evaluation] = {}
        self._compared = False

    # What a subclass defines

    @abstractmethod
    def _training_records(self) -> list[Record]:
        """Images of all identities that are not kept for the test."""

    @abstractmethod
    def _test_evaluation(self) -> Evaluation:
        """The published protocol."""

    @abstractmethod
    def _heldout_evaluation(self, records: tuple[Record, ...]) -> Evaluation:
        """Evaluation protocol on held-out training identities."""

    def _heldout_ids(self, pids: list[int]) -> tuple[int, ...]:
        """Identities among ``pids`` (ascending) that the weight step never sees; by default a seeded share of them."""
        return split_ids(pids, self.heldout_fraction, self.seed)[1]

    def _found(self) -> Found | None:
        """Sizes of the data in the tree, for comparison with the release; ``None`` if there is no release."""
        return None

    def setup(self, stage: str) -> None:  # noqa: ARG002 - the same for all stages
        """Log one warning if the tree is nearly, but not fully, the release."""
        found = None if self._compared else self._found()
        self._compared = True
        if found is not None:
            warn_of_differences(found)

    # Identities

    @property
    def holds_out(self) -> bool:
        """Whether some training identities are held out from the weight step."""
        return self.search_split == "identity" or self.validation == "heldout"

    @cached_property
    def parts(self) -> Parts:
        """The division of the training images. It reads lists and opens no image."""
        records = self._training_records()
        heldout = self._heldout_ids(sorted({record.pid for record in records})) if self.holds_out else ()
        parts = divide(records, heldout, self.search_split, self.seed, self.images_per_identity)
        if not parts.weights:
            raise DatasetError("No training identities are left after holding out.")
        return parts

    @property
    def num_classes(self) -> int:
        """Number of rows of the classifier: identities that the weight step trains on."""
        return self.parts.num_classes

    def training_pids(self) -> list[int]:
        """Identities whose images train weights or architecture parameters, ascending."""
        return sorted({record.pid for record in (*self.parts.weights, *self.parts.architecture)})

    def test_pids(self) -> list[int]:
        """Test identities, ascending."""
        return sorted({record.pid for record in self.evaluation("test").records})

    def origin(self) -> dict[str, Any]:
        """Plain values that are equal where equal numbers mean the same people: the name of the data here."""
        return {"dataset": self.dataset_name}

    def provenance(self) -> dict[str, Any]:
        """Plain values that record which identities a search or a training saw."""
        return {
            "dataset": self.dataset_name,
            "search_split": self.search_split,
            "search_pids": self.training_pids(),
            "search_ids_sha256": ids_digest(self.training_pids()),
            "test_ids_sha256": ids_digest(self.test_pids()),
        }

    def evaluation(self, stage: Stage) -> Evaluation:
        """Images and settings of validation or test.

        Raises:
            SettingsError: ``stage`` is ``"validate"``, but ``validation`` is ``"none"``.
        """
        if stage not in self._evaluations:
            if stage == "test":
                made = self._test_evaluation()
            elif self.validation == "heldout":
                made = self._heldout_evaluation(self.parts.heldout)
            elif self.validation == "faithful_test_set":
                made = first_trials(self.evaluation("test"))
            else:
                raise SettingsError("There is no validation: set `data.init_args.validation` to heldout or faithful_test_set.")
            self._evaluations[stage] = made
        return self._evaluations[stage]

    # Loaders

    @cached_property
    def _training_images(self) -> ImageBatches | SearchImages:
        parts = [self.parts.weights, self.parts.architecture][: 1 if self.search_split == "none" else 2]
        images = [self._images(part, self.parts.labels, self.on_bad_image) for part in parts]
        for part in images:
            if self.cache_images is True:
                part.cache(max(1, self.num_workers))
            elif self.cache_images == "disk":
                part.keep(self._store(self._training_records()))
        return images[0] if self.search_split == "none" else SearchImages(*images)

    def _sampler(self, records: tuple[Record, ...], purpose: int) -> KeyedSampler:
        if not self.single_modality and len({record.modality for record in records}) < 2:
            kind = "no" if not records else records[0].modality.name.lower()
            raise DatasetError(f"Training needs visible and infrared images of every identity; there are {kind} images only.")
        return SAMPLERS[self.sampling](records, self.identities_per_batch, self.images_per_identity, self.seed, purpose)

    def train_dataloader(self) -> DataLoader[Any]:
        """Batches of P x K images of each modality in the data. If ``search_split`` is set, they are pairs,
        :class:`~vireid.structures.SearchBatch`.
        """
        sampler: KeyedSampler | SearchSampler = self._sampler(self.parts.weights, TRAIN)
        if self.search_split != "none":
            sampler = SearchSampler(self._sampler(self.parts.weights, TRAIN), self._sampler(self.parts.architecture, ARCHITECTURE))
        return self._training_loader(self._training_images, sampler)

    def val_dataloader(self) -> list[DataLoader[Any]]:
        """Batches over the images of validation, each of one modality; no loader if there is no validation."""
        return [] if self.validation == "none" else [self._evaluation_loader("validate")]

    def test_dataloader(self) -> DataLoader[Any]:
        """Batches over the union of the images of all settings, each of one modality, visible first."""
        return self._evaluation_loader("test")

    def predict_dataloader(self) -> DataLoader[Any]:
        """As :meth:`test_dataloader`, of :attr:`shard` alone if there is one."""
        return self._evaluation_loader("test", self.shard)

    def shard_positions(self, shard: Shard) -> list[int]:
        """Positions of the images of a part among the records of the test, ascending."""
        return self._evaluation_batches("test", *shard.share()).positions

    def evaluation_images(self, stage: Stage, rows: Sequence[int]) -> Batch:
        """Images of an evaluation as one batch, as they are on disk.

        Args:
            stage: ``validate`` or ``test``.
            rows: positions among the records of :meth:`evaluation`, visible images first; one may come twice.
        """
        return self._images(self.evaluation(stage).records)[rows]

    def _evaluation_batches(self, stage: Stage, first: int, step: int) -> EvaluationBatches:
        images = self._images(self.evaluation(stage).records)
        return EvaluationBatches(images, self.eval_batch_size, first, step)

    def _evaluation_loader(self, stage: Stage, shard: Shard | None = None) -> DataLoader[Any]:
        place = rank_and_world_size()
        batches = self._evaluation_batches(stage, *(place if shard is None else shard.share(*place)))
        if self.cache_images == "disk":
            batches.images.keep(self._store(batches.images.records))
        return self._loader(batches, batch_size=None)

    def _images(
        self, records: Sequence[Record], labels: Mapping[int, int] | None = None, on_bad_image: OnBadImage = "error"
    ) -> ImageBatches:
        return ImageBatches(records, labels, self.height, self.width, on_bad_image, self.pixel_range, self.draft_jpeg)

    def _store(self, records: Sequence[Record]) -> PixelStore:
        """The images on disk, with those of ``records`` among them."""
        store = PixelStore(self.height, self.width, self.pixel_range, draft=self.draft_jpeg)
        store.fill((record.path for record in records), max(1, self.num_workers))
        return store
