"""The README of an exported folder, whose program needs onnxruntime, NumPy and Pillow alone."""

from __future__ import annotations

from vireid.deploy.card import Card
from vireid.version import __version__

PROGRAM = '''import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

FOLDER = Path("{folder}")
CARD = json.loads((FOLDER / "card.json").read_text())


def embed(paths, modality):
    """Unit embeddings of image files; modality is visible or infrared."""
    part = CARD["modalities"][modality]
    graph = onnxruntime.InferenceSession(FOLDER / part["file"], providers=["CPUExecutionProvider"])
    size = part["resize"]["width"], part["resize"]["height"]
    images = [ImageOps.exif_transpose(Image.open(path)).convert("RGB").resize(size, Image.Resampling.LANCZOS) for path in paths]
    pixels = np.stack([np.asarray(image) for image in images]).astype(np.float32) / 255
    mean, std = (np.array(part[name], np.float32) for name in ("mean", "std"))

    def unit(rows):
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def run(values):
        return unit(graph.run(None, {{part["input"]["name"]: np.ascontiguousarray(values.transpose(0, 3, 1, 2))}})[0])

    normal = (pixels - mean) / std
    return unit(run(normal) + run(normal[:, :, ::-1])) if CARD["flip"] == "mean" else run(normal)


if __name__ == "__main__":
    query, *gallery = sys.argv[1:]  # an infrared image, and visible ones
    scores = embed(gallery, "visible") @ embed([query], "infrared")[0]
    for row in np.argsort(-scores):
        print(f"{{scores[row]:.4f}} {{gallery[row]}}")
'''


def readme(card: Card, folder: str = ".") -> str:
    """The text.

    Args:
        card: of the folder.
        folder: where the program looks for the files.
    """
    lines = [
        "# Visible-infrared person re-identification",
        "",
        f"Written by vireid {__version__}. `card.json` describes the network; its digest begins with {card.digest[:12]}.",
        f"An embedding has {card.width} numbers. Two embeddings are compared by their cosine.",
        "",
        "| images | graph | size | numbers |",
        "|---|---|---|---|",
    ]
    for modality, how in card.preparations.items():
        file = card.graphs.get(modality, "none")
        lines.append(f"| {modality.name.lower()} | {file} | {how.height} x {how.width} | RGB / 255, ImageNet's mean and deviation |")
    lines += [
        "",
        "An image under the wrong modality gets a worthless embedding. Infrared images have three equal channels.",
        "",
    ]
    if card.results:
        lines += ["| protocol | Rank-1 | mAP |", "|---|---|---|"]
        for row in card.results:
            name = f"{row['protocol']} + {row['variant']}" if row["variant"] else row["protocol"]
            lines.append(f"| {name} | {100 * row['mean']['rank1']:.2f} | {100 * row['mean']['mAP']:.2f} |")
        lines.append("")
    if card.graphs:
        lines += ["This program ranks visible images for an infrared one. It needs onnxruntime, NumPy and Pillow:", ""]
        lines += ["```python", PROGRAM.format(folder=folder).rstrip(), "```", ""]
    lines += [
        "```bash",
        "pip install 'vireid[export]'",
        "vireid export verify .",
        "```",
        "",
        "`verify` compares every file with its digest and every graph with the embeddings in `probe.npz`. A digest shows damage; it is no",
        "signature. The licence of the training images may bind the use of the network.",
        "",
    ]
    return "\n".join(lines)
