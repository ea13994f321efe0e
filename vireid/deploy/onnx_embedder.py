"""Images to unit embeddings by the graphs of a folder, with onnxruntime, NumPy and Pillow; without torch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vireid.deploy.card import IMAGENET_MEAN, IMAGENET_STD, INPUT
from vireid.deploy.folder import check_files, read_card
from vireid.deploy.image_embedder import ImageEmbedder
from vireid.errors import FolderError, SettingsError
from vireid.structures import Modality

MEAN, STD = (np.array(values, np.float32) for values in (IMAGENET_MEAN, IMAGENET_STD))


class OnnxEmbedder(ImageEmbedder):
    """Embeds images as :class:`~vireid.Embedder` does, from a folder that ``vireid export`` wrote.

    Args:
        folder: the folder.
        threads: threads of onnxruntime; 0 for as many as there are cores.
        providers: where onnxruntime computes, in order of preference, such as ``CUDAExecutionProvider``.
        batch_size: number of images that the network sees at once.

    Raises:
        MissingFileError: no folder, or no card in it.
        FolderError: card or graph is damaged, or there are no graphs.
        SettingsError: onnxruntime is absent or lacks a provider, or a number is out of range.

    Example::

        embedder = OnnxEmbedder("deployed")
        scores = embedder.embed(["a.jpg", "b.jpg"], "visible") @ embedder.embed("night.jpg", "infrared")[0]
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        threads: int = 0,
        providers: Sequence[str] = ("CPUExecutionProvider",),
        batch_size: int = 64,
    ) -> None:
        super().__init__(read_card(folder), batch_size)
        self.folder = Path(folder)
        if not self.card.graphs:
            name = os.fspath(folder)
            raise FolderError(f"{name!r} holds weights and no graphs: `vireid export` writes graphs, `vireid.Embedder` needs none.")
        check_files(self.folder, self.card, dict.fromkeys(self.card.graphs.values()))
        sessions = {name: session(self.folder / name, threads, providers) for name in set(self.card.graphs.values())}
        self._sessions = {modality: sessions[name] for modality, name in self.card.graphs.items()}

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> OnnxEmbedder:
        """The embedder of a folder, as :meth:`vireid.Embedder.load` gives one."""
        return cls(path)

    def _raw(self, pixels: NDArray[np.uint8], modality: Modality) -> NDArray[np.float32]:
        return run(self._sessions[modality], pixels)


def session(path: Path, threads: int = 0, providers: Sequence[str] = ("CPUExecutionProvider",)) -> Any:
    """A session of onnxruntime.

    Raises:
        SettingsError: onnxruntime is absent or lacks a provider, or ``threads`` is negative.
        FolderError: the file is no graph.
    """
    runtime = onnxruntime()
    if threads < 0:
        raise SettingsError(f"`threads` must be at least 0, got {threads}.")
    if unknown := [name for name in providers if name not in runtime.get_available_providers()]:
        known = ", ".join(runtime.get_available_providers())
        raise SettingsError(f"This onnxruntime has no provider {unknown[0]!r}; it has {known}.")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    try:
        return runtime.InferenceSession(path, options, providers=list(providers))
    except Exception as error:  # the runtime has many kinds, none of them public
        raise FolderError(f"{path.name} is no graph that onnxruntime reads: {' '.join(str(error).split())[:200]}") from error


def onnxruntime() -> Any:
    """The module.

    Raises:
        SettingsError: it is not installed; the message says how to install it.
    """
    try:
        import onnxruntime as runtime
    except ImportError as error:
        raise SettingsError("onnxruntime is not installed: pip install 'vireid[export]', or onnxruntime alone.") from error
    return runtime


def run(graph: Any, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """``(B, D)`` what a graph gives for ``(B, H, W, 3)`` RGB pixels, not normalised."""
    (found,) = graph.run(None, {INPUT: normalised(pixels)})
    return np.asarray(found, np.float32)


def normalised(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """``(B, 3, H, W)`` what a graph takes, of ``(B, H, W, 3)`` RGB pixels."""
    return np.ascontiguousarray(((pixels.astype(np.float32) / np.float32(255) - MEAN) / STD).transpose(0, 3, 1, 2))
