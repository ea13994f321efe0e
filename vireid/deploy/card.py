"""What a deployed network is, and how images reach it; plain values alone, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from vireid.data.pixels import PixelRange
from vireid.structures import Modality

Triple = tuple[float, float, float]
IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preparation:
    """How an image of one modality becomes an input of the network.

    It is turned upright, becomes RGB of 8 bits (a single channel becomes three equal ones), and is resized by the Lanczos filter. Then
    its values are divided by 255, ``mean`` is subtracted, and ``std`` divides.

    Attributes:
        height, width: size of the input, in pixels.
        mean, std: of the three channels, in units of [0, 1].
        pixel_range: values that become black and white in images of more than 8 bits with one channel; ``None``: their depth.
    """

    height: int
    width: int
    mean: Triple = IMAGENET_MEAN
    std: Triple = IMAGENET_STD
    pixel_range: PixelRange | None = None


@dataclass(frozen=True)
class Card:
    """What an embedder is.

    Attributes:
        digest: SHA-256 of the network and of all that changes its embeddings. Embeddings with equal digests may be compared.
        width: D, numbers of an embedding.
        preparations: for each modality, how images reach the network.
        feature: ``embeddings`` (after the neck) or ``features`` (before it).
        weights: ``raw``, or ``average`` for an exponential moving average.
        flip: whether an embedding is the mean of those of image and mirror image.
        task: settings that rebuild the network, ``{"class_path", "init_args"}``.
        results: rows of the network's test, as in ``metrics.json``.
        calibration: thresholds; ``None`` if there are none.
        provenance: where the network comes from.
    """

    digest: str
    width: int
    preparations: Mapping[Modality, Preparation]
    feature: Literal["embeddings", "features"] = "embeddings"
    weights: Literal["raw", "average"] = "raw"
    flip: bool = False
    task: Mapping[str, Any] = field(default_factory=dict, repr=False)
    results: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    calibration: Mapping[str, Any] | None = field(default=None, repr=False)
    provenance: Mapping[str, Any] = field(default_factory=dict, repr=False)
