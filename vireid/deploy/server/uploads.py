"""Images that somebody sends: decoded within bounds, whatever their name says, and looked at for the wrong sensor."""

from __future__ import annotations

from fastapi import UploadFile
from PIL import Image

from vireid.data.image_files import FORMATS, decoded_image
from vireid.deploy.image_embedder import ImageEmbedder
from vireid.deploy.pictures import Picture, looks_coloured
from vireid.deploy.server.problems import Refusal
from vireid.structures import Modality

UNKNOWN = "application/octet-stream"
NAME = "The upload"
COLOURED = "The image is in colour, and an infrared image has three equal channels. Is the modality right?"


def decoded(upload: UploadFile) -> Image.Image:
    """The image of an upload. Its name is never read.

    Raises:
        BadImageError: it is damaged, too large, or not an image.
        Refusal: it is said to be something else than an image (415), or is empty (422).
    """
    kind = (upload.content_type or UNKNOWN).lower()
    if kind != UNKNOWN and not kind.startswith("image/"):
        raise Refusal(415, f"The upload is said to be {kind[:100]!a}, and an image is wanted ({', '.join(FORMATS)}).")
    content = upload.file.read()
    if not content:
        raise Refusal(422, "The upload is empty: 0 bytes came. Send an image.")
    return decoded_image(content, NAME)


def remarks_on(image: Image.Image, modality: Modality, embedder: ImageEmbedder) -> list[str]:
    """What a sender should know: an image in colour is hardly infrared, and its embedding would be worthless."""
    if modality is not Modality.INFRARED:
        return []
    how = embedder.card.preparations[modality]
    return [COLOURED] if looks_coloured(Picture(image, NAME).pixels(how.height, how.width, how.pixel_range)) else []
