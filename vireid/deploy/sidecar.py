"""What trackers read of a graph, in a file beside it."""

from __future__ import annotations

import json
from pathlib import Path

from vireid.deploy.card import INPUT, OUTPUT, Card, Precision
from vireid.files import file_digest
from vireid.structures import Modality

OPSET = 20
"""Of the graphs; it is read by onnxruntime 1.24, which trackers pin."""


def write_sidecar(path: Path, card: Card, modality: Modality, precision: Precision = "fp32") -> None:
    """``NAME.metadata.json`` beside a graph, with what BoxMOT's re-identification reads of it."""
    how = card.preparations[modality]
    content = {
        "schema_version": 1,
        "model_name": f"vireid_{path.stem}",
        "img_size": [how.height, how.width],
        "preprocess": "resize",
        "artifact_sha256": file_digest(path),
        "input_name": INPUT,
        "output_names": [OUTPUT],
        "dynamic_batch": True,
        "opset": OPSET,
        "precision": precision,
    }
    path.with_name(f"{path.name}.metadata.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
