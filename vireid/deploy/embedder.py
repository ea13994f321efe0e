"""Images to unit embeddings by a network in torch: what ``test`` measured, as an object."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from vireid.data import Normalise
from vireid.deploy.card import Card
from vireid.deploy.image_embedder import ImageEmbedder
from vireid.deploy.trained import trained_network
from vireid.errors import MissingFileError
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
        """The embedder of a checkpoint of ours. Nothing that the file brings is executed.

        Args:
            path: the checkpoint.
            device: where it computes, such as ``cuda``.
            batch_size: number of images that the network sees at once.
                height, width: size of the network's input; needed for a checkpoint that holds no data settings, and refused for others.
            allowed: class paths of your own that the file may name, such as ``mylib.MyHead``.

        Raises:
            MissingFileError: there is no such file.
            CheckpointError: it is damaged, not ours, or names other classes.
            SettingsError: it holds no re-identification network, or its size of images is not known.
        """
        if not Path(path).exists():
            raise MissingFileError(f"There is no checkpoint file {os.fspath(path)!r}.")
        network, card = trained_network(path, height, width, allowed)
        return cls(network, card, device, batch_size)

    @torch.inference_mode()
    def _raw(self, pixels: NDArray[np.uint8], modality: Modality) -> NDArray[np.float32]:
        images = torch.from_numpy(pixels).to(self.device).permute(0, 3, 1, 2).contiguous()
        images = self._normalise[modality].normalise(images)
        output = self.network(images, len(images) if modality is Modality.VISIBLE else 0)
        return self._evaluation.compared(output).float().cpu().numpy()
