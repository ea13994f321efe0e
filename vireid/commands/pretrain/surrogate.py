"""Weights of a pretraining. They are trained once for their settings, and read from a cache afterwards."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vireid.commands.jobs.job import digest
from vireid.commands.pretrain.settings import Pretraining
from vireid.commands.pretrain.training import checked_trunk, trained_weights
from vireid.commands.run_directory import writable
from vireid.commands.study.recipes import Recipe, recipe
from vireid.data.synthetic import GENERATOR_VERSION, write_dataset
from vireid.errors import OutputError
from vireid.files import atomic_file, read_text, write_text_atomically
from vireid.terminal import say
from vireid.version import __version__

RECIPE = "pretrain/generated.yaml"


def pretrained(pretraining: Pretraining, output: Path | None = None) -> Path:
    """The file of a trunk's weights, a state dict by the trunk's names. The trunk is trained unless the cache holds these weights.

    The cache is ``~/.cache/vireid/pretrained``. A file beside the weights holds the settings as JSON. The same settings give the same
    bits on one machine with one thread.

    Args:
        pretraining: what is trained.
        output: path for a copy of the weights, with the settings beside it; ``None`` for no copy.

    Returns:
        ``output``, or the file in the cache.

    Raises:
        SettingsError: there is no such trunk, or it does not read weights from a file.
        OutputError: ``output`` exists with other settings, or a folder cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="vireid-pretrain-") as name:
        found = recipe("pretrain", [RECIPE, pretraining.layer()], Path(name))
        settings = settings_file(pretraining, found)
        path = _cache("pretrained") / f"{digest(settings)[:16]}.pth"
        if output is not None:
            _check_free(output, settings)
        if _lies_at(path, settings):
            say("These weights have been trained before.")
        else:
            trunk = checked_trunk(found.model("space"), Path(name))
            words = ["fit", *found.words, "--data.root", str(_people(pretraining)), "--seed_everything", str(pretraining.seed)]
            _write(path, trained_weights(trunk, [*words, "--run_dir", str(Path(name) / "run")]), settings)
    return path if output is None else _copied(path, output, settings)


def settings_file(pretraining: Pretraining, found: Recipe) -> dict[str, Any]:
    """Content of the file beside the weights: everything that they depend on. The resolved recipe is there as a digest."""
    versions = {"vireid": __version__, "generator": GENERATOR_VERSION}
    return {"format": "vireid.pretraining", **asdict(pretraining), **versions, "recipe_sha256": digest(found.resolved)}


def _people(pretraining: Pretraining) -> Path:
    """Folder of the drawn people, who are drawn on first use."""
    drawing = pretraining.drawing()
    folder = _cache("synthetic") / digest({"version": GENERATOR_VERSION, "layout": "market", **drawing})[:16]
    if not folder.exists():
        write_dataset(folder, layout="market", progress=True, **drawing)
    return folder


def _cache(kind: str) -> Path:
    return Path.home() / ".cache" / "vireid" / kind


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _lies_at(path: Path, settings: Mapping[str, Any]) -> bool:
    try:
        return path.is_file() and json.loads(read_text(_beside(path))) == settings
    except (OSError, ValueError, RecursionError):
        return False


def _check_free(output: Path, settings: Mapping[str, Any]) -> None:
    writable(output.absolute().parent)
    if (output.exists() or _beside(output).exists()) and not _lies_at(output, settings):
        raise OutputError(f"{str(output)!r} exists with other settings, and nothing is overwritten. Name another file with --output.")


def _write(path: Path, state: Mapping[str, Tensor], settings: Mapping[str, Any]) -> None:
    write_text_atomically(_beside(path), json.dumps(settings, indent=1) + "\n")
    with atomic_file(path) as file:  # last: where it is, all is
        torch.save(dict(state), file)


def _copied(path: Path, output: Path, settings: Mapping[str, Any]) -> Path:
    if not _lies_at(output, settings):
        write_text_atomically(_beside(output), _beside(path).read_text(encoding="utf-8"))
        with path.open("rb") as source, atomic_file(output) as file:
            shutil.copyfileobj(source, file)
    return output
