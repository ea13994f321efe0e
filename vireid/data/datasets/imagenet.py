"""ImageNet (ILSVRC 2012) in its usual layout: a folder per class under ``train`` and ``val``."""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vireid.data.augmentation.crops import centre_crop, random_resized_crop
from vireid.data.class_images import ImageSource
from vireid.data.datasets.listing import Lister
from vireid.data.image_files import open_image
from vireid.data.pixels import to_rgb
from vireid.errors import DatasetError, DatasetNotFoundError

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
        lister = Lister(folder)
        self.classes: Sequence[str] = lister.folders("")
        files = {name: lister.images(name) for name in self.classes}
        empty = [name for name in self.classes if not files[name]]
        if empty or not files:
            missing = f"{empty[0]!r} holds no images" if empty else "there are no folders"
            raise DatasetError(f"{str(folder)!r} is not in the layout of ImageNet, {LAYOUT}: {missing}.")
        lister.warn_strays()
        if len(files) != CLASSES:
            log.warning("%r holds %d classes, ImageNet %d.", str(folder), len(files), CLASSES)
        self.labels = torch.tensor([label for label, names in enumerate(files.values()) for _ in names], dtype=torch.int64)
        self._paths = np.array([f"{folder}/{name}/{file}" for name, names in files.items() for file in names])
        self.size, self.resized = size, resized

    def pixels(self, rows: Sequence[int], key: tuple[int, ...]) -> Tensor:
        images = np.empty((len(rows), self.size, self.size, 3), np.uint8)
        for index, row in enumerate(rows):
            images[index] = np.asarray(self._read(str(self._paths[row]), (*key, row) if key else ()))
        return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()

    def _read(self, path: str, key: tuple[int, ...]) -> Image.Image:
        with open_image(path) as file:
            image = to_rgb(file)
            return random_resized_crop(image, self.size, random.Random(repr(key))) if key else centre_crop(image, self.size, self.resized)
