"""Division of the training images: images for the weights, images for the architecture, and the class of each identity."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from vireid.data.split import split_few, split_images, split_leaking
from vireid.structures import Record

log = logging.getLogger(__name__)

SearchSplit = Literal["none", "identity", "image", "cdnet", "cdnet_leaking"]
BY_IMAGE: dict[str, Callable[[Sequence[Record], int, int], tuple[list[Record], list[Record]]]] = {
    "image": lambda records, seed, _: split_images(records, seed),
    "cdnet": split_few,
    "cdnet_leaking": split_leaking,
}
Validation = Literal["none", "heldout", "faithful_test_set"]


@dataclass(frozen=True)
class Parts:
    """The parts of the training images.

    Attributes:
        weights: images of the weight step; outside a search, of all steps.
        architecture: images of the architecture step; empty outside a search.
        heldout: all images of the held-out identities; empty if none are held out.
        labels: class of every identity in ``weights`` and ``architecture``; identities of the weight step come first.
        num_classes: number of identities of the weight step; each has a row in the classifier.
    """

    weights: tuple[Record, ...]
    architecture: tuple[Record, ...]
    heldout: tuple[Record, ...]
    labels: dict[int, int]
    num_classes: int


def divide(records: Sequence[Record], heldout: Iterable[int], search_split: SearchSplit, seed: int, images_per_identity: int = 4) -> Parts:
    """Divide training images.

    Args:
        records: images of all identities that may be used.
        heldout: identities whose images the weight step never sees.
        search_split: images of the architecture step. ``"identity"``: those of the held-out identities. ``"image"``: half the images of
            each kept identity and modality. ``"cdnet"``: ``images_per_identity`` of them. ``"cdnet_leaking"``: as many, but the weight
            step keeps some of them, with a warning. ``"none"``: no images.
        seed: seed of a division of images.
        images_per_identity: number of images of each identity and modality that ``cdnet`` and ``cdnet_leaking`` give the architecture step.
    """
    away = set(heldout)
    kept = [record for record in records if record.pid not in away]
    held = tuple(record for record in records if record.pid in away)
    weights, architecture = kept, list(held)
    if search_split == "none":
        architecture = []
    elif search_split in BY_IMAGE:
        weights, architecture = BY_IMAGE[search_split](kept, seed, images_per_identity)
    if shared := set(weights) & set(architecture):
        both = f"{len(shared)} of the {len(set(architecture))}"
        log.warning("`search_split: %s`: %s images of the architecture step train the weights too, as published.", search_split, both)
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
