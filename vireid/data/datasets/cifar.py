"""CIFAR-100 with torchvision's reader, also for copies that are not the release."""

from __future__ import annotations

import io
import logging
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from numpy.typing import NDArray
from torch import Tensor
from torchvision.datasets.utils import check_integrity

from vireid.data.class_images import ImageSource
from vireid.errors import DatasetError, DatasetNotFoundError
from vireid.files import read_bytes
from vireid.pickles import check_pickle

log = logging.getLogger(__name__)
LARGEST = 200_000_000  # bytes of a file; that of the 50,000 training images has 155 million
REBUILD = {f"{core}.multiarray" for core in ("numpy.core", "numpy._core")}


class _Kind:
    """Stands for the type of the numbers in an array, of which only bytes are read."""

    def __init__(self, name: object, *_: object) -> None:
        if name not in ("u1", "|u1"):
            raise pickle.UnpicklingError("it holds an array of something other than bytes")

    def __setstate__(self, state: object) -> None:
        pass


class _Array:
    """Stands for an array. NumPy would take as much memory as a size in the file says, before it reads the numbers."""

    def __init__(self, *_: object) -> None:
        self.values: NDArray[np.uint8] = np.zeros(0, np.uint8)

    def __setstate__(self, state: tuple[Any, Any, Any, Any, Any]) -> None:
        _, shape, kind, by_columns, content = state
        if not isinstance(kind, _Kind) or not isinstance(content, (bytes, str)):
            raise pickle.UnpicklingError("it holds an array of something other than bytes")
        numbers = content.encode("latin1") if isinstance(content, str) else content
        self.values = np.frombuffer(numbers, np.uint8).reshape(shape, order="F" if by_columns else "C")


class PlainPickle(pickle.Unpickler):
    """Reader of pickles with numbers, texts and arrays of bytes. It refuses a pickle that would import something else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("_codecs", "encode"):
            return super().find_class(module, name)
        if (module, name) == ("numpy", "dtype"):
            return _Kind
        if (module, name) == ("numpy", "ndarray") or (module in REBUILD and name == "_reconstruct"):
            return _Array
        raise pickle.UnpicklingError(f"it asks to import {module}.{name}")


class CIFAR100(torchvision.datasets.CIFAR100):  # type: ignore[misc]  # torchvision ships no types
    """torchvision's CIFAR-100, without the condition that files have the checksums of the release.

    torchvision refuses any other file as corrupted, so it cannot read a part of the release, or your own data in its format. This
    class reads a file with another checksum if it is a pickle of plain data, and logs a warning. It reads files of the release as
    torchvision does.

    Args:
        root: folder that holds ``cifar-100-python``.
        train: whether to read the training images; ``False`` reads the test images.
        download: whether to fetch and unpack the release if files are absent.

    Raises:
        DatasetNotFoundError: files are absent, and the download is off or failed.
        DatasetError: a file is not a pickle of plain data.
    """

    def __init__(self, root: str | Path, train: bool = True, download: bool = False) -> None:
        self._folder = Path(root) / self.base_folder
        files = [name for name, _ in (*self.train_list, *self.test_list)]
        expected = ", ".join([*files, str(self.meta["filename"])])
        try:
            torchvision.datasets.VisionDataset.__init__(self, root)
            self.train = train
            if download:
                self.download()
            self._read(root)
        except (OSError, RuntimeError) as error:
            reason = f"The download failed: {error}. " if download else "`download` is off. "
            raise DatasetNotFoundError(
                f"No CIFAR-100 under `root={str(root)!r}`: expected the files {expected} in {str(self._folder)!r}. {reason}"
                "Set `data.init_args.root`, unpack cifar-100-python.tar.gz of https://www.cs.toronto.edu/~kriz/cifar.html there, or set "
                "`data.init_args.download` to true where there is a network."
            ) from error
        except (LookupError, ValueError, TypeError, AttributeError) as error:
            raise DatasetError(f"{str(self._folder)!r} does not hold CIFAR-100: {error!r} while its files {expected} were read.") from error

    def _read(self, root: str | Path) -> None:
        wanted = [*self.train_list, *self.test_list, [self.meta["filename"], self.meta["md5"]]]
        if not all((self._folder / name).is_file() for name, _ in wanted):
            raise FileNotFoundError(f"files are absent under {str(root)!r}")
        for name, _ in wanted:
            if (size := (self._folder / name).stat().st_size) > LARGEST:
                raise DatasetError(f"{str(self._folder / name)!r} has {size:,} bytes; a file of CIFAR-100 has at most {LARGEST:,}.")
        others = [name for name, md5 in wanted if not check_integrity(str(self._folder / name), md5)]
        contents = {name: read_plain(self._folder / name) for name, _ in wanted if name in others or self._is_read(name)}
        if others:
            log.warning(
                "%s in %r: not as released, by the checksum. Results are not those of CIFAR-100.", ", ".join(others), str(self._folder)
            )
        entry = contents[(self.train_list if self.train else self.test_list)[0][0]]
        self.data = entry["data"].values.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        self.targets = list(entry["fine_labels"])
        self.classes = contents[self.meta["filename"]][self.meta["key"]]
        self.class_to_idx = {name: label for label, name in enumerate(self.classes)}

    def _is_read(self, name: str) -> bool:
        return name in (self.meta["filename"], (self.train_list if self.train else self.test_list)[0][0])


class CIFAR100Source(ImageSource):
    """CIFAR-100 images of 32 x 32 pixels with their fine classes.

    Args:
        root, train, download: see :class:`CIFAR100`.

    Raises:
        DatasetNotFoundError, DatasetError: see :class:`CIFAR100`. DatasetError also if the labels are no numbers, or do not fit the
            images or the classes.
    """

    def __init__(self, root: str | Path, train: bool, download: bool = False) -> None:
        data = CIFAR100(root, train, download)
        self.classes = data.classes
        try:
            self.labels = torch.tensor(data.targets, dtype=torch.int64)
            self._images = torch.from_numpy(np.array(data.data.transpose(0, 3, 1, 2)))
        except (ValueError, TypeError, RuntimeError, OverflowError) as error:
            raise DatasetError(f"CIFAR-100 under {str(root)!r} holds no images and whole numbers as labels: {error}.") from error
        if self.labels.shape != self._images.shape[:1] or not len(self.labels):
            raise DatasetError(f"CIFAR-100 under {str(root)!r} holds {len(self._images)} images, but {len(self.labels)} labels.")
        if int(self.labels.max()) >= len(self.classes) or int(self.labels.min()) < 0:
            raise DatasetError(f"CIFAR-100 under {str(root)!r} names {len(self.classes)} classes, but a label is {int(self.labels.max())}.")

    def pixels(self, rows: Sequence[int], key: tuple[int, ...]) -> Tensor:  # noqa: ARG002 (nothing is random)
        return self._images.index_select(0, torch.tensor(rows, dtype=torch.int64))


def read_plain(path: Path) -> Any:
    """Content of a pickle of plain data. It takes a few times the memory that the file has bytes, whatever sizes the file names.

    Raises:
        DatasetError: the pickle is damaged, too large, or would run code; the message names the file.
    """
    try:
        content = read_bytes(path, LARGEST)
        check_pickle(io.BytesIO(content), len(content))
        return PlainPickle(io.BytesIO(content), encoding="latin1").load()
    except Exception as error:  # bytes that are no pickle can raise any exception
        raise DatasetError(f"{str(path)!r} is damaged, or not a file of CIFAR-100: {error}.") from error
