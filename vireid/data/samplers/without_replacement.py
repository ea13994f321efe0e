"""P x K batches in which no image comes twice in an epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from vireid.data.samplers.base import TRAIN, BatchRows
from vireid.data.samplers.cross_modality import CrossModalitySampler, Rows
from vireid.structures import Record, stack_keys

Sampling = Literal["with_replacement", "without_replacement"]


class WithoutReplacementSampler(CrossModalitySampler):
    """As :class:`~vireid.data.CrossModalitySampler`, but every image is used at most once in an epoch.

    For each epoch the images of every identity and modality are shuffled and cut into groups of K. The modality with
    fewer images decides how many groups an identity has; the other images are not used in this epoch. A step takes the next group of
    P x world_size identities, which are drawn uniformly among those with a group left. An identity with fewer than K images of a modality
    has one group, in which some images come twice. After the end of an epoch, another division of all images follows.

    The length is exact and is the largest that the groups allow: the draw takes identities with many groups earlier if they would be
    left over at the end.

    Args:
        records, identities_per_batch, images_per_identity, seed, purpose, rank, world_size: see
            :class:`~vireid.data.CrossModalitySampler`.

    Raises:
        SettingsError, DatasetError: as there.

    Example:
        >>> from vireid.structures import Modality
        >>> records = [Record("", pid, 1, modality) for modality in Modality for pid in range(206) for _ in range(10)]
        >>> len(WithoutReplacementSampler(records, identities_per_batch=8, images_per_identity=4))
        51

    Reference:
        Public code "Cross-Modality Infrared-Visible Re-ID" (IV-REID). Its batches hold each identity's infrared and visible images
        in one block, which makes no difference for losses and normalisation. It stops when too few identities are left, reports a
        length that it never reaches, and fails for an identity with fewer than K infrared images.
    """

    def __init__(
        self,
        records: Sequence[Record],
        identities_per_batch: int = 16,
        images_per_identity: int = 4,
        seed: int = 0,
        purpose: int = TRAIN,
        rank: int | None = None,
        world_size: int | None = None,
    ) -> None:
        super().__init__(records, identities_per_batch, images_per_identity, seed, purpose, rank, world_size)
        sides = [side for side in (self._visible, self._infrared) if side]
        fewest = np.array([min(map(len, rows)) for rows in zip(*sides, strict=True)])
        self._groups = np.maximum(1, fewest // images_per_identity)
        self._length = most_batches(self._groups, identities_per_batch * self.world_size)
        self._division: tuple[tuple[int, ...], list[tuple[Rows, Rows]]] = ((), [])

    def batch(self, epoch: int, iteration: int) -> BatchRows:
        """Rows of one batch."""
        turn, place = divmod(iteration, self._length)
        visible, infrared = self._batches(stack_keys(self.seed, epoch, turn, self.purpose))[place]
        half = self.identities_per_batch * self.images_per_identity
        own = slice(self.rank * half, (self.rank + 1) * half)
        key = stack_keys(self.seed, self.rank, epoch, iteration, self.purpose)
        return BatchRows([*visible[own].tolist(), *infrared[own].tolist()], half, key, self.images_per_identity)

    def _batches(self, key: tuple[int, ...]) -> list[tuple[Rows, Rows]]:
        """Visible and infrared rows of every step of one division of all images, for all ranks together. The last result is kept."""
        if self._division[0] != key:
            rng = np.random.RandomState(np.array(key, np.uint32))
            sides = [self._grouped(rng, side) if side else [] for side in (self._visible, self._infrared)]
            steps = identities_of_steps(rng, self._groups, self.identities_per_batch * self.world_size)
            left = self._groups.copy()
            batches = []
            for identities in steps:
                left[identities] -= 1
                rows = [np.concatenate([side[i][left[i]] for i in identities]) if side else np.empty(0, np.int64) for side in sides]
                batches.append((rows[0], rows[1]))
            self._division = (key, batches)
        return self._division[1]

    def _grouped(self, rng: np.random.RandomState, side: list[Rows]) -> list[Rows]:
        """``(groups, K)`` rows of every identity, shuffled."""
        k = self.images_per_identity
        grouped = []
        for rows, groups in zip(side, self._groups.tolist(), strict=True):
            again = rng.choice(rows, max(0, k - len(rows)))
            grouped.append(np.concatenate((rng.permutation(rows), again))[: groups * k].reshape(groups, k))
        return grouped


def most_batches(groups: Rows, identities_per_batch: int) -> int:
    """Largest number of batches of ``identities_per_batch`` different identities, if identity i can be in ``groups[i]`` batches.

    Example:
        >>> most_batches(np.array([5, 1, 1]), 2), most_batches(np.array([2, 2, 2]), 2)
        (2, 3)
    """
    length = int(groups.sum()) // identities_per_batch
    while (fitting := int(np.minimum(groups, length).sum()) // identities_per_batch) < length:
        length = fitting
    return length


def identities_of_steps(rng: np.random.RandomState, groups: Rows, identities_per_batch: int) -> list[Rows]:
    """Identities of each of :func:`most_batches` steps: drawn uniformly, unless later steps would then lack identities.

    With t steps left, an identity with r groups can fill min(r, t) places. An identity with r >= t loses a place if it is not drawn.
    So at most as many of them may be left out as there are spare places.
    """
    left = groups.copy()
    steps = []
    for to_go in range(most_batches(groups, identities_per_batch), 0, -1):
        order = rng.permutation(np.flatnonzero(left))
        urgent = left[order] >= to_go
        spare = int(np.minimum(left, to_go).sum()) - to_go * identities_per_batch
        first = np.flatnonzero(urgent)[: max(0, int(urgent.sum()) - spare)]
        chosen = np.concatenate((order[first], np.delete(order, first)))[:identities_per_batch]
        left[chosen] -= 1
        steps.append(chosen)
    return steps


SAMPLERS: dict[Sampling, type[CrossModalitySampler]] = {
    "with_replacement": CrossModalitySampler,
    "without_replacement": WithoutReplacementSampler,
}
