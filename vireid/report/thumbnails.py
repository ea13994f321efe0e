"""Small pictures of people inside a page."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any, Literal

from vireid.errors import BadImageError, DatasetNotFoundError
from vireid.report.markup import Markup, tag
from vireid.results.details import Images
from vireid.results.files import RunResults

Shown = Literal["thumbnails", "none"]
HEIGHT, WIDTH = 112, 56
QUALITY = 70


class Thumbnails:
    """Pictures of the images of a test. An image that cannot be read is shown as a box with its words.

    Args:
        run: whose images; their paths are those that the test wrote.
        shown: ``thumbnails``, or ``none`` for boxes alone.
        root: where the data folder is now, if it has moved; ``None`` if it has not.

    Attributes:
        absent: images that could not be read, with the reasons.
    """

    def __init__(self, run: RunResults, shown: Shown = "thumbnails", root: str | None = None) -> None:
        run.check_rows()
        self.images = run.images
        self.shown = shown
        self.absent: dict[str, str] = {}
        self._root, self._before = root, run.about.get("root")
        self._pixel_range = _pixel_range(run.about)
        self._known: dict[int, str | None] = {}

    def picture(self, row: int, kind: str = "") -> Markup:
        """One image.

        Args:
            row: among the images.
            kind: ``right``, ``wrong`` or ``ignored``, what it is in a ranked list; empty for a query.
        """
        alt = ", ".join(filter(None, (kind and f"{kind}:", self.words(row))))
        if (uri := self._uri(row)) is not None:
            return tag("img", src=uri, alt=alt, width=WIDTH, height=HEIGHT)
        return tag("span", self.who(row), role="img", aria_label=alt, class_="box")

    def words(self, row: int) -> str:
        """Person, camera and modality."""
        images = self._images
        return f"person {images.people[row]}, camera {images.camids[row]}, {('visible', 'infrared')[images.modalities[row]]}"

    def who(self, row: int) -> str:
        """Name of the person."""
        return str(self._images.people[row])

    @property
    def _images(self) -> Images:
        assert self.images is not None
        return self.images

    def _uri(self, row: int) -> str | None:
        if self.shown == "none":
            return None
        if row not in self._known:
            self._known[row] = self._read(row)
        return self._known[row]

    def _read(self, row: int) -> str | None:
        from PIL import Image

        from vireid.data.image_files import read_image

        path = self._path(str(self._images.paths[row]))
        try:
            pixels = read_image(path, HEIGHT, WIDTH, self._pixel_range)
        except (BadImageError, DatasetNotFoundError, OSError, ValueError) as error:
            self.absent[path] = str(error)
            return None
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=QUALITY, optimize=True)
        return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")

    def _path(self, path: str) -> str:
        """Where an image is now. If the user says where the data folder is, nothing outside of it is shown."""
        if self._root is None:
            return path
        try:
            inside = PurePath(path).relative_to(str(self._before))
        except ValueError:
            inside = PurePath(path).relative_to(PurePath(path).anchor)
        return str(Path(self._root) / "/".join(part for part in inside.parts if part != ".."))


def _pixel_range(about: Mapping[str, Any]) -> tuple[float, float] | None:
    """Which values of the images are black and white, by the settings of the data."""
    data = about.get("data")
    arguments = data.get("init_args") if isinstance(data, Mapping) else None
    found = arguments.get("pixel_range") if isinstance(arguments, Mapping) else None
    if isinstance(found, (list, tuple)) and len(found) == 2 and all(isinstance(number, (int, float)) for number in found):
        return found[0], found[1]
    return None


def heat(values: Any) -> Markup:
    """``(h, w)`` values in [0, 1] as a layer over a picture: orange where they are high, clear where they are low."""
    import numpy as np
    from PIL import Image

    pixels = np.zeros((*values.shape, 4), np.uint8)
    pixels[..., :3] = (240, 90, 0)
    pixels[..., 3] = np.rint(200 * values.astype(np.float64))
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    uri = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")
    return tag("img", src=uri, alt="", class_="heat")
