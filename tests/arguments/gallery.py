"""Arguments of a gallery and of counts of pairs."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from tests.arguments.table import Change, Refused, Table
from tests.deploy.gallery.stand_in import Projection, image
from vireid import Gallery
from vireid.metrics import PairCounts

FOLDER = Path(tempfile.gettempdir())


def observe(gallery: Gallery) -> Any:
    """What is found after a change of the model, and which files are there; the files are deleted."""
    with gallery:
        gallery.add([image(person) for person in range(4)], "visible", list("abcd"))
        scores = [candidate.score for candidate in gallery.search(image(1, 2), "visible").candidates]
        kept = [gallery._store.picture(number, "original") is not None for number in range(1, 5)]
    files = sorted(FOLDER.glob(f"*{gallery.path.name}*"))
    for file in files:
        file.unlink()
    return scores, kept, [file.name for file in files]


def count(pairs: PairCounts) -> Any:
    pairs.update([0.3, 0.5])
    return [pairs.tar(0.4), pairs.tar(0.6)]


TABLES = [
    Table(
        Gallery,
        observe,
        {
            "path": Refused(FOLDER, match="is a folder, and a gallery is a file"),
            "embedder": Change(Projection("second")),
            "create": Refused(False, match="There is no gallery"),
            "keep_images": Change(True),
            "quantised": Change(True),
            "wait": Refused(-1.0, match="`wait` must be at least 0 seconds"),
        },
        {"path": FOLDER / "arguments.gallery", "embedder": Projection()},
        lambda: [file.unlink() for file in FOLDER.glob("*arguments.gallery*")],
    ),
    Table(PairCounts, count, {"genuine": Change([0.2, 0.4])}, {"genuine": [0.4, 0.9]}),
]
