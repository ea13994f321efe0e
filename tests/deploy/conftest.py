"""Checkpoints of three tiny networks, and their folders; each graph is written once a session."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.commands.runs import SPACE, small
from tests.deploy.trained import SPACE as TINY, averaged, checkpoint, module
from vireid.cli import main
from vireid.models import BNNeckHead
from vireid.nn import GeMPooling
from vireid.search import JointNorm
from vireid.tasks import EMA, Retrieval

Folder = Callable[[str], Path]


@pytest.fixture(scope="session")
def tested(regdb_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a run with an average, and its test."""
    folder = tmp_path_factory.mktemp("tested")
    words = ["-c", "data/regdb.yaml", f"--data.root={regdb_root}", "-c", "train/all_separate.yaml", *SPACE, "-c", str(small(folder))]
    average = ["--model.ema.mode=average", "--model.ema.decay=0.5"]
    main(["fit", *words, *average, "--trainer.max_epochs=1", "--trainer.limit_train_batches=2", "--run_dir", str(folder / "run")])
    main(["test", "--ckpt", str(folder / "run" / "checkpoints" / "last.ckpt")])
    return folder / "run"


@pytest.fixture(scope="session")
def exported(tested: Path, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """Folders by name; a folder's checkpoint is beside it.

    ``shared`` has one graph, ``trained`` separate norms, an average and a test, and ``joint`` all kinds of norms, a learned GeM, features,
    the mirror image and statistics for each modality.
    """
    root = tmp_path_factory.mktemp("exported")
    plain = {"height": 48, "width": 24}
    gem = BNNeckHead(GeMPooling(3.0, learn=True))
    makers = {
        "shared": lambda path: checkpoint(module("all_shared", TINY), path, plain),
        "trained": lambda path: path.write_bytes((tested / "checkpoints" / "last.ckpt").read_bytes()),
        "joint": lambda path: checkpoint(
            averaged(
                module(
                    "random-3",
                    JointNorm("resnet10", width=8),
                    head=gem,
                    ema=EMA(0.9, mode="average"),
                    evaluation=Retrieval(feature="features", flip=True),
                )
            ),
            path,
        ),
    }

    @cache
    def folder(name: str) -> Path:
        path = root / f"{name}.ckpt"
        makers[name](path)
        results = ["--results", str(tested)] if name == "trained" else []
        main(["export", str(path), "--output", str(root / name), *results])
        return root / name

    return folder
