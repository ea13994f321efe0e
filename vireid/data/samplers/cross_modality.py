"""Batches of P identities and K images per identity and modality, as pure functions of (seed, epoch, iteration, purpose)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vireid.data.samplers.base import TRAIN, BatchRows, KeyedSampler
from vireid.errors import DatasetError, SettingsError
from vireid.structures import Modality, Record, stack_keys

Rows = NDArray[np.int64]


def draw_batch(
    rng: np.random.RandomState,
    visible: Sequence[Rows],
    infrared: Sequence[Rows],
    identities_per_batch: int,
    images_per_identity: int,
) -> tuple[Rows, Rows, Rows]:
    """One P x K batch, drawn in the same order as in CM-NAS.

    First P identities are drawn without replacement. Then K visible and K infrared images per identity are drawn with replacement.

    Args:
        rng: legacy NumPy generator, which advances.
        visible, infrared: rows of every identity, in the same order of identities (ascending labels in the reference). An empty
            ``infrared`` draws visible images alone.
        identities_per_batch: P, the number of identities.
        images_per_identity: K, the number of images per identity and modality.

    Returns:
        Identities ``(P,)`` as positions in ``visible``, and the drawn rows ``(P * K,)`` of both modalities, in runs of K. If
        ``infrared`` is empty, there are no infrared rows.

    Example:
        >>> people = [[0, 1], [2, 3], [4, 5]]  # rows of the images of three people in either modality
        >>> who, visible, infrared = draw_batch(np.random.RandomState(0), people, people, 2, 2)
        >>> len(who), len(visible), len(infrared)
        (2, 4, 4)

    Reference:
        Fu et al.: CM-NAS: Cross-Modality Neural Architecture Search for Visible-Infrared Person Re-Identification. ICCV 2021
        (public code).
    """
    identities = rng.choice(len(visible), identities_per_batch, replace=False)
    drawn: tuple[list[Rows], list[Rows]] = ([], [])
    for identity in identities:
        drawn[0].append(rng.choice(visible[identity], images_per_identity))
        if infrared:
            drawn[1].append(rng.choice(infrared[identity], images_per_identity))
    return identities, np.concatenate(drawn[0]), np.concatenate(drawn[1]) if infrared else np.empty(0, np.int64)


class CrossModalitySampler(KeyedSampler):
    """Batch sampler: P identities x K images of each modality, visible rows first, identities in the same runs of K in both halves.

    Every batch is drawn by its own generator from (seed, epoch, iteration, purpose), so an epoch can begin at any batch. All ranks
    draw the same P x world_size identities, and each takes P of them. The identities of a step are disjoint between ranks. Together
    the ranks hold the batch that one process with P x world_size identities would draw.

    If no record is infrared, a batch is P identities x K visible images, and all of its rows are visible.

    Args:
        records: images that row numbers refer to.
        identities_per_batch: P, the number of identities per rank.
        images_per_identity: K, the number of images per identity and modality.
        seed: first part of every key.
        purpose: last part of every key; samplers with different purposes draw differently.
        rank, world_size: rank of this process and number of processes; ``None`` asks ``torch.distributed``, or means 0 and 1 if that is not
            running.

    Raises:
        SettingsError: P or K is below 1, or there are fewer than P x world_size identities.
        DatasetError: an identity has images of one modality only, and not all images are visible.

    Example:
        >>> records = [Record("", pid, 1, modality) for modality in Modality for pid in range(4) for _ in range(8)]
        >>> sampler = CrossModalitySampler(records, identities_per_batch=2, images_per_identity=3)
        >>> len(sampler), [len(rows) for rows in sampler][:2]
        (6, [12, 12])
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
        super().__init__(seed, purpose, rank, world_size)
        self.identities_per_batch, self.images_per_identity = identities_per_batch, images_per_identity
        self._visible, self._infrared = rows_by_identity(records)
        self._check()
        largest = max(sum(map(len, self._visible)), sum(map(len, self._infrared)))
        self._length = largest // (identities_per_batch * images_per_identity * self.world_size) + 1

    def _check(self) -> None:
        for name, value in (("identities_per_batch", self.identities_per_batch), ("images_per_identity", self.images_per_identity)):
            if value < 1:
                raise SettingsError(f"`{name}` must be at least 1, got {value}.")
        needed, found = self.identities_per_batch * self.world_size, len(self._visible)
        if needed > found:
            ranks = f" x {self.world_size} processes" if self.world_size > 1 else ""
            raise SettingsError(
                f"`identities_per_batch` {self.identities_per_batch}{ranks} asks for {needed} identities in a step, but there are {found}. "
                f"Set `data.init_args.identities_per_batch` to at most {found // self.world_size}."
            )

    def __len__(self) -> int:
        return self._length

    def batch(self, epoch: int, iteration: int) -> BatchRows:
        """Rows of one batch."""
        rng = np.random.RandomState(np.array(stack_keys(self.seed, epoch, iteration, self.purpose), np.uint32))
        together = self.identities_per_batch * self.world_size
        _, visible, infrared = draw_batch(rng, self._visible, self._infrared, together, self.images_per_identity)
        half = self.identities_per_batch * self.images_per_identity
        own = slice(self.rank * half, (self.rank + 1) * half)
        key = stack_keys(self.seed, self.rank, epoch, iteration, self.purpose)
        return BatchRows([*visible[own].tolist(), *infrared[own].tolist()], half, key, self.images_per_identity)


def rows_by_identity(records: Sequence[Record]) -> tuple[list[Rows], list[Rows]]:
    """Row numbers of the visible and of the infrared images of every identity, in ascending order of identities.

    If there is no infrared image, the second list is empty.

    Raises:
        DatasetError: an identity has images of one modality only, and not all images are visible. The message names up to five.
    """
    rows: tuple[dict[int, list[int]], dict[int, list[int]]] = (defaultdict(list), defaultdict(list))
    for row, record in enumerate(records):
        rows[record.modality][record.pid].append(row)
    pids = sorted({*rows[0], *rows[1]})
    if not rows[Modality.INFRARED]:
        return [np.array(rows[0][pid], np.int64) for pid in pids], []
    alone = [pid for pid in pids if pid not in rows[0] or pid not in rows[1]]
    if alone:
        who = {record.pid: record.who for record in records}
        named = ", ".join(f"{who[pid]} ({'infrared' if pid in rows[Modality.INFRARED] else 'visible'})" for pid in alone[:5])
        more = f" and {len(alone) - 5} more" if len(alone) > 5 else ""
        raise DatasetError(f"Training needs visible and infrared images of every identity; these have one kind only: {named}{more}.")
    return [np.array(rows[0][pid], np.int64) for pid in pids], [np.array(rows[1][pid], np.int64) for pid in pids]
