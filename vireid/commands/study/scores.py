"""Scores of genotypes with the weights of one supernet."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from vireid.commands.lightning_warnings import quiet_lightning
from vireid.data import BatchDataModule
from vireid.errors import ResultsError
from vireid.files import read_text, write_text_atomically
from vireid.search import RetrievalScore
from vireid.settings import instantiate
from vireid.structures import Genotype
from vireid.tasks import SearchModule, read_checkpoint
from vireid.tasks.checkpoints import SECTION
from vireid.tasks.search.child_score import InheritedScore

FORMAT, VERSION = "vireid.study.scores", 1


def main(words: Sequence[str]) -> int:
    """Run one scoring: ``CHECKPOINT OUTPUT ACCELERATOR GENOTYPE...``."""
    checkpoint, output, accelerator, *files = words
    quiet_lightning()
    genotypes = {Path(file).stem: Genotype.load(file) for file in files}
    write_scores(Path(output), supernet_scores(Path(checkpoint), genotypes, Path(output).parent, accelerator))
    return 0


def supernet_scores(checkpoint: Path, genotypes: dict[str, Genotype], folder: Path, accelerator: str = "auto") -> dict[str, float]:
    """mAP of every genotype with inherited weights and statistics of its own, on identities that the supernet's weights never saw.

    Args:
        checkpoint: checkpoint of a search.
        genotypes: points of its space, by name.
        folder: folder for Lightning's files.
        accelerator: accelerator of Lightning's Trainer.
    """
    module = SearchModule.load_from_checkpoint(checkpoint)
    data = instantiate(read_checkpoint(checkpoint)[SECTION]["data"], of_kind=BatchDataModule, validation="heldout")
    data.only_reads = True
    module.run_dir = folder
    asked = _ScoreAll(genotypes)
    trainer = pl.Trainer(
        accelerator=accelerator,
        devices=1,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        inference_mode=False,  # images that are cached now are read again in training mode
        default_root_dir=folder,
        callbacks=[asked],
    )
    trainer.validate(module, datamodule=data, verbose=False)
    return asked.scores


class _ScoreAll(pl.Callback):
    """Scores within a validation, where module, data and device are in place."""

    def __init__(self, genotypes: dict[str, Genotype]) -> None:
        self.genotypes, self.scores = genotypes, dict[str, float]()

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002 (interface)
        assert isinstance(pl_module, SearchModule)
        score = InheritedScore(pl_module, RetrievalScore())
        derived = pl_module.space.genotype(pl_module.architecture.choices())
        self.scores = {name: score(genotype) for name, genotype in self.genotypes.items()}
        pl_module.supernet.set_genotype(derived)  # what the validation itself is about


def write_scores(path: Path, scores: dict[str, float]) -> None:
    """Write scores by genotype, atomically."""
    content: dict[str, Any] = {"format": FORMAT, "version": VERSION, "criterion": "mAP on held-out identities", "scores": scores}
    write_text_atomically(path, json.dumps(content, indent=1) + "\n")


def read_scores(path: Path) -> dict[str, float]:
    """Read scores by genotype.

    Raises:
        ResultsError: the file is damaged or not ours.
    """
    try:
        content = json.loads(read_text(path))
        if content["format"] != FORMAT or content["version"] != VERSION:
            raise ValueError("it is of another format")
        return {str(name): float(value) for name, value in content["scores"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ResultsError(f"{str(path)!r} holds no scores of a supernet: {error}. Delete it and its job to score again.") from error
