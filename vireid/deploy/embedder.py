"""Images to unit embeddings by a network in torch: what ``test`` measured, as an object."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vireid.data import Normalise
from vireid.deploy.card import Card
from vireid.deploy.hub import downloaded
from vireid.deploy.image_embedder import ImageEmbedder
from vireid.deploy.trained import trained_network
from vireid.deploy.weights import read_network
from vireid.deploy.writer import write_folder
from vireid.errors import MissingFileError, SettingsError
from vireid.models import BranchNetwork, ReIDNetwork
from vireid.structures import Modality
from vireid.tasks import Retrieval


class Embedder(ImageEmbedder):
    """Embeds images by a trained network. It compares what ``vireid test`` compared: the averaged weights if an average was kept, the
    feature that was evaluated, the mean with the mirror image if ``flip`` was on, and images prepared as the data settings say.

    Args:
        network: in evaluation mode it is ``network(images, n_visible)``.
        card: what it is.
        device: where it computes, such as ``cuda``.
        batch_size: number of images that the network sees at once.

    Attributes:
        network: the network, in evaluation mode.
        card: what it is.

    Example::

        embedder = Embedder.load("runs/child/checkpoints/last.ckpt")
        scores = embedder.embed(["a.jpg", "b.jpg"], "visible") @ embedder.embed("night.jpg", "infrared")[0]
    """

    def __init__(
        self,
        network: ReIDNetwork | BranchNetwork,
        card: Card,
        device: torch.device | str = "cpu",
        batch_size: int = 64,
    ) -> None:
        super().__init__(card, batch_size)
        self.device = torch.device(device)
        self.network = network.to(self.device).eval()
        self._evaluation = Retrieval(feature=card.feature)
        self._normalise = {modality: Normalise(how.mean, how.std) for modality, how in card.preparations.items()}
        self._alone = threading.Lock()  # layers hold the number of visible rows of one batch at a time

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        device: torch.device | str = "cpu",
        batch_size: int = 64,
        height: int | None = None,
        width: int | None = None,
        allowed: tuple[str, ...] = (),
    ) -> Embedder:
        """The embedder of a checkpoint of ours, or of a folder. Nothing that they bring is executed.

        Args:
            path: a checkpoint, or a folder that :meth:`save_pretrained` or ``vireid export`` wrote.
            device: where it computes, such as ``cuda``.
            batch_size: number of images that the network sees at once.
            height, width: size of the network's input; needed for a checkpoint that holds no data settings, and refused for others.
            allowed: class paths of your own that the file may name, such as ``mylib.MyHead``.

        Raises:
            MissingFileError: there is no such file.
            CheckpointError, FolderError: it is damaged, not ours, or names other classes.
            SettingsError: it holds no re-identification network, or its size of images is not known.
        """
        if not Path(path).exists():
            raise MissingFileError(f"There is no checkpoint or folder {os.fspath(path)!r}.")
        if Path(path).is_dir():
            if height is not None or width is not None:
                raise SettingsError("The card of a folder says which size of images its network takes: leave `height` and `width` out.")
            network, card = read_network(path, allowed)
        else:
            network, card = trained_network(path, height, width, allowed)
        return cls(network, card, device, batch_size)

    @classmethod
    def from_pretrained(cls, name: str | os.PathLike[str], **options: Any) -> Embedder:
        """The embedder of a folder.

        Args:
            name: the folder, or the id of a repository of Hugging Face, such as ``somebody/network``, which is downloaded; that needs the
                extra ``hub``.
            options: as in :meth:`load`.

        Raises:
            MissingFileError: there is no such folder.
            SettingsError: it is the id of a repository, and the extra is absent.
        """
        return cls.load(name if Path(name).exists() else downloaded(os.fspath(name)), **options)

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Write a folder that :meth:`from_pretrained` reads: weights, genotype, card, and images that prove it; no graphs.

        Raises:
            OutputError: the folder exists or cannot be written; nothing is left then.
            SettingsError: safetensors is absent.
        """
        write_folder(folder, self.network, self, graphs=False)

    @torch.inference_mode()
    def _raw(self, pixels: NDArray[np.uint8], modality: Modality) -> NDArray[np.float32]:
        images = torch.from_numpy(pixels).to(self.device).permute(0, 3, 1, 2).contiguous()
        images = self._normalise[modality].normalise(images)
        with self._alone:
            output = self.network(images, len(images) if modality is Modality.VISIBLE else 0)
        return self._evaluation.compared(output).float().cpu().numpy()
