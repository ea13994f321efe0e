"""ImageNet (ILSVRC 2012) in its usual layout: a folder per class under ``train`` and ``val``."""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from torchvision.datasets import ImageFolder

from vireid.data.augmentation.crops import centre_crop, random_resized_crop
from vireid.data.class_images import ImageSource
from vireid.errors import BadImageError, DatasetError, DatasetNotFoundError

log = logging.getLogger(__name__)
CLASSES = 1000
LAYOUT = "train/n01440764/*.JPEG and val/n01440764/*.JPEG, one folder for each class"


class ImageNetSource(ImageSource):
    """Images of one split. Training batches take random crops, other batches take the middle.

    Classes are numbered in the alphabetical order of their folders, which is also the order in torchvision's weights.

    Args:
        root: folder with ``train`` and ``val``, which torchvision's ``ImageNet`` unpacks from the archives of the release.
        split: ``train`` or ``val``.
        size: height and width of the crops, in pixels.
        resized: length to which the shorter side is resized before the middle is cropped, in pixels.

    Raises:
        DatasetNotFoundError: the folder of this split is absent.
        DatasetError: the folder of this split holds no class folders with images.
    """

    def __init__(self, root: str | Path, split: str, size: int, resized: int) -> None:
        folder = Path(root) / split
        if not folder.is_dir():
            raise DatasetNotFoundError(
                f"No ImageNet under `root={str(root)!r}`: expected {LAYOUT}. It cannot be downloaded without an account: get the archives "
                f"of ILSVRC 2012 from https://image-net.org and unpack them by torchvision.datasets.ImageNet({str(root)!r}, {split!r}), "
                "or set `data.init_args.root`."
            )
        try:
            data = ImageFolder(str(folder))
        except FileNotFoundError as error:
            raise DatasetError(f"{str(folder)!r} is not in the layout of ImageNet, {LAYOUT}: {error}") from error
        if len(data.classes) != CLASSES:
            log.warning("%r holds %d classes, ImageNet %d.", str(folder), len(data.classes), CLASSES)
        self.classes: Sequence[str] = data.classes
        self.labels = torch.tensor(data.targets, dtype=torch.int64)
        self._paths = np.array([path for path, _ in data.samples])
        self.size, self.resized = size, resized

    def pixels(self, rows: Sequence[int], key: tuple[int, ...]) -> Tensor:
        images = np.empty((len(rows), self.size, self.size, 3), np.uint8)
        for index, row in enumerate(rows):
            images[index] = np.asarray(self._read(str(self._paths[row]), (*key, row) if key else ()))
        return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()

    def _read(self, path: str, key: tuple[int, ...]) -> Image.Image:
        try:
            with Image.open(path) as file:
                image = file.convert("RGB")
        except (OSError, SyntaxError, ValueError, UnidentifiedImageError) as error:
            raise BadImageError(f"Cannot read image {path!r}: {error}. Replace the file.") from error
        return random_resized_crop(image, self.size, random.Random(repr(key))) if key else centre_crop(image, self.size, self.resized)
