"""Base of the data modules whose images are all visible."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

from vireid.data.augmentation.base import Augmentation
from vireid.data.datasets.evaluations import assemble
from vireid.data.datasets.releases import warn_of_differences
from vireid.data.images import OnBadImage
from vireid.data.modules.base import ReIDDataModule
from vireid.data.modules.division import SearchSplit, Validation
from vireid.data.samplers.base import KeyedSampler
from vireid.data.samplers.uniform_sampler import UniformSampler
from vireid.data.samplers.without_replacement import Sampling
from vireid.errors import SettingsError
from vireid.structures import Evaluation, Record

EVERYTHING = "all"


class SingleModalityDataset(Protocol):
    """What a data module needs to know of a dataset."""

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
    """People seen by visible cameras only: batches of P x K visible images, one protocol, rule ``market``.

    Held-out identities are validated by ``<dataset>/heldout/query-to-gallery``: the first image of each identity and camera, in the
    order of paths, searches among all others; as in the test, the same identity in the same camera does not count.

    Args:
        root: folder of the dataset.
        train_on: ``train``; or ``all``: images of query and gallery too ("combineall" in published code), without distractors of
            identity 0, for a test on another dataset. This one has no test then.
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

    single_modality = True
    _checked_counts = False

    def __init__(
        self,
        root: str | Path,
        train_on: Literal["train", "all"] = "train",
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
        if images_per_batch is not None and images_per_batch < 1:
            raise SettingsError(f"`images_per_batch` must be at least 1, or null for P x K images; got {images_per_batch}.")
        if images_per_batch is not None and sampling != "with_replacement":
            raise SettingsError(
                "`images_per_batch` takes every image once per epoch by itself; leave `sampling` out, which is of P x K images."
            )
        self.train_on = known_part(train_on, ("train", EVERYTHING))
        self.images_per_batch = images_per_batch
        self.dataset = self._open(root)
        self.record(root=str(self.dataset.root))

    @abstractmethod
    def _open(self, root: str | Path) -> SingleModalityDataset:
        """The dataset at ``root``."""

    def _splits(self) -> Mapping[str, Sequence[Record]]:
        """Images of the splits that the release gives numbers for."""
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
        """As :meth:`ReIDDataModule.test_pids`; nobody where the training takes everybody."""
        return [] if self.train_on == EVERYTHING else super().test_pids()

    def provenance(self) -> dict[str, Any]:
        """As :meth:`ReIDDataModule.provenance`, with what the training takes."""
        return {**super().provenance(), "train_on": self.train_on}

    def _sampler(self, records: tuple[Record, ...], purpose: int) -> KeyedSampler:
        if self.images_per_batch is None:
            return super()._sampler(records, purpose)
        return UniformSampler(records, self.images_per_batch, self.seed, purpose)

    def setup(self, stage: str) -> None:  # noqa: ARG002 - the same for all stages
        """Log one warning if the tree is nearly, but not quite, the release."""
        if self._checked_counts:
            return
        self._checked_counts = True
        warn_of_differences(self.dataset_name, self.dataset.root, self._splits())

    def _heldout_evaluation(self, records: tuple[Record, ...]) -> Evaluation:
        return assemble("market", {f"{self.dataset_name}/heldout/query-to-gallery": [first_and_others(records)]})


def known_part(train_on: str, known: Sequence[str]) -> str:
    """``train_on`` itself.

    Raises:
        SettingsError: it is not among ``known``.
    """
    if train_on not in known:
        raise SettingsError(f"`train_on` must be one of {', '.join(known)}, got {train_on!r}.")
    return train_on


def first_and_others(records: Iterable[Record]) -> tuple[list[Record], list[Record]]:
    """The first image, by path, of each identity and camera, and all others.

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
