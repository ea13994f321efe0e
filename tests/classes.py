"""Tiny sets of images of classes in the published formats; a class is a colour, so that it can be learnt."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = ((220, 40, 40), (40, 220, 40), (40, 40, 220))


def coloured(label: int, rng: np.random.Generator, height: int = 32, width: int = 32) -> np.ndarray:
    """``(H, W, 3)`` uint8: the colour of the class with noise."""
    return np.clip(np.array(COLOURS[label]) + rng.integers(-30, 31, (height, width, 3)), 0, 255).astype(np.uint8)


def write_cifar100(root: Path, train: int = 24, test: int = 9, classes: int = len(COLOURS)) -> Path:
    """``cifar-100-python`` with ``meta``, ``train`` and ``test``, pickles with the keys and arrays of the release."""
    folder = root / "cifar-100-python"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    names = [f"colour_{label}" for label in range(classes)]
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": names, "coarse_label_names": ["colour"]}, protocol=2))
    for split, count in (("train", train), ("test", test)):
        labels = [row % classes for row in range(count)]
        rows = np.stack(
            [coloured(label % len(COLOURS), rng).transpose(2, 0, 1).reshape(-1) for label in labels]
        )  # channels first, then rows
        content = {
            "filenames": [f"{names[label]}_s_{row:06d}.png" for row, label in enumerate(labels)],
            "batch_label": f"{split}ing batch 1 of 1",
            "fine_labels": labels,
            "coarse_labels": [0] * count,
            "data": rows,
        }
        (folder / split).write_bytes(pickle.dumps(content, protocol=2))
    return root


def write_imagenet(root: Path, train: int = 4, val: int = 2) -> Path:
    """``train`` and ``val`` with a folder of JPEG files of various sizes for each class, named by WordNet numbers."""
    rng = np.random.default_rng(1)
    for split, count in (("train", train), ("val", val)):
        for label in range(len(COLOURS)):
            folder = root / split / f"n0144076{label}"
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = coloured(label, rng, 40 + 3 * number, 50 - 5 * number)
                Image.fromarray(pixels).save(folder / f"n0144076{label}_{number}.JPEG", quality=95)
    return root
