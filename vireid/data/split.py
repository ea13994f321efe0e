"""Divisions of training data: by identity, or by the images of every identity."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

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
        pids: identities, in any order; duplicates do not count.
        fraction: share of identities that is held out, in (0, 1), see :func:`heldout_count`.
        seed: seed of the shuffle.

    Raises:
        SettingsError: there are fewer than two identities, or ``fraction`` is out of range.

    Example:
        >>> kept, heldout = split_ids(range(10), fraction=0.3, seed=0)
        >>> len(kept), len(heldout), set(kept) & set(heldout)
        (7, 3, set())
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

    If their number is odd, the first half gets one image more.

    Raises:
        SettingsError: an identity has a single image of a modality, which cannot be in both halves.

    Example::

        first, second = split_images(records, seed=0)  # the same people, other images
    """
    return _cut(records, seed, lambda count: count // 2, "image")


def split_few(records: Sequence[Record], seed: int, few: int) -> tuple[list[Record], list[Record]]:
    """Most images, and ``few`` random images of every identity and modality. No image is in both parts.

    If an identity has fewer than ``2 * few`` images of a modality, the second part gets half of them.

    Raises:
        SettingsError: an identity has a single image of a modality, which cannot be in both parts.

    Example::

        weights, architecture = split_few(records, seed=0, few=4)  # four images of every person and modality
    """
    return _cut(records, seed, lambda count: min(few, count // 2), "cdnet")


def split_leaking(records: Sequence[Record], seed: int, few: int) -> tuple[list[Record], list[Record]]:
    """The published split of CDNet's search: images of every identity and modality for the weights, and ``few`` for the architecture.

    Of n images, the remainder of n by ``few`` (or ``few`` if the remainder is 0) are drawn for the second part alone. The second part is
    filled up to ``few`` with images that **the first part keeps**. Both parts share up to ``few - 1`` images, and all if n is ``few``.
    If there are fewer than ``few`` images, each part draws ``few`` with replacement.

    Example::

        weights, architecture = split_leaking(records, seed=0, few=4)  # some images are in both

    Reference:
        Li, Wu, Zheng: Combined Depth Space based Architecture Search for Person Re-identification, CVPR 2021, public search code.
    """
    generator = random.Random(seed)
    first: list[Record] = []
    second: list[Record] = []
    for rows in _groups(records).values():
        images = [records[row] for row in rows]
        if len(images) < few:
            second += generator.choices(images, k=few)
            first += generator.choices(images, k=few)
            continue
        alone = generator.sample(images, len(images) % few or few)
        rest = images if len(images) == few else [image for image in images if image not in alone]
        second += [*alone, *generator.sample(rest, few - len(alone))]
        first += rest
    return first, second


def _cut(records: Sequence[Record], seed: int, size: Callable[[int], int], name: str) -> tuple[list[Record], list[Record]]:
    """Shuffle the images of every group; the last ``size(count)`` of them are the second part."""
    groups = _groups(records)
    single = [records[rows[0]] for rows in groups.values() if len(rows) < 2]
    if single:
        raise SettingsError(
            f"`search_split: {name}` needs two images of every identity and modality; {len(single)} have one, "
            f"e.g. identities {', '.join(list(dict.fromkeys(record.who for record in single))[:5])}. Use `search_split: identity`."
        )
    generator = random.Random(seed)
    first = set()
    for rows in groups.values():
        generator.shuffle(rows)
        first.update(rows[: len(rows) - size(len(rows))])
    return [record for row, record in enumerate(records) if row in first], [
        record for row, record in enumerate(records) if row not in first
    ]


def _groups(records: Sequence[Record]) -> dict[tuple[int, int], list[int]]:
    """Rows of every identity and modality, ascending."""
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    for row, record in enumerate(records):
        groups[record.pid, record.modality].append(row)
    return dict(sorted(groups.items()))
