"""From a checkpoint to the folder of a deployed network."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from vireid.deploy.card import Card
from vireid.deploy.embedder import Embedder
from vireid.deploy.gallery.opening import open_gallery
from vireid.deploy.tested import rows_in, rows_of_test
from vireid.deploy.variants import Variants
from vireid.deploy.writer import write_folder
from vireid.errors import SettingsError


def export_network(
    checkpoint: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    results: str | os.PathLike[str] | None = None,
    height: int | None = None,
    width: int | None = None,
    allowed: tuple[str, ...] = (),
    variants: Variants | None = None,
    calibration: str | os.PathLike[str] | None = None,
) -> Card:
    """Write a folder with graphs that give what ``vireid test`` compared.

    Args:
        checkpoint: a checkpoint, or a folder that :meth:`vireid.Embedder.save_pretrained` wrote.
        folder: folder to write; it must not exist.
        results: test whose rows the card tells; ``None`` for the newest of this checkpoint, if there is one.
        height, width: size of the network's images, for a checkpoint without data settings.
        allowed: class paths of the user that the checkpoint may name.
        variants: graphs of lower precision to write too.
        calibration: gallery of this network whose thresholds the card tells; ``None`` for no thresholds.

    Returns:
        The card of the folder.

    Raises:
        VireidError: bad input, a folder that exists or cannot be written, or a graph that differs from the network; nothing is left then.
    """
    embedder = Embedder.load(checkpoint, height=height, width=width, allowed=allowed)
    if results is not None:
        rows = rows_in(results, embedder.card.feature)
    else:
        rows = rows_of_test(checkpoint, embedder.card.feature) if Path(checkpoint).is_file() else tuple(map(dict, embedder.card.results))
    facts = {"results": rows, "calibration": embedder.card.calibration if calibration is None else _thresholds(calibration, embedder)}
    return write_folder(folder, embedder.network, embedder, graphs=True, facts=facts, variants=variants)


def _thresholds(gallery: str | os.PathLike[str], embedder: Embedder) -> dict[str, Any]:
    """What a gallery of the embedder's model was calibrated to.

    Raises:
        GalleryError: it is of another model.
        SettingsError: it was not calibrated.
    """
    with open_gallery(gallery, embedder) as opened:
        found = opened.calibration
    if not found.pairs:
        raise SettingsError(f"{os.fspath(gallery)!r} was not calibrated: run `vireid gallery calibrate` first.")
    return found.to_dict()
