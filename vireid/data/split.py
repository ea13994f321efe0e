"""Divisions of training data: by identity, or every identity's images in halves."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence

from vireid.errors import SettingsError
from vireid.structures import Record


def heldout_count(total: int, fraction: float) -> int:
    """How many of ``total`` identities are held out: the nearest whole number, but at least 1 and at most ``total - 1``.

    Example:
        >>> heldout_count(206, 0.2)
        41
    """
    return max(1, min(total - 1, round(total * fraction)))


def split_ids(pids: Iterable[int], fraction: float, seed: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Kept and held-out identities, each ascending, by a seeded shuffle.

    Args:
        pids: identities, in any order; doubles do not count.
        fraction: share that is held out, in (0, 1), see :func:`heldout_count`.
        seed: of the shuffle.

    Raises:
        SettingsError: fewer than two identities, or ``fraction`` out of range.
    """
    order = sorted(set(pids))
    if not 0 < fraction < 1:
        raise SettingsError(f"The held-out fraction must be between 0 and 1, got {fraction}.")
    if len(order) < 2:
        raise SettingsError(f"Holding out identities needs at least two, got {len(order)}.")
    count = heldout_count(len(order), fraction)
    random.Random(seed).shuffle(order)
    return tuple(sorted(order[count:])), tuple(sorted(order[:count]))


def split_images(records: Sequence[Record], seed: int) -> tuple[list[Record], list[Record]]:
    """Two halves with the same identities: the images of every identity and modality are shuffled and cut in two.

    An odd image goes to the first half.

    Raises:
        SettingsError: an identity with a single image of a modality, which cannot be in both halves.
    """
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    for row, record in enumerate(records):
        groups[record.pid, record.modality].append(row)
    single = [pid for (pid, _), rows in groups.items() if len(rows) < 2]
    if single:
        raise SettingsError(
            f"`search_split: image` needs two images of every identity and modality; {len(single)} have one, "
            f"e.g. identities {', '.join(map(str, sorted(set(single))[:5]))}. Use `search_split: identity`."
        )
    generator = random.Random(seed)
    first = set()
    for key in sorted(groups):
        rows = groups[key]
        generator.shuffle(rows)
        first.update(rows[: (len(rows) + 1) // 2])
    return [record for row, record in enumerate(records) if row in first], [
        record for row, record in enumerate(records) if row not in first
    ]
