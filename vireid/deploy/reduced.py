"""Graphs of lower precision: half precision, whole numbers of eight bits, and OpenVINO's form; without torch."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vireid.deploy.card import INPUT, Card
from vireid.deploy.image_lists import image_files
from vireid.deploy.onnx_embedder import normalised
from vireid.deploy.pictures import Picture
from vireid.errors import SettingsError
from vireid.structures import Modality

CALIBRATED = 256
"""Images of a modality that tell the range of every activation, at most."""


def write_half(source: Path, target: Path) -> None:
    """A graph in half precision up to its last convolution; pooling and neck keep single precision, whose small constants they need.

    Args:
        source: the graph in single precision.
        target: the file to write. Its input and output are in single precision.
    """
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    model = onnx.load(source)
    nodes = model.graph.node
    last = max((place for place, node in enumerate(nodes) if node.op_type == "Conv"), default=-1)
    head = [node.name for node in nodes[last + 1 :]]
    with _quiet():
        onnx.save(convert_float_to_float16(model, keep_io_types=True, node_block_list=head), target)


def write_whole_numbers(source: Path, target: Path, pixels: Sequence[NDArray[np.uint8]]) -> None:
    """A graph whose weights and activations have eight bits, per channel, with ranges from calibration images.

    Args:
        source: the graph in single precision.
        target: the file to write.
        pixels: ``(H, W, 3)`` images of the graph's modality, as it takes them.
    """
    from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static

    class Images(CalibrationDataReader):  # type: ignore[misc]  # the package has no types
        def __init__(self) -> None:
            self.left = iter(pixels)

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            image = next(self.left, None)
            return None if image is None else {INPUT: normalised(image[None])}

    with _quiet():
        quantize_static(
            source,
            target,
            Images(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )


def calibration_pixels(folder: str, card: Card, modality: Modality) -> list[NDArray[np.uint8]]:
    """Images of a folder, evenly spread over it, as a network takes them.

    Raises:
        VireidError: the folder holds no image, or one that cannot be read.
    """
    paths, how = image_files([folder]), card.preparations[modality]
    chosen = [paths[row] for row in np.unique(np.linspace(0, len(paths) - 1, CALIBRATED).astype(int))]
    return [Picture(path, path).pixels(how.height, how.width, how.pixel_range) for path in chosen]


def write_openvino(source: Path, target: Path) -> Any:
    """OpenVINO's form of a graph, ``.xml`` and ``.bin``, in single precision.

    Args:
        source: the graph.
        target: the ``.xml`` file to write.

    Returns:
        What runs it: called with a batch, it gives a list with the embeddings.
    """
    openvino = check_openvino()
    openvino.save_model(openvino.convert_model(source), target, compress_to_fp16=False)
    settings = {"INFERENCE_PRECISION_HINT": "f32"}  # processors with bf16 would take that
    return openvino.Core().compile_model(target, "CPU", settings)


def check_openvino() -> Any:
    """The module.

    Raises:
        SettingsError: it is not installed.
    """
    try:
        import openvino
    except ImportError as error:
        raise SettingsError("OpenVINO is not installed: pip install 'vireid[openvino]'.") from error
    return openvino


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without advice of onnxruntime's tools."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
