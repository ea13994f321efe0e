"""What a gallery in a file and one on a server share: searches by images, the check of their model, and decisions by a threshold."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vireid.deploy.gallery.answer import Answer
from vireid.deploy.gallery.calibration import Calibration, PairCalibration, outgrown, pair_name
from vireid.deploy.gallery.entries import Where, checked
from vireid.deploy.image_embedder import ImageEmbedder
from vireid.deploy.pictures import as_modality
from vireid.errors import GalleryError, SettingsError
from vireid.metrics import Threshold
from vireid.structures import Modality


class Searchable(ABC):
    """A gallery that is searched by images.

    Attributes:
        embedder: turns images into embeddings; ``None``: only what needs no image can be done.
    """

    embedder: ImageEmbedder | None
    _calibrated: tuple[tuple[str | None, int], Calibration] | None = None

    @abstractmethod
    def _setting(self, key: str) -> str | None:
        """What is kept of the whole gallery: ``model``, ``width``, ``calibration``."""

    @abstractmethod
    def images_of_sensors(self, within: Where | None = None) -> Mapping[Modality, int]:
        """Number of images of each modality, of all or of those that fit a filter."""

    @property
    def model(self) -> str | None:
        """Digest of the model of the embeddings; ``None`` while the gallery is empty."""
        return self._setting("model")

    @property
    def width(self) -> int:
        """D, numbers of an embedding; 0 while the gallery is empty."""
        return int(self._setting("width") or 0)

    @property
    def calibration(self) -> Calibration:
        """The gallery's own calibration, and that of the model's card for pairs of modalities that it lacks."""
        stored = self._setting("calibration")
        card = self.embedder.card.calibration if self.embedder is not None else None
        key = stored, id(card)
        if self._calibrated is None or self._calibrated[0] != key:
            pairs = dict(Calibration.from_dict(card).pairs) if card else {}
            pairs |= Calibration.from_dict(json.loads(stored)).pairs if stored else {}
            self._calibrated = key, Calibration(pairs)
        return self._calibrated[1]

    def thresholds(self, modality: Modality | str, within: Where | None = None) -> list[Threshold]:
        """Thresholds of a search, one for each target that was calibrated and not refused.

        Args:
            modality: of the query.
            within: as for :meth:`search`.
        """
        kind, present = as_modality(modality), [found for found, count in self.images_of_sensors(checked(within)).items() if count]
        pair = self.calibration.pairs.get(pair_name(kind, present)) if present else None
        return [] if pair is None else [point.threshold for point in pair.points if point.threshold is not None]

    @abstractmethod
    def search_embedding(
        self,
        embedding: NDArray[np.float32],
        modality: Modality | str,
        k: int = 10,
        within: Where | None = None,
        target: float | None = None,
        by_person: bool = False,
    ) -> Answer:
        """Search by an embedding ``(D,)``; otherwise as :meth:`search`."""

    @abstractmethod
    def _check_model(self, digest: str, width: int) -> None:
        """Check that embeddings of a model can be compared with those of the gallery, or raise a :class:`GalleryError`."""

    def search(
        self,
        images: Any,
        modality: Modality | str,
        k: int = 10,
        within: Where | None = None,
        target: float | None = None,
        by_person: bool = False,
        boxes: Any = None,
    ) -> Answer:
        """Search the person of one image, or of several images of one person and one modality, whose mean embedding is taken.

        Args:
            images, boxes: see :meth:`vireid.deploy.ImageEmbedder.embed`.
            modality: of the query.
            k: number of candidates; fewer are found if fewer are there.
            within: images that may be found; ``None``: all.
            target: false-positive identification rate whose threshold decides who is accepted; ``None``: nobody is accepted or rejected.
            by_person: whether each person is found once, with the best image.

        Raises:
            GalleryError: the gallery was opened without an embedder, is of another model, or holds both modalities without calibration.
            SettingsError: ``k`` is below 1, a name is not in the gallery, or there is no threshold for ``target``.
            BadImageError, MissingFileError: an image cannot be read.
        """
        rows = self._embedder().embed(images, modality, boxes)
        if not len(rows):
            raise SettingsError("`images` must hold at least one image.")
        answer = self.search_embedding(rows.mean(0), modality, k, within, target, by_person)
        if target is None or len(rows) == 1:
            return answer
        remark = f"The threshold is that of searches by one image, and {len(rows)} images were searched as one."
        return replace(answer, remarks=(*answer.remarks, remark))

    def _embedder(self) -> ImageEmbedder:
        """The embedder, if it is of the model that the gallery has now: another process may have changed it."""
        if self.embedder is None:
            raise GalleryError("The gallery was opened without an embedder, which images need: pass `embedder=Embedder.load(PATH)`.")
        if self.model is not None:
            self._check_model(self.embedder.card.digest, self.embedder.card.width)
        return self.embedder


def decided(answer: Answer, pair: PairCalibration, target: float, people: int) -> Answer:
    """An answer with a decision on each candidate.

    Args:
        answer: of a search without a threshold.
        pair: calibration of the modalities that were searched.
        target: false-positive identification rate.
        people: number of people who were searched, now.

    Raises:
        SettingsError: there is no threshold for ``target``.
    """
    threshold = pair.at(target)
    accepted = []
    for found in answer.candidates:
        value = found.calibrated if answer.mixed and found.calibrated is not None else found.score
        accepted.append(replace(found, accepted=value > threshold.value))
    remarks = (*answer.remarks, *filter(None, [outgrown(pair, people)]))
    return replace(answer, candidates=tuple(accepted), threshold=threshold, remarks=remarks)
