"""``vireid serve``: a gallery over HTTP, with a page to search, add and remove. A folder with graphs needs no torch."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from vireid.commands.command_line import with_flag
from vireid.commands.parser import ShortErrors
from vireid.errors import SettingsError
from vireid.printable import printable
from vireid.terminal import say

PACKAGES = {"fastapi": "fastapi", "uvicorn": "uvicorn", "python_multipart": "python-multipart"}


def main(words: list[str]) -> int:
    """Run ``vireid serve FOLDER --gallery PATH``; ``words[0]`` is ``serve``."""
    parser = ShortErrors(prog="vireid serve")
    parser.add_argument("folder", type=str, help="folder that vireid export wrote, or a checkpoint")
    parser.add_function_arguments(serve, skip={"folder"})
    return serve(**vars(parser.parse_args(with_flag(words[1:], "--keep_images"))))


def serve(
    folder: str,
    gallery: str,
    host: str = "127.0.0.1",
    port: int = 8000,
    token_file: str | None = None,
    names: str | None = None,
    queue: int = 256,
    log: str | None = None,
    keep_images: bool = False,
    wait: float = 5.0,
) -> int:
    """Answer searches of a gallery over HTTP, and show a page for them. No other process may change the gallery meanwhile; on a Qdrant
    server nothing keeps one from it.

    Args:
        folder: folder that vireid export wrote, or a checkpoint.
        gallery: file of the gallery, or qdrant://host:6333/people; it is made if it does not exist.
        host: address to listen at. Any other than this machine's own needs --token_file.
        port: port to listen at; 0 for any that is free.
        token_file: file with the token that requests must carry. It is made with a new token if it does not exist.
        names: names that the server may be reached by beside its address, with commas between.
        queue: searches and additions that may be under way; more are refused with 503.
        log: file to which a line is added for each search, without the image; default: beside the file, or in this
            folder for a gallery on a server.
        keep_images: store added images themselves, so that another model can embed them; a thumbnail is always stored.
        wait: seconds to wait for another process that is changing a file.
    """
    missing = [package for module, package in PACKAGES.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise SettingsError(f"{' and '.join(missing)} must be installed to serve: pip install 'vireid[serve]'.")
    if queue < 1:
        raise SettingsError(f"`--queue` must be at least 1, got {queue}.")
    from vireid.deploy.server.origins import is_loopback
    from vireid.deploy.server.tokens import read_token

    if not is_loopback(host) and token_file is None:
        raise SettingsError(
            f"Others reach {host!r}, so requests must carry a token: give `--token_file PATH`. A file that does not exist is made."
        )
    from vireid.commands.gallery.actions import contents, embedder_of
    from vireid.deploy import open_gallery
    from vireid.deploy.gallery.server_address import collection_of, is_on_server
    from vireid.deploy.server.application import application
    from vireid.deploy.server.search_log import SearchLog
    from vireid.deploy.server.serving import listening, serve as run

    embedder = embedder_of(folder)
    taken = listening(host, port)
    token, new = (None, False) if token_file is None else read_token(token_file)
    known = tuple(filter(None, (names or "").split(",")))
    beside = collection_of(gallery) if is_on_server(gallery) else gallery
    with taken, open_gallery(gallery, embedder, create=True, keep_images=keep_images, wait=wait) as opened, opened.owned():
        searches = SearchLog(Path(log or f"{beside}.searches.jsonl"))
        app = application(opened, embedder, searches, host, token, known, queue)

        def ready(address: str) -> None:
            say(contents(gallery, opened))
            if token_file is not None:
                say(f"Requests need the token in {printable(token_file)}{', which is new' if new else ''}.")
            say(f"Serving at {address} until Ctrl-C.")

        run(app, taken, ready)
    return 0
