"""Base of the data modules whose images belong to classes."""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property
from typing import Any, Literal, NoReturn

from torch.utils.data import DataLoader

from vireid.data.augmentation.base import Augmentation
from vireid.data.class_images import ClassEvaluation, ClassImages, ImageSource
from vireid.data.images import SearchImages
from vireid.data.modules.loading import BatchDataModule, at_least
from vireid.data.samplers.base import ARCHITECTURE, TRAIN, KeyedSampler, rank_and_world_size
from vireid.data.samplers.search_sampler import SearchSampler
from vireid.data.samplers.uniform_sampler import UniformSampler
from vireid.data.split import split_ids
from vireid.errors import DatasetError, SettingsError
from vireid.structures import Modality, Record

SOMEBODY = Record("", 0, 0, Modality.VISIBLE)


class ClassificationDataModule(BatchDataModule):
    """Base class of data modules with classes. Every epoch shows all images in another random order and drops its last, incomplete batch.

    Train with :class:`~vireid.tasks.ClassificationModule`. For a search, ``search_split: image`` gives the architecture step a
    random half of the training images.

    Args:
        batch_size: number of images in a batch of each process; the last, incomplete batch of an epoch is dropped.
        augmentation: augmentation of training images; its mean and std normalise all images.
        search_split: images of the architecture step of a search. ``none``: no such step, as in plain training. ``image``: a random half
            of the training images.
        heldout_fraction: share of the training images that ``validation: heldout`` holds out from training, in (0, 1).
        shared: arguments for validation, seed and loading, as in :class:`BatchDataModule`.

    Raises:
        SettingsError: a number is out of range.
    """

    classifies = True

    def __init__(
        self,
        *,
        batch_size: int = 128,
        augmentation: Augmentation,
        search_split: Literal["none", "image"] = "none",
        heldout_fraction: float = 0.1,
        **shared: Any,
    ) -> None:
        super().__init__(heldout_fraction=heldout_fraction, **shared)
        at_least(1, batch_size=batch_size)
        self.batch_size = batch_size
        self.augmentation = augmentation
        self.search_split = search_split

    @abstractmethod
    def _training_source(self) -> ImageSource:
        """All training images."""

    @abstractmethod
    def _test_source(self) -> ImageSource:
        """All test images, or all validation images if the labels of the test were never published."""

    @cached_property
    def training(self) -> ImageSource:
        """All training images."""
        return self._training_source()

    @cached_property
    def test(self) -> ImageSource:
        """All test images.

        Raises:
            DatasetError: the classes differ from those of training.
        """
        test = self._test_source()
        if list(test.classes) != list(self.training.classes):
            different = sorted(set(test.classes) ^ set(self.training.classes))
            raise DatasetError(f"Training and test of {self.dataset_name} have different classes: {', '.join(different[:5])}.")
        return test

    @cached_property
    def rows(self) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        """Row numbers of the training images: of the weight step, of the architecture step, and held out for validation."""
        held: tuple[int, ...] = ()
        kept = tuple(range(len(self.training.labels)))
        if self.validation == "heldout":
            kept, held = split_ids(kept, self.heldout_fraction, self.seed)
        if self.search_split == "none":
            return kept, (), held
        return (*split_ids(kept, 0.5, self.seed + 1), held)

    @property
    def num_classes(self) -> int:
        return len(self.training.classes)

    def provenance(self) -> dict[str, Any]:
        """Dataset and split, without identities."""
        return {"dataset": self.dataset_name, "search_split": self.search_split, "search_pids": []}

    def train_dataloader(self) -> DataLoader[Any]:
        """Batches of images; pairs of them (:class:`~vireid.structures.SearchBatch`) if ``search_split`` is set."""
        weights, architecture, _ = self.rows
        images, sampler = ClassImages(self.training, weights), self._sampler(weights, TRAIN)
        if self.search_split == "none":
            return self._training_loader(images, sampler)
        both = SearchImages(images, ClassImages(self.training, architecture))
        return self._training_loader(both, SearchSampler(sampler, self._sampler(architecture, ARCHITECTURE)))

    def _sampler(self, rows: tuple[int, ...], purpose: int) -> KeyedSampler:
        needed = self.batch_size * rank_and_world_size()[1]
        if needed > len(rows):
            raise SettingsError(
                f"`batch_size` of all processes is {needed}, but there are {len(rows)} images. Set `data.init_args.batch_size`."
            )
        return UniformSampler([SOMEBODY] * len(rows), self.batch_size, self.seed, purpose)

    def val_dataloader(self) -> list[DataLoader[Any]]:
        """All validation images; no loader if there is no validation."""
        if self.validation == "none":
            return []
        held = self.validation == "heldout"
        return [self._evaluation_loader(ClassImages(self.training, self.rows[2]) if held else self._tested())]

    def test_dataloader(self) -> DataLoader[Any]:
        """All test images."""
        return self._evaluation_loader(self._tested())

    def predict_dataloader(self) -> NoReturn:
        """Not available: images of classes have no people to embed.

        Raises:
            SettingsError: always.
        """
        raise SettingsError("`vireid predict` writes embeddings of people; images of classes have a test only: `vireid test --ckpt PATH`.")

    def evaluation(self, stage: str) -> NoReturn:  # noqa: ARG002 - a protocol that is asked for by modules of people
        """Not available: images of classes have no retrieval protocol.

        Raises:
            SettingsError: always.
        """
        raise SettingsError(
            "Images of classes have no protocol of retrieval: set `data.init_args.validation` to none, and train the genotype with "
            "vireid.ClassificationModule for a test."
        )

    def _tested(self) -> ClassImages:
        return ClassImages(self.test, range(len(self.test.labels)))

    def _evaluation_loader(self, images: ClassImages) -> DataLoader[Any]:
        return self._loader(ClassEvaluation(images, self.eval_batch_size, *rank_and_world_size()), batch_size=None)
