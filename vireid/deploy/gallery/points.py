"""What a Qdrant server keeps of an image: plain values by name, bytes in base 64."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vireid.deploy.gallery.entries import Entry, NewImage
from vireid.structures import Modality

BYTES = ("digest", "thumbnail", "original")
IMAGE_FIELDS = tuple(field.name for field in fields(NewImage) if field.name != "embedding")


def entry_fields() -> tuple[str, ...]:
    """Names of what :func:`entry_of` reads."""
    return tuple(field.name for field in fields(Entry) if field.name != "id")


def payload_of(image: NewImage) -> dict[str, Any]:
    """Values of an image; what is not known has no value."""
    found = {name: getattr(image, name) for name in IMAGE_FIELDS}
    found |= {name: base64.b64encode(found[name]).decode() for name in BYTES if found[name] is not None}
    found["modality"] = int(image.modality)
    found["path"] = None if image.path is None else base64.b64encode(os.fsencode(image.path)).decode()
    found["box"] = None if image.box is None else list(image.box)
    return {name: value for name, value in found.items() if value is not None}


def image_of(payload: Mapping[str, Any], embedding: NDArray[np.float32]) -> NewImage:
    """The image of the values."""
    found: dict[str, Any] = {name: payload.get(name) for name in IMAGE_FIELDS}
    found |= {name: base64.b64decode(found[name]) for name in BYTES if found[name] is not None}
    found["modality"] = Modality(payload.get("modality", 0))
    found["path"] = _path(payload)
    found["box"] = None if found["box"] is None else tuple(map(float, found["box"]))
    return NewImage(embedding=embedding, **found)


def entry_of(number: int, payload: Mapping[str, Any]) -> Entry:
    """What is known of the image of the values."""
    time = payload.get("time")
    return Entry(
        number,
        payload.get("person"),
        Modality(payload["modality"]),
        payload.get("camera"),
        None if time is None else float(time),
        _path(payload),
    )


def _path(payload: Mapping[str, Any]) -> str | None:
    path = payload.get("path")
    return None if path is None else os.fsdecode(base64.b64decode(path))
