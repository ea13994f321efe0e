"""``vireid predict --images``: embeddings of image files without labels."""

from __future__ import annotations

import numpy as np

from vireid.commands.parser import ShortErrors
from vireid.commands.run_directory import RunDirectory
from vireid.commands.shards import is_predicted, shard_folder, source_sha256
from vireid.deploy.image_lists import image_files
from vireid.deploy.pictures import as_modality
from vireid.errors import SettingsError
from vireid.files import atomic_file
from vireid.printable import printable
from vireid.results.images import EMBEDDINGS_FILE
from vireid.results.shard_files import note_digest
from vireid.results.unlabelled import list_digest
from vireid.structures import Shard
from vireid.terminal import say

OPTION = "--images"


def main(words: list[str]) -> int:
    """Run ``vireid predict --ckpt PATH --images ... --modality NAME``; ``words[0]`` is ``predict``."""
    parser = ShortErrors(prog="vireid predict", description="Embed image files.")
    parser.add_argument("--ckpt_path", type=str, required=True, help="checkpoint, or folder that vireid export wrote")
    parser.add_argument(OPTION, nargs="+", type=str, required=True, help="image files, folders, and .txt files with a path a line")
    parser.add_argument("--modality", type=str | None, default=None, help="modality of all the images: visible or infrared")
    parser.add_argument("--run_dir", type=str | None, default=None, help="new folder for embeddings.npz; default: beside the checkpoint")
    parser.add_argument("--height", type=int | None, default=None, help="height of the network's images, if the checkpoint does not say it")
    parser.add_argument("--width", type=int | None, default=None, help="width of the network's images, if the checkpoint does not say it")
    parser.add_argument("--device", type=str | None, default=None, help="where to compute, such as cuda; default: a GPU if there is one")
    parser.add_argument("--allow", type=str | None, default=None, help="classes of your own that the checkpoint may import, with commas")
    parser.add_argument("--shard", type=str | None, default=None, help="embed one part of the images, such as 2/7, in its own folder")
    found = vars(parser.parse_args(words[1:]))
    return predict_images(found.pop("ckpt_path"), **found)


def predict_images(
    checkpoint: str,
    images: list[str],
    modality: str | None = None,
    run_dir: str | None = None,
    height: int | None = None,
    width: int | None = None,
    device: str | None = None,
    allow: str | None = None,
    shard: str | None = None,
) -> int:
    """Write ``embeddings.npz``: unit ``embeddings``, ``paths`` and ``modalities``, row by row, and the ``model``'s digest.

    Args:
        checkpoint: checkpoint of a training, or a folder that ``vireid export`` wrote.
        images: image files, folders, and .txt files with a path on each line.
        modality: of all the images.
        run_dir: new folder; ``None`` for one beside the checkpoint.
        height, width: size of the network's images, for a checkpoint that does not say it.
        device: where to compute; ``None`` for a GPU if there is one.
        allow: classes of the user that the checkpoint may import, with commas between.
        shard: part of the images, such as ``2/7`` for images 2, 9, 16, ...; its folder is made in ``run_dir``.
    """
    if modality is None:
        raise SettingsError("`--images` needs `--modality` visible or infrared: a file does not say which camera took it.")
    kind, paths = as_modality(modality), image_files(images)
    part = None if shard is None else Shard.parse(shard)
    of_list = list_digest(kind, paths)
    if part is not None:
        first, step = part.share()
        paths = paths[first::step]
        if is_predicted(str(shard), checkpoint, run_dir, list=of_list):
            return 0
    import torch

    from vireid.deploy.embedder import Embedder

    place = device or ("cuda" if torch.cuda.is_available() else "cpu")
    embedder = Embedder.load(checkpoint, place, height=height, width=width, allowed=tuple(filter(None, (allow or "").split(","))))
    folder = RunDirectory("predict", shard_folder(run_dir, part), checkpoint)
    folder.make()
    try:
        rows = embedder.embed(paths, kind) if paths else np.empty((0, 0), np.float32)
        digest = embedder.card.digest
        columns = {"embeddings": rows, "paths": np.array(paths, str), "modalities": np.full(len(paths), int(kind))}
        with atomic_file(folder.path / EMBEDDINGS_FILE) as file:
            np.savez(file, **columns, model=digest, checkpoint=source_sha256(checkpoint), list=of_list)  # type: ignore[arg-type]  # numpy's stub
        note_digest(folder.path / EMBEDDINGS_FILE)
    except BaseException:
        folder.discard()
        raise
    folder.release()
    say(f"{len(paths)} embeddings in {printable(folder.path / EMBEDDINGS_FILE)}")
    return 0
