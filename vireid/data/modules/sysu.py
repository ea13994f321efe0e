"""Data module of SYSU-MM01."""

from __future__ import annotations

import logging
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from vireid.data.augmentation.base import Augmentation
from vireid.data.datasets.evaluations import assemble, by_modality
from vireid.data.datasets.official import looks_complete, sysu_counts, sysu_differences
from vireid.data.datasets.sysu import MAX_TRIALS, SYSU, Gallery
from vireid.data.images import OnBadImage
from vireid.data.modules.base import ReIDDataModule
from vireid.data.modules.division import SearchSplit, Validation
from vireid.data.samplers.without_replacement import Sampling
from vireid.data.split import split_ids
from vireid.errors import DatasetError, SettingsError
from vireid.structures import Evaluation, Record

log = logging.getLogger(__name__)


class SYSUDataModule(ReIDDataModule):
    """SYSU-MM01: infrared queries against visible galleries, all/indoor search, single/multi shot, ten trials.

    Args:
        root: folder with ``cam1`` .. ``cam6`` and ``exp``.
        gallery: ``seeded`` draws the galleries as research code does; ``official`` reads ``exp/rand_perm_cam.mat``. Results of the
            two are not comparable to the last digit.
        heldout: held-out identities are the ``official`` 99 validation identities (seen by cameras 3, 4 and 5 only), leaving the 296
            of the train list, or a ``seeded`` share of the training identities.
        train_ids: identities to train on when none are held out, or to draw the seeded share from: ``trainval`` (395, the usual set)
            or ``train`` (296).
        trials: number of galleries, 1..10, over which results are averaged.
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
        DatasetNotFoundError: ``root`` lacks one of its folders.
        SettingsError: a number out of range.
    """

    dataset_name = "sysu"

    def __init__(
        self,
        root: str | Path,
        gallery: Gallery = "seeded",
        heldout: Literal["official", "seeded"] = "official",
        train_ids: Literal["trainval", "train"] = "trainval",
        trials: int = MAX_TRIALS,
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
        if not 1 <= trials <= MAX_TRIALS:
            raise SettingsError(f"`trials` must be 1 to {MAX_TRIALS} for SYSU-MM01, got {trials}.")
        self.root = Path(root)
        self.gallery, self.heldout, self.train_ids, self.trials = gallery, heldout, train_ids, trials
        self._checked_counts = False
        self.record(root=str(self.root.absolute()))
        self._open()

    def _open(self) -> None:
        """Check the folders of the layout."""
        _ = self.dataset

    @cached_property
    def dataset(self) -> SYSU:
        """The dataset on disk."""
        return SYSU(self.root)

    def setup(self, stage: str) -> None:  # noqa: ARG002 - the same for all stages
        """Log one warning if the tree is nearly, but not quite, the release."""
        if self._checked_counts:
            return
        self._checked_counts = True
        lists = {split: self.dataset.ids(split) for split in ("train", "val", "test")}
        counts = sysu_counts(self.dataset)
        if looks_complete(counts, self.dataset):
            differences = sysu_differences(counts, {split: len(pids) for split, pids in lists.items()})
            if differences:
                log.warning("%s differs from SYSU-MM01 as released: %s.", self.dataset.root, "; ".join(differences))

    def _training_records(self) -> list[Record]:
        pids = set(self.dataset.training_ids(self.train_ids))
        if self.holds_out and self.heldout == "official":
            pids.update(self.dataset.training_ids("trainval"))
        return self.dataset.train_records(sorted(pids))

    def _heldout_ids(self, pids: list[int]) -> tuple[int, ...]:
        if self.heldout == "seeded":
            return split_ids(pids, self.heldout_fraction, self.seed)[1]
        heldout = self.dataset.ids("val")
        if not heldout:
            raise DatasetError(f"`exp/val_id.txt` under {str(self.dataset.root)!r} is empty: set `data.init_args.heldout` to seeded.")
        return heldout

    def _test_evaluation(self) -> Evaluation:
        return self.dataset.evaluation(self.gallery, self.trials)

    def _heldout_evaluation(self, records: tuple[Record, ...]) -> Evaluation:
        visible, infrared = by_modality(records)
        return assemble("sysu", {"sysu/heldout/infrared-to-visible": [(infrared, visible)]})

    def test_pids(self) -> list[int]:
        """Identities of ``exp/test_id.txt``; no gallery is drawn for them."""
        return list(self.dataset.ids("test"))

    def provenance(self) -> dict[str, Any]:
        """As :meth:`ReIDDataModule.provenance`, with the lineage of the galleries."""
        return {**super().provenance(), "gallery": self.gallery}
