"""The space of embeddings: a map of it, and how far apart the modalities are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vireid.results.details import Images

MOST = 1200
"""Images of a map; of more, some are drawn."""


@dataclass(frozen=True)
class ModalityGap:
    """How far the modalities are apart, in unit embeddings. Every person counts once; those of one modality are left out.

    Attributes:
        gap: distance of the mean of all visible from that of all infrared embeddings: 0 if there is none, 2 at most.
        same: mean distance of a person's visible from the same person's infrared centre.
        people: mean distance of the centres of two people of one modality.
        count: number of people.
    """

    gap: float
    same: float
    people: float
    count: int


def modality_gap(images: Images) -> ModalityGap | None:
    """The gap between the modalities; ``None`` with fewer than two people of both modalities.

    Reference:
        Liang, Zhang, Kwon, Yeung, Zou: Mind the Gap, NeurIPS 2022 (the distance of the means).
    """
    unit = unit_rows(images.embeddings)
    both = sorted(set(images.pids[images.modalities == 0].tolist()) & set(images.pids[images.modalities == 1].tolist()))
    if len(both) < 2:
        return None
    visible, infrared = (np.stack([unit[(images.pids == pid) & (images.modalities == side)].mean(0) for pid in both]) for side in (0, 1))
    gap = float(np.linalg.norm(visible.mean(0) - infrared.mean(0)))
    same = float(np.linalg.norm(visible - infrared, axis=1).mean())
    return ModalityGap(gap, same, float(np.mean([_mean_distance(side) for side in (visible, infrared)])), len(both))


def unit_rows(embeddings: NDArray[np.floating]) -> NDArray[np.float32]:
    """``(N, D)`` float32 rows of unit length; rows of zeros stay."""
    rows = embeddings.astype(np.float32)
    unit: NDArray[np.float32] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.float32(1e-12))
    return unit


def sampled(images: Images, most: int = MOST) -> NDArray[np.int64]:
    """Rows of at most ``most`` images, ascending, drawn by a fixed seed."""
    number = len(images.pids)
    return np.arange(number) if number <= most else np.sort(np.random.default_rng(0).choice(number, most, replace=False))


def principal_axes(embeddings: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``(N, 2)`` places along the first two principal axes of ``(N, D)`` embeddings, and the share of the variance on each axis.

    The largest place on an axis is positive.
    """
    rows = unit_rows(embeddings).astype(np.float64)
    rows -= rows.mean(0)
    gram = rows @ rows.T if len(rows) <= rows.shape[1] else rows.T @ rows
    values, vectors = np.linalg.eigh(gram)
    values, vectors = np.maximum(values[::-1][:2], 0), vectors[:, ::-1][:, :2]
    places = vectors * np.sqrt(values) if len(rows) <= rows.shape[1] else rows @ vectors
    places = np.pad(places, ((0, 0), (0, 2 - places.shape[1])))  # of a single image, or of one number an image
    largest = places[np.abs(places).argmax(0), [0, 1]]
    total = float(np.trace(gram))
    shares = np.pad(values, (0, 2 - len(values))) / total if total > 0 else np.zeros(2)
    return places * np.where(largest < 0, -1, 1), shares


def _mean_distance(rows: NDArray[np.float32]) -> float:
    """Mean distance of two different rows."""
    squares = np.square(rows).sum(1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares - 2 * rows @ rows.T, 0))
    return float(distances[np.triu_indices(len(rows), 1)].mean())
