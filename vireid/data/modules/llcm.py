"""Data module of LLCM."""

from __future__ import annotations

from pathlib import Path

from vireid.data.augmentation.base import Augmentation
from vireid.data.datasets.evaluations import assemble, both_directions
from vireid.data.datasets.llcm import LLCM, MAX_TRIALS
from vireid.data.datasets.releases import warn_of_differences
from vireid.data.images import OnBadImage
from vireid.data.modules.base import ReIDDataModule
from vireid.data.modules.division import SearchSplit, Validation
from vireid.data.samplers.without_replacement import Sampling
from vireid.errors import SettingsError
from vireid.structures import Evaluation, Record


class LLCMDataModule(ReIDDataModule):
    """LLCM: visible to infrared and infrared to visible, galleries of one image per identity and camera.

    Args:
        root: folder with ``vis``, ``nir``, ``test_vis``, ``test_nir`` and ``idx``.
        trials: number of galleries, 1..10, over which results are averaged.
        swapped: also score ``llcm/visible-to-infrared/swapped``, the form of the published test script, in which infrared images
            search among visible ones; see :meth:`vireid.data.LLCM.evaluation`.
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

    dataset_name = "llcm"

    def __init__(
        self,
        root: str | Path,
        trials: int = MAX_TRIALS,
        swapped: bool = False,
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
            raise SettingsError(f"`trials` must be 1 to {MAX_TRIALS} for LLCM, got {trials}.")
        self.trials, self.swapped = trials, swapped
        self.dataset = LLCM(root)
        self._checked_counts = False
        self.record(root=str(self.dataset.root))

    def setup(self, stage: str) -> None:  # noqa: ARG002 - the same for all stages
        """Log one warning if the tree is nearly, but not quite, the release."""
        if self._checked_counts:
            return
        self._checked_counts = True
        warn_of_differences("llcm", self.dataset.root, self.dataset.splits())

    def _training_records(self) -> list[Record]:
        return self.dataset.train_records()

    def _test_evaluation(self) -> Evaluation:
        return self.dataset.evaluation(self.trials, self.swapped)

    def _heldout_evaluation(self, records: tuple[Record, ...]) -> Evaluation:
        return assemble("llcm", both_directions("llcm/heldout", records))

    def test_pids(self) -> list[int]:
        """Identities of ``idx/test_id.txt``; no gallery is drawn for them."""
        return list(self.dataset.test_ids())
