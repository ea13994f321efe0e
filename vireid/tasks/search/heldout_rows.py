"""Which images of held-out people make one batch."""

from __future__ import annotations

from collections.abc import Sequence

from vireid.structures import Modality, Record


def heldout_rows(records: Sequence[Record], images: int) -> list[int]:
    """Rows of a few images of every person in either modality, ascending.

    Lists are often in the order of cameras. So the first image is another one for each person, and the next ones are evenly spaced, counted
    round. People with one modality are left out, because they have no match.

    Args:
        records: images, visible ones first.
        images: images of every person and modality, at least 1; fewer where there are fewer.
    """
    found: dict[tuple[int, int], list[int]] = {}
    for row, record in enumerate(records):
        found.setdefault((record.pid, int(record.modality)), []).append(row)
    people = sorted({pid for pid, modality in found if (pid, 1 - modality) in found})
    chosen = [_spread(found[pid, int(modality)], place, images) for modality in Modality for place, pid in enumerate(people)]
    return sorted(row for rows in chosen for row in rows)


def _spread(rows: Sequence[int], start: int, count: int) -> list[int]:
    step = max(1, len(rows) // count)
    return [rows[(start + number * step) % len(rows)] for number in range(min(count, len(rows)))]
