"""What a deployed network is, and how images reach it; plain values alone, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Literal, get_args

from vireid.data.pixels import PixelRange
from vireid.structures import Modality

Triple = tuple[float, float, float]
Feature = Literal["embeddings", "features"]
Weights = Literal["raw", "average"]
Precision = Literal["fp32", "fp16", "int8"]
IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)
FILTER, COMPARISON, INPUT, OUTPUT = "lanczos", "cosine", "images", "embeddings"


@dataclass(frozen=True)
class Preparation:
    """How an image of one modality becomes an input of the network.

    It is turned upright, becomes RGB of 8 bits (a single channel becomes three equal ones), and is resized by the Lanczos filter. Then
    its values are divided by 255, ``mean`` is subtracted, and ``std`` divides.

    Attributes:
        height, width: size of the input, in pixels.
        mean, std: of the three channels, in units of [0, 1]. They are the network's. Its graph takes ImageNet's and converts them.
        pixel_range: values that become black and white in images of more than 8 bits with one channel; ``None``: their depth.
    """

    height: int
    width: int
    mean: Triple = IMAGENET_MEAN
    std: Triple = IMAGENET_STD
    pixel_range: PixelRange | None = None


@dataclass(frozen=True)
class Card:
    """What an embedder is.

    Attributes:
        digest: SHA-256 of the network and of all that changes its embeddings. Embeddings with equal digests may be compared.
        width: D, numbers of an embedding.
        preparations: for each modality, how images reach the network.
        feature: ``embeddings`` (after the neck) or ``features`` (before it).
        weights: ``raw``, or ``average`` for an exponential moving average.
        flip: whether an embedding is the mean of those of image and mirror image.
        task: settings that rebuild the network, ``{"class_path", "init_args"}``.
        results: rows of the network's test, as in ``metrics.json``.
        calibration: thresholds; ``None`` if there are none.
        provenance: where the network comes from.
        graphs: for each modality, the name of its ONNX file; empty if there are none.
        files: SHA-256 of the other files of the folder but its README, by name.
        parity: largest differences between the graphs and the network in torch, measured when they were written.
        producers: versions of the packages that wrote the folder.
        precision: of the graphs.
    """

    digest: str
    width: int
    preparations: Mapping[Modality, Preparation]
    feature: Feature = "embeddings"
    weights: Weights = "raw"
    flip: bool = False
    task: Mapping[str, Any] = field(default_factory=dict, repr=False)
    results: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    calibration: Mapping[str, Any] | None = field(default=None, repr=False)
    provenance: Mapping[str, Any] = field(default_factory=dict, repr=False)
    graphs: Mapping[Modality, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict, repr=False)
    parity: Mapping[str, Any] | None = field(default=None, repr=False)
    producers: Mapping[str, str] = field(default_factory=dict, repr=False)
    precision: Precision = "fp32"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "digest": self.digest,
            "width": self.width,
            "comparison": COMPARISON,
            "precision": self.precision,
            "feature": self.feature,
            "weights": self.weights,
            "flip": "mean" if self.flip else "none",
            "modalities": {modality.name.lower(): self._modality(modality) for modality in self.preparations},
            "files": dict(self.files),
            "parity": None if self.parity is None else dict(self.parity),
            "results": [dict(row) for row in self.results],
            "calibration": None if self.calibration is None else dict(self.calibration),
            "provenance": dict(self.provenance),
            "producers": dict(self.producers),
            "task": dict(self.task),
        }

    def _modality(self, modality: Modality) -> dict[str, Any]:
        how = self.preparations[modality]
        file = self.graphs.get(modality)
        return {
            "file": file,
            "sha256": None if file is None else self.files.get(file),
            "input": {"name": INPUT, "shape": ["batch", 3, how.height, how.width], "dtype": "float32"},
            "output": {"name": OUTPUT, "shape": ["batch", self.width], "dtype": "float32", "normalised": False},
            "colour_order": "RGB",
            "channels": "three" if modality is Modality.VISIBLE else "one channel, repeated three times",
            "resize": {"height": how.height, "width": how.width, "filter": FILTER},
            "scale": 1 / 255,
            "mean": list(IMAGENET_MEAN),
            "std": list(IMAGENET_STD),
            "network_mean": list(how.mean),
            "network_std": list(how.std),
            "pixel_range": None if how.pixel_range is None else list(how.pixel_range),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Card:
        """The card of plain values, as :meth:`to_dict` gave them.

        Raises:
            KeyError, TypeError, ValueError: they are none, or ask for something that this version cannot do.
        """
        _check_words(content)
        found = {Modality[name.upper()]: part for name, part in content["modalities"].items()}
        return cls(
            str(content["digest"]),
            int(content["width"]),
            {modality: _preparation(part) for modality, part in found.items()},
            content["feature"],
            content["weights"],
            content["flip"] == "mean",
            dict(content["task"]),
            tuple(dict(row) for row in content["results"]),
            content["calibration"],
            dict(content["provenance"]),
            {modality: str(part["file"]) for modality, part in found.items() if part["file"] is not None},
            {str(name): str(digest) for name, digest in content["files"].items()},
            content["parity"],
            dict(content["producers"]),
            content["precision"],
        )


def _check_words(content: Mapping[str, Any]) -> None:
    literals = {"feature": get_args(Feature), "weights": get_args(Weights), "precision": get_args(Precision)}
    known = {"comparison": (COMPARISON,), "flip": ("none", "mean"), **literals}
    for name, words in known.items():
        if content[name] not in words:
            raise ValueError(f"`{name}` must be {' or '.join(words)}, got {content[name]!r}")
    for name in (*content["files"], *(part["file"] for part in content["modalities"].values() if part["file"] is not None)):
        if PurePath(name).is_absolute() or ".." in PurePath(name).parts:
            raise ValueError(f"the file {name!r} lies outside of the folder")
    for name, part in content["modalities"].items():
        if part["resize"]["filter"] != FILTER:
            raise ValueError(f"`{name}` resizes by {part['resize']['filter']!r}, and this version by {FILTER!r}")


def _preparation(part: Mapping[str, Any]) -> Preparation:
    size, ends = part["resize"], part["pixel_range"]
    mean, std = (_triple(part[name]) for name in ("network_mean", "network_std"))
    return Preparation(int(size["height"]), int(size["width"]), mean, std, None if ends is None else (float(ends[0]), float(ends[1])))


def _triple(values: Any) -> Triple:
    first, second, third = map(float, values)
    return first, second, third
