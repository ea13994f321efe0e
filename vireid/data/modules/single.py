"""Base of the data modules whose images are all visible."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

from vireid.data.datasets.evaluations import assemble
from vireid.data.datasets.releases import Found, found_in
from vireid.data.modules.base import ReIDDataModule
from vireid.data.samplers.base import KeyedSampler
from vireid.data.samplers.uniform_sampler import UniformSampler
from vireid.errors import SettingsError
from vireid.structures import Evaluation, Record

EVERYTHING = "all"


class SingleModalityDataset(Protocol):
    """Interface of a dataset with visible images only."""

    root: Path

    def train_records(self) -> list[Record]:
        """All training images."""
        ...

    def all_records(self) -> list[Record]:
        """Images of training and test."""
        ...

    def splits(self) -> dict[str, list[Record]]:
        """Images of ``train``, ``query`` and ``gallery``."""
        ...

    def evaluation(self) -> Evaluation:
        """All queries against the whole gallery."""
        ...


class SingleModalityDataModule(ReIDDataModule):
    """People seen by visible cameras only: batches of P x K visible images, and one protocol with the rule ``market``.

    The protocol on held-out identities is ``<dataset>/heldout/query-to-gallery``. The first image of each identity and camera, in the
    order of paths, searches among all others. As in the test, the same identity in the same camera does not count.

    Args:
        root: folder of the dataset.
        train_on: training images. ``train``: those of the release. ``all``: also those of query and gallery ("combineall" in published
            code), without distractors of identity 0, for a test on another dataset. The dataset itself then has no test.
        images_per_batch: number of images in a batch of each process, drawn uniformly over all images; null draws P x K images instead.
            Every epoch takes all images in a random order and drops the last, incomplete batch. Losses that need runs of K images
            cannot be used then.
        shared: arguments for network input, batches, split and reading of images, as in :class:`~vireid.data.ReIDDataModule`.

    Raises:
        DatasetNotFoundError: ``root`` lacks one of its folders.
        SettingsError: a number is out of range.
    """

    single_modality = True

    def __init__(
        self,
        root: str | Path,
        train_on: Literal["train", "all"] = "train",
        images_per_batch: int | None = None,
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        if images_per_batch is not None and images_per_batch < 1:
            raise SettingsError(f"`images_per_batch` must be at least 1, or null for P x K images; got {images_per_batch}.")
        if images_per_batch is not None and self.sampling != "with_replacement":
            raise SettingsError(
                "`images_per_batch` takes every image once per epoch, and `sampling` is of P x K images. Leave `sampling` out."
            )
        self.train_on: str = train_on
        self.images_per_batch = images_per_batch
        self.dataset = self._open(root)
        self.record(root=str(self.dataset.root))

    @abstractmethod
    def _open(self, root: str | Path) -> SingleModalityDataset:
        """The dataset at ``root``."""

    def _splits(self) -> Mapping[str, Sequence[Record]]:
        """Images of the splits for which the release states numbers."""
        return self.dataset.splits()

    def _training_records(self) -> list[Record]:
        return self.dataset.all_records() if self.train_on == EVERYTHING else self.dataset.train_records()

    def _test_evaluation(self) -> Evaluation:
        if self.train_on == EVERYTHING:
            raise SettingsError(
                "`train_on: all` trains on the images of the test, so there is none here. Test on another dataset, for instance with "
                "--data vireid.Market1501DataModule --data.root PATH --data.train_on train."
            )
        return self.dataset.evaluation()

    def test_pids(self) -> list[int]:
        """As :meth:`~vireid.data.ReIDDataModule.test_pids`; empty if ``train_on`` is ``all``."""
        return [] if self.train_on == EVERYTHING else super().test_pids()

    def provenance(self) -> dict[str, Any]:
        """As :meth:`~vireid.data.ReIDDataModule.provenance`, and which images the training takes."""
        return {**super().provenance(), "train_on": self.train_on}

    def _sampler(self, records: tuple[Record, ...], purpose: int) -> KeyedSampler:
        if self.images_per_batch is None:
            return super()._sampler(records, purpose)
        return UniformSampler(records, self.images_per_batch, self.seed, purpose)

    def _found(self) -> Found:
        return found_in(self.dataset_name, self.dataset.root, self._splits())

    def _heldout_evaluation(self, records: tuple[Record, ...]) -> Evaluation:
        return assemble("market", {f"{self.dataset_name}/heldout/query-to-gallery": [first_and_others(records)]})


def first_and_others(records: Iterable[Record]) -> tuple[list[Record], list[Record]]:
    """The first image of each identity and camera, in the order of paths, and all other images.

    Example:
        >>> from vireid.structures import Modality
        >>> images = [Record(path, 1, camera, Modality.VISIBLE) for path, camera in (("b", 1), ("a", 1), ("c", 2))]
        >>> [[record.path for record in part] for part in first_and_others(images)]
        [['a', 'c'], ['b']]
    """
    query: dict[tuple[int, int], Record] = {}
    others = []
    for record in sorted(records, key=lambda record: (record.pid, record.camid, record.path)):
        if query.setdefault((record.pid, record.camid), record) is not record:
            others.append(record)
    return list(query.values()), others
