"""Opening a gallery by its name, wherever it is."""

from __future__ import annotations

import os

from vireid.deploy.gallery.any_gallery import AnyGallery
from vireid.deploy.gallery.gallery import Gallery
from vireid.deploy.gallery.schema import WAIT
from vireid.deploy.gallery.server_address import is_on_server
from vireid.deploy.image_embedder import ImageEmbedder


def open_gallery(
    name: str | os.PathLike[str],
    embedder: ImageEmbedder | None = None,
    create: bool = False,
    keep_images: bool = False,
    wait: float = WAIT,
) -> AnyGallery:
    """Open a gallery in a file, or on a server.

    Args:
        name: path of the file, or address such as ``qdrant://host:6333/people``.
        embedder: turns images into embeddings; ``None``: only what needs no image can be done.
        create: whether to make the gallery if it does not exist.
        keep_images: whether the images themselves are stored.
        wait: seconds to wait for another process that is changing a file.

    Raises:
        VireidError: see :class:`~vireid.Gallery` and :class:`~vireid.deploy.ServerGallery`.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder, open_gallery(f"{folder}/people.gallery", create=True) as gallery:
        ...     gallery.add_embeddings([[1, 0], [0, 1]], "visible", ["ann", "bob"], model="example")
        ...     gallery.people
        [1, 2]
        ['ann', 'bob']
    """
    if is_on_server(os.fspath(name)):
        from vireid.deploy.gallery.server_gallery import ServerGallery

        return ServerGallery(os.fspath(name), embedder, create, keep_images)
    return Gallery(name, embedder, create, keep_images, wait=wait)
