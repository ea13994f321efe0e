"""A traced network as an ONNX file that other programs read."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import fx

from vireid.deploy.card import INPUT, OUTPUT, Card
from vireid.deploy.sidecar import OPSET
from vireid.deploy.tracing import BATCH, example
from vireid.errors import SettingsError
from vireid.structures import Modality
from vireid.version import __version__

IR = 10
"""Of the files; it is read by onnxruntime 1.24, which trackers pin."""


def onnx_graph(module: fx.GraphModule, card: Card, modality: Modality) -> bytes:
    """The content of an ONNX file, of which only the batch may have any size.

    Raises:
        SettingsError: the packages of the extra are absent.
    """
    check_packages()
    with torch.no_grad(), _quiet():
        program = torch.onnx.export(
            module,
            (example(card, modality),),
            dynamo=True,
            dynamic_shapes=({0: BATCH},),
            optimize=False,  # its optimiser drops small constants
            external_data=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
            verbose=False,
        )
    assert program is not None
    model: Any = program.model_proto
    _clean(model)
    return model.SerializeToString(deterministic=True)  # type: ignore[no-any-return]  # a message of protobuf


def check_packages() -> None:
    """Refuse to begin without the packages of the extra.

    Raises:
        SettingsError: one is absent.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
        import safetensors  # noqa: F401
    except ImportError as error:
        raise SettingsError(f"To export a network takes {error.name}: pip install 'vireid[export]'.") from error


def _clean(model: Any) -> None:
    """Remove nodes that nobody uses, and the exporter's notes: they hold paths of this machine."""
    graph = model.graph
    wanted = {value.name for value in graph.output}
    for position in range(len(graph.node) - 1, -1, -1):
        node = graph.node[position]
        if wanted.isdisjoint(node.output):
            del graph.node[position]
        else:
            wanted.update(node.input)
    for position in range(len(graph.initializer) - 1, -1, -1):
        if graph.initializer[position].name not in wanted:
            del graph.initializer[position]
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    del graph.value_info[:]
    del model.functions[:]
    graph.name = "embedding"
    model.ir_version, model.producer_name, model.producer_version = IR, "vireid", __version__


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's progress and warnings about itself."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
