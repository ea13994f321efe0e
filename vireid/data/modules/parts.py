"""Which images train weights, which train the architecture, and which class each identity is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from vireid.data.split import split_images
from vireid.structures import Record

SearchSplit = Literal["none", "identity", "image"]
Validation = Literal["none", "heldout", "faithful_test_set"]


@dataclass(frozen=True)
class Parts:
    """Training images, divided.

    Attributes:
        weights: images of the weight step (of all steps, outside a search).
        architecture: images of the architecture step; empty outside a search.
        heldout: all images of the held-out identities; empty when none are held out.
        labels: class of every identity in ``weights`` and ``architecture``; identities of the weight step come first.
        num_classes: identities of the weight step, which have a row in the classifier.
    """

    weights: tuple[Record, ...]
    architecture: tuple[Record, ...]
    heldout: tuple[Record, ...]
    labels: dict[int, int]
    num_classes: int


def divide(records: Sequence[Record], heldout: Iterable[int], search_split: SearchSplit, seed: int) -> Parts:
    """Divide training images.

    Args:
        records: images of all identities that may be used.
        heldout: identities whose images the weight step never sees.
        search_split: ``"identity"`` gives the architecture step the held-out identities; ``"image"`` half the images of each kept
            identity and modality; ``"none"`` nothing.
        seed: of the division into halves.
    """
    away = set(heldout)
    kept = [record for record in records if record.pid not in away]
    held = tuple(record for record in records if record.pid in away)
    weights, architecture = kept, list(held)
    if search_split == "image":
        weights, architecture = split_images(kept, seed)
    elif search_split == "none":
        architecture = []
    classes = sorted({record.pid for record in kept})
    others = sorted({record.pid for record in architecture} - set(classes))
    labels = {pid: label for label, pid in enumerate((*classes, *others))}
    return Parts(tuple(weights), tuple(architecture), held, labels, len(classes))


def ids_digest(pids: Iterable[int]) -> str:
    """SHA-256 of the ascending identity numbers, joined by commas.

    Example:
        >>> ids_digest([2, 1])[:8]
        '17f8af97'
    """
    return hashlib.sha256(",".join(map(str, sorted(set(pids)))).encode()).hexdigest()
